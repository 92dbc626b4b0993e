"""A point in time that all steps of one job share."""

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

    @property
    def left_s(self) -> float:
        """Seconds that are left; 0 once it has passed."""
        return max(0.0, self._at - time.monotonic())

    def part(self, fraction: float) -> Self:
        """Return a deadline for one try: after ``fraction`` of the whole timeout, or this one's."""
        part = copy(self)
        part._at = min(self._at, time.monotonic() + self.timeout_s * fraction)  # noqa: SLF001 - our own
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

    def passed(self, step: str) -> JobTimedOut:
        """Return the error for running out of time in ``step``."""
        return JobTimedOut(step, self.timeout_s)
