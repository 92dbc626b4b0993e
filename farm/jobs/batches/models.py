"""What a batch is: its options, what is kept of it, and how far it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field

from farm.jobs.models import ALL_ZONES, Record, Zone
from farm.jobs.specs.base import Model, WebhookOptions, WebhookUrl

RATE_WINDOW_S = 60
"""The rate is that of the last minute: long enough for slow pages, short enough to be true."""


class BatchState(StrEnum):
    """Where a batch stands. A caller sees exactly these words."""

    RUNNING = "running"
    PAUSED = "paused"
    """What waits is held; what runs ends."""
    FINISHED = "finished"
    """All of its jobs have ended, and none is about to be queued again. Never stored."""
    CANCELLED = "cancelled"
    """A caller stopped it. Jobs may be open for a moment yet."""


class OnComplete(WebhookOptions):
    """Who is told when all jobs of a batch have ended, or when it pauses by itself."""

    webhook_url: Annotated[
        WebhookUrl, Field(description="Where to POST the batch.", examples=["https://example.com"])
    ]


class BatchOptions(Model):
    """How the jobs of a batch are run together."""

    dedupe: Annotated[bool, Field(description="Leave out what is there before, all alike.")] = True
    per_host_concurrency: Annotated[
        int, Field(ge=1, le=100, description="Jobs of one host that may be under way at once.")
    ] = 2
    per_host_delay: Annotated[
        int,
        Field(
            ge=0,
            le=600_000,
            description="Milliseconds from the start of one job of a host to that of the next.",
        ),
    ] = 0
    max_failures: Annotated[
        int | None,
        Field(ge=1, description="Once so many jobs have failed, the batch pauses."),
    ] = None
    on_complete: OnComplete | None = None


class Batch(Record):
    """What is kept of a batch beside its counts. A change is a new one, a revision further."""

    id: str
    created_at: datetime
    owner: str = ""
    """Id of the key that it was submitted with; ``""`` in a farm that has no keys."""
    zones: tuple[Zone, ...] = ALL_ZONES
    options: BatchOptions = BatchOptions()
    fingerprint: str = ""
    """Of the request that it came with: what its idempotency key stands for."""
    draft_id: str = ""
    """Tells the request that made it from others with its idempotency key."""
    state: BatchState = BatchState.RUNNING
    revision: int = 1
    pause_at: int | None = None
    """Failures at which it pauses by itself; ``None``: at no number."""
    retry_until: datetime | None = None
    """What failed up to then is being queued again; ``None``: nothing is."""

    def changed(self, **changes: object) -> Self:
        """Return the batch with ``changes``, one revision further."""
        return self.model_copy(update={**changes, "revision": self.revision + 1})


@dataclass(frozen=True)
class Progress:
    """How many jobs of a batch are in each state. The ledger's own steps keep count."""

    queued: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    failures_by_code: Mapping[str, int] = field(default_factory=dict)
    ended_per_min: float = 0
    """At the rate of the last minute."""
    finished_at: datetime | None = None
    """When its last job ended; ``None`` while one is open."""
    kept_until: datetime | None = None
    """When the retention of its last job is over; ``None`` before any has ended."""

    @property
    def open(self) -> int:
        """Jobs that have not ended."""
        return self.queued + self.running

    @property
    def total(self) -> int:
        """All that were accepted, without those that a caller has deleted."""
        return self.open + self.succeeded + self.failed + self.cancelled


@dataclass(frozen=True)
class Standing:
    """A batch, and how far it is."""

    batch: Batch
    progress: Progress

    @property
    def is_over(self) -> bool:
        """Whether no job is open, and none is about to be queued again."""
        return self.progress.open == 0 and self.batch.retry_until is None

    @property
    def state(self) -> BatchState:
        """Where it stands."""
        if self.is_over and self.batch.state is not BatchState.CANCELLED:
            return BatchState.FINISHED
        return self.batch.state

    @property
    def finished_at(self) -> datetime | None:
        """When its last job ended; ``None``: it is not over."""
        return self.progress.finished_at if self.is_over else None

    @property
    def eta_s(self) -> int | None:
        """Seconds until its last job ends, at the present rate; ``None``: nobody knows."""
        rate_per_min = self.progress.ended_per_min
        if self.is_over:
            return 0
        if self.state is not BatchState.RUNNING or not (self.progress.open and rate_per_min):
            return None
        return round(self.progress.open / rate_per_min * 60)


@dataclass(frozen=True)
class BatchPage:
    """Some batches, newest first."""

    batches: tuple[Standing, ...]
    next: int | None
    """Where the next page begins; ``None``: this is the last."""
