"""The states of a job and the only table of legal moves between them."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class JobState(StrEnum):
    """Where a job stands. A caller sees exactly these words."""

    QUEUED = "queued"
    """Stored, waiting for a worker."""
    RUNNING = "running"
    """Claimed by one worker until its lease ends."""
    SUCCEEDED = "succeeded"
    """Done; its artifacts are stored."""
    FAILED = "failed"
    """Done; ``failure`` says why. It has no artifacts."""
    CANCELLED = "cancelled"
    """Stopped by a caller. It has no artifacts."""

    @property
    def is_terminal(self) -> bool:
        """Whether only a caller's retry can move the job on."""
        return self in _TERMINAL


_TERMINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})

MOVES: Mapping[JobState, frozenset[JobState]] = MappingProxyType(
    {
        # Without running a queued job succeeds when it is answered with a twin's result, and
        # fails when its attempts were used up by lost workers.
        JobState.QUEUED: frozenset(
            {JobState.RUNNING, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}
        ),
        # Back to queued: the attempt was given back, by a worker that stops or by the sweep.
        JobState.RUNNING: frozenset(
            {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.QUEUED}
        ),
        JobState.SUCCEEDED: frozenset(),
        # A caller's retry.
        JobState.FAILED: frozenset({JobState.QUEUED}),
        JobState.CANCELLED: frozenset({JobState.QUEUED}),
    }
)
