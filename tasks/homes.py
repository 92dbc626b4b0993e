"""A temporary folder for each child of a worker, and the end of what a dead one left.

The folder's name says whose it is. Playwright's driver, browsers and ffprobe have it as
their ``TMPDIR``, so they too can be told from those of a child that is alive.
"""

import os
import re
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
import structlog

from tasks.identity import started_at

# Short: Chromium puts a socket into it, whose whole path may have 107 characters.
_NAME = re.compile(r"farm-child-(\d+)-(\d+)")
_REAP_EVERY_S = 60.0

_log = structlog.get_logger(__name__)


def move_in() -> Path:
    """Give this process a temporary folder of its own, and all that it starts from now on."""
    pid = os.getpid()
    home = Path(tempfile.gettempdir()) / f"farm-child-{pid}-{started_at(pid)}"
    home.mkdir(mode=0o700, exist_ok=True)
    tempfile.tempdir = str(home)
    os.environ["TMPDIR"] = str(home)  # noqa: TID251 - written, for Playwright's driver
    return home


class Reaper:
    """Removes what children left that did not end in good order."""

    def __init__(self, folder: Path) -> None:
        """Look after the homes in ``folder``."""
        self._folder = folder
        self._reaped_at: float | None = None

    def reap_if_due(self) -> None:
        """Reap if that was a while ago."""
        now = time.monotonic()
        if self._reaped_at is None or now - self._reaped_at >= _REAP_EVERY_S:
            self._reaped_at = now
            self.reap()

    def reap(self) -> None:
        """Kill processes whose child is gone, and remove its folder."""
        for process in psutil.process_iter():
            # Another user's cannot be read, and is not ours.
            with suppress(psutil.Error, OSError):
                if _is_deserted(process.environ().get("TMPDIR", "")) and _is_in_sight(process):
                    _kill_group(process)
        for home in self._folder.glob("farm-child-*"):
            if _is_deserted(str(home)):
                _log.warning("home_removed", home=home.name)
                shutil.rmtree(home, ignore_errors=True)


def _is_deserted(home: str) -> bool:
    """Return whether ``home`` is the home of a process that is gone."""
    owner = _NAME.fullmatch(Path(home).name)
    return owner is not None and started_at(int(owner[1])) != int(owner[2])


def _is_in_sight(process: psutil.Process) -> bool:
    """Return whether pids mean the same to ``process`` as to this one: no container between."""
    return Path(f"/proc/{process.pid}/ns/pid").readlink() == Path("/proc/self/ns/pid").readlink()


def _kill_group(process: psutil.Process) -> None:
    group = os.getpgid(process.pid)
    if group != os.getpgrp():
        _log.warning("orphan_killed", pid=process.pid, name=process.name())
        os.killpg(group, signal.SIGKILL)
