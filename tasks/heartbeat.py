"""Signs of life of a process: a beat in Redis for the farm, a file for the container.

``python -m tasks.heartbeat`` ends with 0 while the file is young: the health check of
every container that has no HTTP door.
"""

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from farm.jobs.errors import BackendUnavailable, ConfigError
from tasks.settings import WorkerSettings

EVERY_S = 5.0
TTL_S = 20
"""Three beats may be lost before a process counts as gone."""

_log = structlog.get_logger(__name__)


class Heartbeat:
    """Beats in a thread of its own until it is stopped."""

    def __init__(self, file: Path | None, beat: Callable[[], None]) -> None:
        """Touch ``file``, if there is one, and call ``beat`` every few seconds once started."""
        self._file = file
        self._beat = beat
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Beat once now, then regularly."""
        self._thread.start()

    def stop(self) -> None:
        """Stop beating; returns when the last beat is over."""
        self._stop.set()
        self._thread.join()
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    def _run(self) -> None:
        while True:
            # The file says that the process runs. Whether Redis answers is not its
            # matter: a restart of the process would not bring Redis back.
            if self._file is not None:
                self._file.touch()
            try:
                self._beat()
            except BackendUnavailable as error:
                _log.warning("beat_lost", why=error.message)
            if self._stop.wait(EVERY_S):
                return


def is_young(file: Path) -> bool:
    """Return whether the process behind ``file`` has beaten lately."""
    try:
        age_s = time.time() - file.stat().st_mtime  # noqa: TID251 - a file's age is wall time
    except OSError:
        return False
    return age_s < TTL_S


if __name__ == "__main__":
    try:
        sys.exit(0 if is_young(WorkerSettings.from_environment().heartbeat_file) else 1)
    except ConfigError as error:
        sys.exit(error.message)
