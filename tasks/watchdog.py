"""The net under a job's own time limits, and the end of a job that nobody wants any more."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from farm.jobs.ladder import Ladder
from tasks.deadline import Deadline

_LOOK_EVERY_S = 0.25
"""A block that is shorter is never looked at, and so costs nothing."""


@dataclass(frozen=True, eq=False)
class _Watch:
    deadline: Deadline
    kill: Callable[[], None]
    is_wanted: Callable[[], bool]
    kill_at: float

    def is_over(self) -> bool:
        if self.deadline.is_cut or time.monotonic() >= self.kill_at:
            return True
        return not self.is_wanted()


class Watchdog:
    """One thread of a process that stands behind its jobs, one after the other.

    Some calls of Playwright take no timeout (``page.title``, ``page.evaluate``);
    killing the browser makes them fail at once, where raising from a signal handler
    would now and then break its event loop.
    """

    def __init__(self) -> None:
        """Start nothing yet: a thread would not survive a fork."""
        self._changed = threading.Condition()
        self._watch: _Watch | None = None
        self._thread: threading.Thread | None = None

    @contextmanager
    def over(
        self,
        deadline: Deadline,
        kill: Callable[[], None],
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> Iterator[None]:
        """End the block when it takes too long, or is not wanted any more.

        Then ``deadline`` is cut, and ``kill`` is called from another thread, again and
        again until the block ends: it may have just missed what the block started.
        After that it is never called.

        Args:
            deadline: Of the block; the ladder says how long after it ``kill`` comes.
            kill: Makes what the block waits for fail. Takes next to no time.
            is_wanted: Asked now and then; may take its time.
        """
        kill_at = time.monotonic() + Ladder(deadline.timeout_s).watchdog_s
        with self._changed:
            self._watch = _Watch(deadline, kill, is_wanted, kill_at)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
                self._thread.start()
            self._changed.notify()
        try:
            yield
        finally:
            with self._changed:  # Not while the thread is killing.
                self._watch = None

    def _run(self) -> None:
        while True:
            with self._changed:
                while self._watch is None:
                    self._changed.wait()
                watch = self._watch
                self._changed.wait(_LOOK_EVERY_S)  # Shorter if another block begins.
                if self._watch is not watch:
                    continue
            if watch.is_over():
                self._end(watch)

    def _end(self, watch: _Watch) -> None:
        with self._changed:
            if self._watch is watch:
                watch.deadline.cut()
                watch.kill()
