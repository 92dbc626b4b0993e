"""A batch as a caller sees it."""

from collections.abc import Mapping
from enum import StrEnum

from farm.jobs.errors import FieldError
from farm.jobs.views import Time, View


class BatchState(StrEnum):
    """Where a batch stands."""

    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class RejectedView(View):
    """A line of a batch that did not become a job."""

    line: int
    """Counted from 1."""
    errors: tuple[FieldError, ...]


class BatchView(View):
    """A batch, as JSON."""

    id: str
    state: BatchState
    total: int
    queued: int
    running: int
    succeeded: int
    failed: int
    cancelled: int
    rate_per_min: float | None
    eta_s: float | None
    failures_by_code: Mapping[str, int]
    created_at: Time
    finished_at: Time | None
    rejected: tuple[RejectedView, ...] = ()
    """Only where the batch is handed in."""
