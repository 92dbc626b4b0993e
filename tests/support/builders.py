"""Things to test with, each with defaults that a test overrides where it matters."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from farm.backends.memory import (
    ManualClock,
    MemoryArtifacts,
    MemoryLedger,
    MemoryQueue,
    MemoryWorkers,
)
from farm.backends.memory_batch_jobs import MemoryBatchJobs
from farm.backends.memory_batches import MemoryBatches
from farm.backends.memory_deliveries import MemoryDeliveries
from farm.backends.memory_keys import MemoryKeys
from farm.backends.memory_notices import MemoryNotices
from farm.backends.memory_reservations import MemoryReservations
from farm.backends.memory_signing import MemorySigning
from farm.backends.memory_statistics import MemoryStatistics
from farm.backends.memory_twins import MemoryTwins
from farm.jobs.keys import ApiKey
from farm.jobs.models import Job
from farm.jobs.ports import Clock
from farm.jobs.service import JobService
from farm.jobs.specs.requests import JobRequest, JobSpec
from farm.jobs.workers import Child, Worker

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def a_spec(**fields: Any) -> JobSpec:
    return JobRequest.model_validate(
        {"kind": "screenshot", "url": "http://page.test/", **fields}
    ).root


def a_job(job_id: str = "job-1", *, spec: JobSpec | None = None) -> Job:
    return Job(id=job_id, spec=spec or a_spec(), created_at=NOON, queued_at=NOON)


def a_key(key_id: str = "0123456789abcdef", **fields: Any) -> ApiKey:
    plain: dict[str, Any] = {
        "name": "shop",
        "secret_sha256": "ab" * 32,
        "scopes": ("jobs:read", "jobs:write", "uploads"),
        "zones": ("public",),
        "created_at": NOON,
    }
    return ApiKey(id=key_id, **{**plain, **fields})


def a_worker(name: str = "pages@host", *queues: str) -> Worker:
    return Worker(
        id=f"{name}.1.100",
        name=name,
        queues=queues or ("pages",),
        pid=1,
        concurrency=2,
        started_at=NOON,
        beat_at=NOON,
    )


def a_child(pid: int = 2) -> Child:
    return Child(
        pid=pid, beat_at=NOON, browser_version="1", sandbox=True, jobs_done=3, memory_bytes=4
    )


class MemoryFarm:
    """The service over memory, with its parts at hand."""

    def __init__(
        self,
        ledger: Callable[[Clock], MemoryLedger] = MemoryLedger,
        batches: Callable[[MemoryLedger, Clock], MemoryBatches] = MemoryBatches,
        keys: Callable[[], MemoryKeys] = MemoryKeys,
    ) -> None:
        self.clock = ManualClock(NOON)
        self.ledger = ledger(self.clock)
        self.batches = batches(self.ledger, self.clock)
        self.queue = MemoryQueue()
        self.artifacts = MemoryArtifacts()
        self.workers = MemoryWorkers()
        self.keys = keys()
        self.reservations = MemoryReservations(self.clock)
        self.deliveries = MemoryDeliveries(self.ledger)
        self.notices = MemoryNotices(self.ledger, self.batches)
        self.signing = MemorySigning()
        self.twins = MemoryTwins(self.ledger)
        self.statistics = MemoryStatistics(self.ledger)
        self.service = JobService(
            ledger=self.ledger,
            batches=self.batches,
            batch_jobs=MemoryBatchJobs(self.ledger),
            queue=self.queue,
            artifacts=self.artifacts,
            uploads=self.artifacts,
            workers=self.workers,
            keys=self.keys,
            reservations=self.reservations,
            deliveries=self.deliveries,
            notices=self.notices,
            signing=self.signing,
            twins=self.twins,
            statistics=self.statistics,
            clock=self.clock,
        )

    def submit(self, **fields: Any) -> Job:
        return self.service.submit(a_spec(**fields))
