"""Reading all jobs of a batch, however many there are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from farm.jobs.listing import JobFilter
from farm.jobs.models import Job
from farm.jobs.service import JobService

PAGE_JOBS = 100
"""Held at once; each may have a report of 64 KiB."""


@dataclass(frozen=True)
class Reading:
    """The jobs of one batch, which the caller of ``farm`` must have been let see."""

    farm: JobService
    batch_id: str

    def pages(self) -> Iterator[Sequence[Job]]:
        """Yield all of its jobs in the order of their lines, each as it stands when it is read."""
        after: int | None = -1
        while after is not None:
            page, after = self.farm.batch_jobs.in_order(self.batch_id, after, PAGE_JOBS)
            yield page

    def jobs(self) -> Iterator[Job]:
        """Yield the jobs of ``pages``."""
        for page in self.pages():
            yield from page

    def failed_with(self, code: str, limit: int) -> Sequence[Job]:
        """Return jobs that failed with ``code``, the newest first."""
        wanted = JobFilter(batch=self.batch_id, error=code)
        return self.farm.listed(wanted, None, limit).jobs
