"""The jobs of batches in memory."""

import sys
from contextlib import AbstractContextManager
from datetime import datetime

from farm.backends.memory import MemoryLedger
from farm.jobs.batches.milestones import in_time, spaced
from farm.jobs.models import Job
from farm.jobs.ports import Pause


class MemoryBatchJobs:
    """``BatchJobs`` over the jobs of a ledger."""

    def __init__(self, ledger: MemoryLedger) -> None:
        """Read the jobs of ``ledger``."""
        self._ledger = ledger

    def in_order(self, batch_id: str, after: int, limit: int) -> tuple[list[Job], int | None]:
        """See ``BatchJobs.in_order``."""
        jobs = self._ledger.of_batch(batch_id)
        page = [job for job in jobs if self._ledger.number(job) > after][:limit]
        return page, self._ledger.number(page[-1]) if len(page) == limit else None

    def ended(self, batch_id: str, after: int, limit: int) -> list[tuple[int, Job]]:
        """See ``BatchJobs.ended``."""
        numbered = [(self._ledger.end_number(job), job) for job in self._ledger.of_batch(batch_id)]
        ends = [(number, job) for number, job in numbered if number is not None and number > after]
        return sorted(ends, key=lambda end: end[0])[:limit]

    def milestones(self, batch_id: str, count: int) -> list[tuple[int, datetime]]:
        """See ``BatchJobs.milestones``."""
        ends = self.ended(batch_id, 0, sys.maxsize)
        return in_time((rank + 1, ends[rank][1]) for rank in spaced(len(ends), count))

    def watched(self, batch_id: str) -> AbstractContextManager[Pause | None]:
        """See ``BatchJobs.watched``; wakes at changes of any job."""
        return self._ledger.watched(batch_id)
