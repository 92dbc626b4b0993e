"""Deliveries in memory, for tests and for trying things out."""

import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from farm.backends.memory import MemoryLedger
from farm.jobs.deliveries import Delivery, GivenUp
from farm.jobs.errors import JobExpired, UnknownJob
from farm.jobs.listing import JobFilter
from farm.jobs.metrics.tallies import of_delivery
from farm.jobs.models import Job

T = TypeVar("T")


def latest_of(found: list[GivenUp[T]], before: datetime | None, limit: int) -> list[GivenUp[T]]:
    """Return up to ``limit`` of those given up before then, the latest first."""
    older = [each for each in found if before is None or each.at < before]
    return sorted(older, key=lambda each: each.at, reverse=True)[:limit]


class MemoryDeliveries:
    """``Deliveries`` in dictionaries, beside the jobs of a ledger."""

    def __init__(self, ledger: MemoryLedger) -> None:
        """Know what ``ledger`` knows."""
        self._ledger = ledger
        self._kept: dict[str, Delivery] = {}
        self._due: dict[tuple[str, int], datetime | None] = {}
        self._lock = threading.Lock()

    def take(self, now: datetime, until: datetime, limit: int) -> list[Job]:
        """See ``Deliveries.take``."""
        with self._lock:
            jobs = self._ledger.listed(JobFilter(), None, sys.maxsize).jobs
            times = [(self._due_at(job), job.id, job) for job in jobs]
            due = sorted((at, job_id, job) for at, job_id, job in times if at and at <= now)
            taken = [job for *_, job in due[:limit]]
            for job in taken:
                self._due[job.id, job.revision] = until
            return taken

    def postpone(self, about: Job, until: datetime) -> None:
        """See ``Deliveries.postpone``."""
        with self._lock:
            if self._due_at(about) is not None:
                self._due[about.id, about.revision] = until

    def of(self, about: Sequence[Job]) -> Mapping[str, Delivery]:
        """See ``Deliveries.of``."""
        with self._lock:
            return {job.id: self._of(job) for job in about}

    def record(self, about: Job, delivery: Delivery) -> bool:
        """See ``Deliveries.record``."""
        with self._lock:
            try:
                if self._ledger.get(about.id).revision != about.revision:
                    return False
            except (JobExpired, UnknownJob):
                return False
            if self._kept.get(about.id) != delivery:
                self._ledger.count_up(of_delivery(delivery))
            self._kept[about.id] = delivery
            self._due[about.id, about.revision] = delivery.due_at
            return True

    def given_up(self, owner: str, before: datetime | None, limit: int) -> list[GivenUp[Job]]:
        """See ``Deliveries.given_up``."""
        with self._lock:
            jobs = self._ledger.listed(JobFilter(), None, sys.maxsize).jobs
            found = [(job, self._of(job)) for job in jobs if job.owner == owner]
        return latest_of(
            [GivenUp(job, how, how.failed_at) for job, how in found if how.failed_at], before, limit
        )

    def _of(self, job: Job) -> Delivery:
        kept = self._kept.get(job.id)
        if kept is not None and kept.revision == job.revision:
            return kept
        return Delivery(revision=job.revision)

    def _due_at(self, job: Job) -> datetime | None:
        return self._due.get((job.id, job.revision), job.webhook_due_at)
