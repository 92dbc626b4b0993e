"""A point in time that all steps of one job share."""

import threading
import time
from copy import copy
from typing import Self

from farm.jobs.errors import JobTimedOut


class Deadline:
    """When a job must have ended, on the clock that nobody can set."""

    def __init__(self, timeout_s: float) -> None:
        """Let ``timeout_s`` seconds pass from now."""
        self.timeout_s = timeout_s
        self._at = time.monotonic() + timeout_s
        self._cut = threading.Event()

    @property
    def left_s(self) -> float:
        """Seconds that are left; 0 once it has passed or was cut."""
        return 0.0 if self.is_cut else max(0.0, self._at - time.monotonic())

    @property
    def is_cut(self) -> bool:
        """Whether it was made to pass."""
        return self._cut.is_set()

    def cut(self) -> None:
        """Let it pass now, with all its parts. May be called from any thread."""
        self._cut.set()  # The parts share it.

    def within(self, seconds: float) -> Self:
        """Return the deadline of a part: ``seconds`` from now, or this one where that is sooner."""
        part = copy(self)
        part._at = min(self._at, time.monotonic() + max(0.0, seconds))  # noqa: SLF001 - our own
        return part

    def left_ms(self, step: str) -> float:
        """Return the milliseconds that ``step`` may take.

        Never 0, which Playwright reads as "no limit".

        Raises:
            JobTimedOut: Nothing is left; it names ``step``.
        """
        if self.left_s == 0:
            raise self.passed(step)
        return max(1.0, self.left_s * 1000)

    def passed(self, step: str, waiting_for: str | None = None) -> JobTimedOut:
        """Return the error for running out of time in ``step``."""
        return JobTimedOut(step, self.timeout_s, waiting_for)
