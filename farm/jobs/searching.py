"""Finding jobs by what no list is kept of: words in their titles and addresses, one address."""

from collections.abc import Callable
from dataclasses import dataclass

from farm.jobs.listing import JobFilter
from farm.jobs.models import Job
from farm.jobs.service import JobService

LOOKED_AT_MAX = 2000
"""Jobs that one search looks at: it reads the record of each, some 90 microseconds apiece."""


@dataclass(frozen=True)
class Found:
    """Some jobs, newest first."""

    jobs: tuple[Job, ...]
    next: int | None
    """Where to search on; ``None``: there are no older ones."""


def search(
    farm: JobService,
    wanted: JobFilter,
    is_it: Callable[[Job], bool],
    before: int | None,
    limit: int,
) -> Found:
    """Return the newest jobs that are as ``wanted`` and of which ``is_it`` holds.

    It looks at ``LOOKED_AT_MAX`` jobs at most, and at no more once it has ``limit``; so
    there may be fewer, even none, and older ones all the same, or up to twice as many.
    """
    found: list[Job] = []
    for _ in range(0, LOOKED_AT_MAX, limit):
        page = farm.listed(wanted, before, limit)
        found += filter(is_it, page.jobs)
        before = page.next
        if before is None or len(found) >= limit:
            break
    return Found(tuple(found), before)


def holding(text: str) -> Callable[[Job], bool]:
    """Return what tells whether a job's title or addresses hold each word of ``text``."""
    words = text.casefold().split()

    def is_it(job: Job) -> bool:
        report = job.report or {}
        said = (report.get("title"), report.get("final_url"), job.spec.url)
        place = "\n".join(each for each in said if isinstance(each, str)).casefold()
        return all(word in place for word in words)

    return is_it
