"""Batches in Redis.

Keys of Redis, beside ``farm:batch:{id}``, which is described in ``counts.lua``::

    farm:draft:{id}           list: chunks of what may become a batch; expires by itself
    farm:chunks:{id}          list: chunks of a batch whose jobs are not filed yet
    farm:unfiled:{key}        counter: such jobs, by the key that is to hold them
    farm:batch-number         counter: batches so far; a batch's number is its age
    farm:batches              zset: all batches, by number
    farm:batches:of:{owner}   zset: the owner's batches, by number
    farm:batches:unfiled      zset: batches with chunks, by number
    farm:batches:cancelling   zset: cancelled batches that may have open jobs, by number
    farm:batches:retrying     zset: batches whose failed jobs are being queued again, by number
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import cast

from redis import Redis

from farm.backends.redis_casting import encoded
from farm.backends.redis_changes import ChangeListener
from farm.backends.redis_connection import redis_errors
from farm.backends.redis_filing import (
    failed_key,
    open_key,
    owner_key,
    queued_key,
)
from farm.backends.redis_records import jobs_above, read_jobs
from farm.backends.redis_scripts import script
from farm.backends.redis_standing import batch_key, fields_of, standing_of
from farm.jobs.batches.models import (
    Batch,
    BatchPage,
    Standing,
)
from farm.jobs.batches.moulds import Cast
from farm.jobs.batches.ports import Room
from farm.jobs.errors import BackendUnavailable, UnknownBatch
from farm.jobs.models import Job
from farm.jobs.ports import Clock, Refusal

_DRAFT_TTL_S = 600
"""How long a draft outlives its last chunk: more than any pause within a request."""
_EXISTS, _NOT_WHOLE = 0, -100
_EVERY, _UNFILED, _OVER = "farm:batches", "farm:batches:unfiled", "farm:batches:over"
_CANCELLING, _RETRYING = "farm:batches:cancelling", "farm:batches:retrying"


class RedisBatches:
    """``BatchLedger`` over one Redis; every change is one script and so atomic."""

    def __init__(self, client: Redis, changes: ChangeListener, clock: Clock) -> None:
        """Keep batches with ``client``, learn of ends from ``changes``."""
        self._client = client
        self._changes = changes
        self._clock = clock
        self._commit = script(client, "commit_batch")
        self._file = script(client, "file_chunk", "lanes", "tally")
        self._swap = script(client, "swap_batch", "news")
        self._forget = script(client, "forget_batches")

    @redis_errors()
    def append(self, draft_id: str, jobs: Sequence[Cast]) -> None:
        """See ``BatchLedger.append``."""
        key = _draft_key(draft_id)
        with self._client.pipeline() as pipe:
            pipe.rpush(key, encoded(jobs))
            pipe.expire(key, _DRAFT_TTL_S)
            pipe.execute()

    @redis_errors()
    def drop(self, draft_id: str) -> None:
        """See ``BatchLedger.drop``."""
        self._client.unlink(_draft_key(draft_id))

    @redis_errors()
    def commit(self, batch: Batch, room: Room) -> Refusal | None:
        """See ``BatchLedger.commit``."""
        limits: list[tuple[str, int, int | None]] = [
            (queued_key(queue), jobs, room.backlog_max) for queue, jobs in room.jobs.items()
        ]
        limits.append((owner_key(batch.owner), sum(room.jobs.values()), room.owner_max))
        result = self._commit(
            keys=[
                batch_key(batch.id),
                _draft_key(batch.draft_id),
                _chunks_key(batch.id),
                _UNFILED,
            ],
            args=[
                batch.id,
                batch.draft_id,
                room.chunks,
                json.dumps(fields_of(batch, sum(room.jobs.values()))),
                json.dumps({"limits": limits, "lists": [_EVERY, _of_key(batch.owner)]}),
            ],
        )
        if result == _NOT_WHOLE:
            raise BackendUnavailable("What was sent of the batch is not all there any more.")
        if result == _EXISTS:
            return "exists"
        if result == -len(limits):
            return "owner"
        return "backlog" if cast("int", result) < 0 else None

    @redis_errors()
    def file(self, batch_id: str) -> bool:
        """See ``BatchLedger.file``."""
        return bool(self._file(keys=[_chunks_key(batch_id), _UNFILED], args=[batch_id]))

    @redis_errors()
    def unfiled(self, limit: int) -> list[str]:
        """See ``BatchLedger.unfiled``."""
        return self._first(_UNFILED, limit)

    @redis_errors()
    def get(self, batch_id: str) -> Standing:
        """See ``BatchLedger.get``."""
        found = cast("dict[bytes, bytes]", self._client.hgetall(batch_key(batch_id)))
        if not found:
            raise UnknownBatch(batch_id)
        return standing_of(found, self._clock.now())

    @redis_errors()
    def listed(self, before: int | None, limit: int, *, owner: str | None = None) -> BatchPage:
        """See ``BatchLedger.listed``."""
        start = "+inf" if before is None else f"({before}"
        key = _EVERY if owner is None else _of_key(owner)
        found = cast(
            "list[tuple[bytes, float]]",
            self._client.zrange(
                key, start, "-inf", byscore=True, desc=True, offset=0, num=limit, withscores=True
            ),
        )
        with self._client.pipeline(transaction=False) as pipe:
            for batch_id, _ in found:
                pipe.hgetall(batch_key(batch_id.decode()))
            hashes = cast("list[dict[bytes, bytes]]", pipe.execute())
        now = self._clock.now()
        return BatchPage(
            batches=tuple(standing_of(each, now) for each in hashes if each),
            next=int(found[-1][1]) if len(found) == limit else None,
        )

    @redis_errors()
    def swap(self, new: Batch) -> bool:
        """See ``BatchLedger.swap``."""
        stored = self._swap(
            keys=[batch_key(new.id), _CANCELLING, _RETRYING],
            args=[
                new.id,
                new.revision,
                new.model_dump_json(exclude_unset=True),
                new.state,
                "" if new.pause_at is None else new.pause_at,
                int(new.retry_until is not None),
            ],
        )
        return bool(stored)

    @redis_errors()
    def wait_for_end(self, batch_id: str, timeout_s: float) -> None:
        """See ``BatchLedger.wait_for_end``."""
        self._changes.wait_until(batch_id, lambda: self._is_over(batch_id), timeout_s)

    @redis_errors()
    def cancelling(self, limit: int) -> list[str]:
        """See ``BatchLedger.cancelling``."""
        return self._first(_CANCELLING, limit)

    @redis_errors()
    def retrying(self, limit: int) -> list[str]:
        """See ``BatchLedger.retrying``."""
        return self._first(_RETRYING, limit)

    @redis_errors()
    def cancelled(self, batch_id: str) -> None:
        """See ``BatchLedger.cancelled``."""
        self._client.zrem(_CANCELLING, batch_id)

    @redis_errors()
    def open_jobs(self, batch_id: str, limit: int) -> list[Job]:
        """See ``BatchLedger.open_jobs``."""
        ids = cast("list[bytes]", self._client.zrange(open_key(batch_id), 0, limit - 1))
        found = read_jobs(self._client, ids).values()
        # One may have ended since it was looked up.
        return [job for job in found if job is not None and not job.state.is_terminal]

    @redis_errors()
    def failed_jobs(self, batch_id: str, after: int, limit: int) -> tuple[list[Job], int | None]:
        """See ``BatchLedger.failed_jobs``."""
        found = jobs_above(self._client, failed_key(batch_id), after, limit)
        last = found[-1][0] if len(found) == limit else None
        return [job for _, job in found if job is not None], last

    @redis_errors()
    def over(self, now: datetime, limit: int) -> list[str]:
        """See ``BatchLedger.over``."""
        ids = self._client.zrangebyscore(_OVER, "-inf", now.timestamp(), start=0, num=limit)
        return [batch_id.decode() for batch_id in cast("list[bytes]", ids)]

    @redis_errors()
    def forget(self, batch_ids: Sequence[str], now: datetime) -> None:
        """See ``BatchLedger.forget``."""
        self._forget(keys=[_OVER], args=[now.timestamp(), *batch_ids])

    def _first(self, key: str, limit: int) -> list[str]:
        ids = cast("list[bytes]", self._client.zrange(key, 0, limit - 1))
        return [batch_id.decode() for batch_id in ids]

    def _is_over(self, batch_id: str) -> bool:
        found = self._client.hmget(batch_key(batch_id), "record", "finished_at")
        record, finished_at = cast("list[bytes | None]", found)
        return record is None or finished_at is not None


def _draft_key(draft_id: str) -> str:
    return f"farm:draft:{draft_id}"


def _chunks_key(batch_id: str) -> str:
    return f"farm:chunks:{batch_id}"


def _of_key(owner: str) -> str:
    return f"farm:batches:of:{owner}"
