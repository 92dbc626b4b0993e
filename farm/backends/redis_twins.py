"""Twins in Redis: questions to the keys under which the ledger files them."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from redis import Redis

from farm.backends.redis_connection import redis_errors
from farm.backends.redis_filing import lists_key, twins_key, waiting_key
from farm.backends.redis_ledger import RedisLedger
from farm.backends.redis_records import read_jobs
from farm.jobs.models import Job

_RESULTS_MAX = 3
"""The first will nearly always do; each may hold a report of 64 KiB."""


class RedisTwins:
    """``Twins`` over one Redis."""

    def __init__(self, client: Redis, ledger: RedisLedger) -> None:
        """Read with ``client`` what ``ledger`` has filed there."""
        self._client = client
        self._ledger = ledger

    def claim(self, claimed: Job) -> bool:
        """See ``Twins.claim``."""
        return self._ledger.store(claimed, {twins_key(claimed.fingerprint, "running"): 1}) == 1

    @redis_errors()
    def results(self, fingerprint: str) -> Sequence[Job]:
        """See ``Twins.results``."""
        key = twins_key(fingerprint, "made")
        ids = self._client.zrange(key, 0, _RESULTS_MAX - 1, desc=True)
        return self._read(cast("list[bytes]", ids))

    @redis_errors()
    def came_to_nothing(self, fingerprint: str, since: datetime) -> bool:
        """See ``Twins.came_to_nothing``."""
        key = twins_key(fingerprint, "spoilt")
        return bool(self._client.zcount(key, since.timestamp(), "+inf"))

    @redis_errors()
    def waiting(self, fingerprint: str, limit: int) -> Sequence[Job]:
        """See ``Twins.waiting``."""
        ids = self._client.zrange(twins_key(fingerprint, "queued"), 0, limit - 1)
        jobs = self._read(cast("list[bytes]", ids))
        with self._client.pipeline(transaction=False) as pipe:
            for job in jobs:
                pipe.zscore(waiting_key(job), job.id)
            places = pipe.execute()
        return [job for job, place in zip(jobs, places, strict=True) if place is None]

    @redis_errors()
    def lists(self, run_id: str) -> bool:
        """See ``Twins.lists``."""
        return bool(self._client.exists(lists_key(run_id)))

    def _read(self, ids: Sequence[bytes]) -> list[Job]:
        return [job for job in read_jobs(self._client, ids).values() if job is not None]
