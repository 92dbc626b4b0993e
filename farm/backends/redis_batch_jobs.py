"""The jobs of batches in Redis, under the keys of ``farm.backends.redis_filing``."""

from contextlib import AbstractContextManager
from datetime import datetime
from typing import cast

from redis import Redis

from farm.backends.redis_changes import ChangeListener, of_batch
from farm.backends.redis_connection import redis_errors
from farm.backends.redis_filing import ended_in_key, label_key
from farm.backends.redis_records import jobs_above, read_jobs
from farm.jobs.batches.milestones import in_time, spaced
from farm.jobs.models import Job
from farm.jobs.ports import Pause


class RedisBatchJobs:
    """``BatchJobs`` over one Redis."""

    def __init__(self, client: Redis, changes: ChangeListener) -> None:
        """Read jobs with ``client``, learn of their moves from ``changes``."""
        self._client = client
        self._changes = changes

    @redis_errors()
    def in_order(self, batch_id: str, after: int, limit: int) -> tuple[list[Job], int | None]:
        """See ``BatchJobs.in_order``."""
        found = jobs_above(self._client, label_key(f"batch:{batch_id}"), after, limit)
        last = found[-1][0] if len(found) == limit else None
        return [job for _, job in found if job is not None], last

    @redis_errors()
    def ended(self, batch_id: str, after: int, limit: int) -> list[tuple[int, Job]]:
        """See ``BatchJobs.ended``."""
        found = jobs_above(self._client, ended_in_key(batch_id), after, limit)
        # One may have been queued again since; it is told of when it ends once more.
        return [(number, job) for number, job in found if job is not None and job.state.is_terminal]

    @redis_errors()
    def milestones(self, batch_id: str, count: int) -> list[tuple[int, datetime]]:
        """See ``BatchJobs.milestones``."""
        key = ended_in_key(batch_id)
        ranks = spaced(self._client.zcard(key), count)
        with self._client.pipeline(transaction=False) as pipe:
            for rank in ranks:
                pipe.zrange(key, rank, rank)
            found = cast("list[list[bytes]]", pipe.execute())
        # One that is queued again meanwhile is no longer there.
        numbers = {ids[0]: rank + 1 for rank, ids in zip(ranks, found, strict=True) if ids}
        jobs = read_jobs(self._client, list(numbers))
        return in_time((numbers[each], job) for each, job in jobs.items() if job is not None)

    def watched(self, batch_id: str) -> AbstractContextManager[Pause | None]:
        """See ``BatchJobs.watched``."""
        return self._changes.watched(of_batch(batch_id))
