"""The gate's process, kept alive by the worker's main process."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import structlog

from tasks.egress.control import Remote
from tasks.egress.policy import DEFAULT_PORTS
from tasks.identity import started_at
from tasks.process import start

_FOLDER = re.compile(r"farm-gate-(\d+)-(\d+)-\w+")
_FOLDER_MAX = 100
"""Bytes: the whole path of a socket may have 107 (unix(7)), and its name takes 8."""
_AGAIN_S = 0.5
_END_S = 3.0
"""What the gate gets to end in good order; it needs a few milliseconds."""

_log = structlog.get_logger(__name__)


class Keeper:
    """Starts the gate, starts it again if it dies, and ends it.

    Before a fork only ``control`` is for the children.
    """

    def __init__(
        self, *, allow: str = "", deny: str = "", ports: str = DEFAULT_PORTS, own: str = ""
    ) -> None:
        """Start nothing yet. The rules are those of ``tasks.egress.policy.Policy``."""
        owner = f"{os.getpid()}-{started_at(os.getpid())}"
        self._folder = _short(Path(tempfile.gettempdir()) / f"farm-gate-{owner}-{token_hex(3)}")
        self.control = self._folder / "control"
        """Where the gate takes orders; see ``tasks.egress.client``."""
        self._rules = {"allow": allow, "deny": deny, "ports": ports, "own": own}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        # The gate is told to end when the thread ends that started it. This one lives as
        # long as the process.
        self._thread = threading.Thread(target=self._run, name="gate-keeper", daemon=True)

    def start(self) -> None:
        """Start the gate; returns at once. Its clients wait a moment for it."""
        self._thread.start()

    def stop(self) -> None:
        """End the gate, if it was started; returns when nothing of it is left."""
        if self._thread.ident is None:
            return
        with self._lock:
            self._stopping.set()
            process = self._process
        if process is not None:
            process.terminate()
            self._thread.join(_END_S)
            process.kill()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        _remove_deserted(self._folder.parent)
        while not self._stopping.is_set():
            try:
                exit_code = self._live_through_one()
            except OSError as error:  # The disk is full, or the table of processes.
                _log.error("gate_not_started", why=str(error))
            else:
                if not self._stopping.is_set():
                    _log.error("gate_ended", exit_code=exit_code)
            self._stopping.wait(_AGAIN_S)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _live_through_one(self) -> int | None:
        """Start a gate and wait for its end; return its exit code.

        Raises:
            OSError: It cannot be started.
        """
        argv = [sys.executable, "-m", "tasks.egress", "--parent", str(os.getpid())]
        argv += [f"--control={self.control}"]
        argv += [f"--{name}={text}" for name, text in self._rules.items()]
        with self._lock:
            if self._stopping.is_set():
                return None
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._process = start(argv)
        return self._process.wait()


@dataclass(frozen=True)
class KeptElsewhere:
    """In the place of a keeper where the gate has a container of its own."""

    control: Remote
    """Where that gate takes orders."""

    def start(self) -> None:
        """Leave that to whoever runs the container."""

    def stop(self) -> None:
        """Leave it standing, for the others; sessions end with the connections of their worker."""


def _short(folder: Path) -> Path:
    """Return ``folder``, or one beside all others if a socket's path in it were too long."""
    return folder if len(bytes(folder)) < _FOLDER_MAX else Path("/tmp") / folder.name  # noqa: S108 - A folder of its own, for this user alone


def _remove_deserted(parent: Path) -> None:
    """Remove the folders of keepers that had no time to do so."""
    for folder in parent.glob("farm-gate-*"):
        owner = _FOLDER.fullmatch(folder.name)
        if owner is not None and started_at(int(owner[1])) != int(owner[2]):
            shutil.rmtree(folder, ignore_errors=True)
