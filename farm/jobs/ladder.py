"""One deadline per job, and everything that is derived from it.

Each rung is a net below the one before it, and none may fire first out of turn:
the job's own steps end at ``timeout_s``; then the watchdog kills the browser;
then Celery raises in the child; then Celery kills the child; then the lease ends
and the sweep gives the job back. Both sides use it: the publisher puts Celery's
limits on the message, the worker derives the rest.
"""

from dataclasses import dataclass

from farm.jobs.specs.media import PROBE_TIMEOUT_MAX_MS
from farm.jobs.specs.page import PAGE_TIMEOUT_MAX_MS


@dataclass(frozen=True)
class Ladder:
    """The rungs for one job, in seconds from the claim."""

    timeout_s: float

    @property
    def watchdog_s(self) -> float:
        """When the browser is killed. 2 s are for a step that is just ending."""
        return self.timeout_s + 2

    @property
    def soft_limit_s(self) -> float:
        """When Celery raises in the child. 6 s are for the kill and the record."""
        return self.timeout_s + 8

    @property
    def hard_limit_s(self) -> float:
        """When Celery kills the child."""
        return self.timeout_s + 15

    @property
    def lease_s(self) -> float:
        """When a claim is no longer believed. Nothing of the child can be left by then."""
        return self.timeout_s + 25


VISIBILITY_TIMEOUT_S = max(PAGE_TIMEOUT_MAX_MS, PROBE_TIMEOUT_MAX_MS) // 1000 + 60
"""When Celery hands an unacknowledged message to another worker: above every lease."""
