"""Twins in memory, for tests and for trying things out."""

import sys
import threading
from collections.abc import Sequence
from datetime import datetime

from farm.backends.memory import MemoryLedger
from farm.jobs.listing import JobFilter
from farm.jobs.models import Job
from farm.jobs.states import JobState


class MemoryTwins:
    """``Twins`` among the jobs of a ledger."""

    def __init__(self, ledger: MemoryLedger) -> None:
        """Know what ``ledger`` knows."""
        self._ledger = ledger
        self._lock = threading.Lock()

    def claim(self, claimed: Job) -> bool:
        """See ``Twins.claim``."""
        with self._lock:
            twins = self._all(claimed.fingerprint, JobState.RUNNING)
            if any(twin.id != claimed.id for twin in twins):
                return False
            return self._ledger.swap(claimed)

    def results(self, fingerprint: str) -> Sequence[Job]:
        """See ``Twins.results``."""
        done = self._all(fingerprint, JobState.SUCCEEDED)
        made = [
            (job.made_at or job.finished_at or job.created_at, job)
            for job in done
            if job.is_reusable
        ]
        return [job for _, job in sorted(made, key=lambda each: each[0], reverse=True)]

    def came_to_nothing(self, fingerprint: str, since: datetime) -> bool:
        """See ``Twins.came_to_nothing``."""
        ended = [
            *self._all(fingerprint, JobState.FAILED),
            *self._all(fingerprint, JobState.SUCCEEDED),
        ]
        return any(
            job.finished_at is not None and job.finished_at >= since
            for job in ended
            if not job.is_reusable
        )

    def waiting(self, fingerprint: str, limit: int) -> Sequence[Job]:
        """See ``Twins.waiting``."""
        queued = reversed(self._all(fingerprint, JobState.QUEUED))
        return [job for job in queued if not self._ledger.waits_in_lane(job)][:limit]

    def lists(self, run_id: str) -> bool:
        """See ``Twins.lists``."""
        return self._ledger.lists(run_id)

    def _all(self, fingerprint: str | None, state: JobState) -> list[Job]:
        found = self._ledger.listed(JobFilter(state=state), None, sys.maxsize).jobs
        return [job for job in found if job.fingerprint == fingerprint]
