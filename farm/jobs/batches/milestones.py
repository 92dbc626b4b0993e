"""A batch's way so far, as a few moments of it."""

from collections.abc import Iterable
from datetime import datetime

from farm.jobs.models import Job


def spaced(length: int, count: int) -> list[int]:
    """Return up to ``count`` (at least 2) indices of ``length`` things, first and last included."""
    if length <= count:
        return list(range(length))
    return [round(step * (length - 1) / (count - 1)) for step in range(count)]


def in_time(ended: Iterable[tuple[int, Job]]) -> list[tuple[int, datetime]]:
    """Return how many jobs had ended when each of these, numbered by their ends, had.

    Clocks of workers differ a little: no end is told to have been before the one before it.
    """
    found: list[tuple[int, datetime]] = []
    for number, job in ended:
        if job.finished_at is not None:
            at = max(job.finished_at, found[-1][1]) if found else job.finished_at
            found.append((number, at))
    return found
