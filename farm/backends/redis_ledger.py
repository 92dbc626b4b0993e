"""Jobs in Redis.

Keys, beside those of ``farm.backends.redis_filing``::

    farm:job:{id}    hash: revision, state, record (the job as JSON), number, filed, tags
                     (those set by hand, as JSON) and webhook (how far its receiver has been
                     told, as JSON); of a batch's also counted (JSON); expires with the
                     retention
    farm:gone:{id}   beside every ended job; outlives it, so that an expired id answers
                     410 and not 404, and holds what it is filed under
    farm:changes     channel: the id of each job that changes
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from itertools import chain
from typing import cast

import structlog
from redis import Redis

from farm.backends.redis_changes import CHANNEL, ChangeListener
from farm.backends.redis_connection import redis_errors
from farm.backends.redis_filing import (
    BUCKET_S,
    ENDED,
    NEVER,
    OPEN,
    bucket_of,
    ended_key,
    fed_key,
    filing,
    label_key,
    lanes_key,
    owner_in,
    owner_key,
    queued_key,
    running_key,
)
from farm.backends.redis_records import STORED, Stored, job_key, job_of, read_jobs
from farm.backends.redis_scripts import script
from farm.jobs.errors import JobExpired, UnknownJob
from farm.jobs.listing import JobFilter, Page
from farm.jobs.models import ANNOUNCE_GRACE_S, STRIDES, Job
from farm.jobs.ports import Pause, Pressure, Refusal
from farm.jobs.specs.requests import Queue
from farm.jobs.states import JobState

_SET_ASIDE_S = 3600
"""How long a record that this version cannot read is left to another one."""
_MINUTE_S = 60
_REFUSALS: Mapping[int, Refusal] = {0: "exists", -1: "backlog", -2: "owner"}
_log = structlog.get_logger(__name__)
_TERMINAL = {state.value.encode() for state in JobState if state.is_terminal}


class RedisLedger:
    """``JobLedger`` over one Redis; every change is one script and so atomic."""

    def __init__(self, client: Redis, changes: ChangeListener) -> None:
        """Keep records with ``client``, learn of changes from ``changes``."""
        self._client = client
        self._changes = changes
        self._swap = script(client, "swap", "news", "counts", "lanes", "tally")
        self._forget = script(client, "forget", "news", "counts")
        self._take_turns = script(client, "take_turns")
        self._tag = script(client, "tag")

    def add(self, new: Job, *, backlog_max: int, owner_max: int | None) -> Refusal | None:
        """See ``JobLedger.add``."""
        limits = {queued_key(new.queue): backlog_max}
        if owner_max is not None:
            limits[owner_key(new.owner)] = owner_max
        return _REFUSALS.get(self.store(new, limits))

    def swap(self, new: Job) -> bool:
        """See ``JobLedger.swap``."""
        return self.store(new, {}) == 1

    @redis_errors()
    def store(self, new: Job, limits: dict[str, int]) -> int:
        """Store as ``swap`` does, within ``limits``; return what ``swap.lua`` returns."""
        stored = self._swap(
            keys=[job_key(new.id), _gone_key(new.id)],
            args=[
                new.id,
                new.revision,
                new.model_dump_json(exclude_unset=True),
                json.dumps({**filing(new), "limits": list(limits.items())}),
                CHANNEL,
            ],
        )
        if stored == 1:
            _tell(new)
        return cast("int", stored)

    @redis_errors()
    def tag(self, job_id: str, tags: Sequence[str]) -> None:
        """See ``JobLedger.tag``."""
        self._tag(
            keys=[job_key(job_id), _gone_key(job_id)],
            args=[job_id, json.dumps(tags), label_key("tag:")],
        )

    @redis_errors()
    def get(self, job_id: str) -> Job:
        """See ``JobLedger.get``."""
        record, tags = cast("Stored", self._client.hmget(job_key(job_id), *STORED))
        if record is not None:
            return job_of(record, tags)
        filed = cast("bytes | None", self._client.get(_gone_key(job_id)))
        if filed is not None:
            raise JobExpired(job_id, owner_in(json.loads(filed)))
        raise UnknownJob(job_id)

    @redis_errors()
    def revision(self, job_id: str) -> int | None:
        """See ``JobLedger.revision``."""
        revision = cast("bytes | None", self._client.hget(job_key(job_id), "revision"))
        return None if revision is None else int(revision)

    @redis_errors()
    def forget(self, job_id: str) -> None:
        """See ``JobLedger.forget``."""
        self._drop([job_id], with_records=True)

    @redis_errors()
    def due(self, now: datetime, limit: int) -> list[Job]:
        """See ``JobLedger.due``."""
        ids = cast(
            "list[bytes]",
            self._client.zrangebyscore(OPEN, "-inf", now.timestamp(), start=0, num=limit),
        )
        jobs = read_jobs(self._client, ids)
        # One that cannot be read must neither stop the sweep nor come up every second.
        unreadable = {job_id: now.timestamp() + _SET_ASIDE_S for job_id in ids if not jobs[job_id]}
        if unreadable:
            self._client.zadd(OPEN, unreadable, xx=True)
        return [job for job in jobs.values() if job is not None]

    @redis_errors()
    def postpone(self, job_id: str, until: datetime) -> None:
        """See ``JobLedger.postpone``."""
        self._client.zadd(OPEN, {job_id: until.timestamp()}, xx=True)

    @redis_errors()
    def running(self, queue: Queue) -> list[Job]:
        """See ``JobLedger.running``."""
        ids = cast("list[bytes]", self._client.zrange(running_key(queue), 0, -1))
        found = read_jobs(self._client, ids).values()
        # One may have ended since it was looked up.
        return [job for job in found if job is not None and job.state is JobState.RUNNING]

    @redis_errors()
    def has_lanes(self, queue: Queue) -> bool:
        """See ``JobLedger.has_lanes``."""
        return bool(self._client.exists(lanes_key(queue)))

    @redis_errors()
    def fed(self, queue: Queue) -> int:
        """See ``JobLedger.fed``."""
        return self._client.zcard(fed_key(queue))

    @redis_errors()
    def take_turns(self, queue: Queue, count: int, now: datetime) -> list[Job]:
        """See ``JobLedger.take_turns``."""
        until = now + timedelta(seconds=ANNOUNCE_GRACE_S)
        taken = self._take_turns(
            keys=[lanes_key(queue), fed_key(queue), OPEN],
            args=[count, until.timestamp(), json.dumps(STRIDES), now.timestamp(), NEVER],
        )
        jobs = read_jobs(self._client, cast("list[bytes]", taken))
        return [job for job in jobs.values() if job is not None]

    @redis_errors()
    def pressure(self, queue: Queue, now: datetime) -> Pressure:
        """See ``JobLedger.pressure``."""
        bucket = bucket_of(now)
        with self._client.pipeline(transaction=False) as pipe:
            pipe.zcard(queued_key(queue))
            pipe.zcard(running_key(queue))
            pipe.zrange(queued_key(queue), 0, 0, withscores=True)
            pipe.mget([ended_key(queue, bucket - i) for i in range(_MINUTE_S // BUCKET_S + 1)])
            queued, running, oldest, ended = pipe.execute()
        seconds = now.timestamp() % BUCKET_S + _MINUTE_S
        return Pressure(
            queued=queued,
            running=running,
            oldest_queued_at=datetime.fromtimestamp(oldest[0][1], now.tzinfo) if oldest else None,
            ended_per_min=sum(int(count or 0) for count in ended) * _MINUTE_S / seconds,
        )

    @redis_errors()
    def listed(
        self, wanted: JobFilter, before: int | None, limit: int, *, owner: str | None = None
    ) -> Page:
        """See ``JobLedger.listed``."""
        first, *others = self._narrowest_first(wanted.labels(owner))
        start = "+inf" if before is None else f"({before}"
        found = cast(
            "list[tuple[bytes, float]]",
            self._client.zrange(
                first, start, "-inf", byscore=True, desc=True, offset=0, num=limit, withscores=True
            ),
        )
        with self._client.pipeline(transaction=False) as pipe:
            for job_id, _ in found:
                for other in others:
                    pipe.zscore(other, job_id)
            scores = pipe.execute()
        ids = [
            job_id
            for i, (job_id, _) in enumerate(found)
            if None not in scores[i * len(others) : (i + 1) * len(others)]
        ]
        jobs = read_jobs(self._client, ids)
        return Page(
            jobs=tuple(job for job in jobs.values() if job is not None),
            next=int(found[-1][1]) if len(found) == limit else None,
        )

    @redis_errors()
    def tidy(self, now: datetime, limit: int) -> int:
        """See ``JobLedger.tidy``."""
        # A second's grace: the record's own expiry is counted from when it was written.
        over = (now - timedelta(seconds=1)).timestamp()
        ids = cast(
            "list[bytes]", self._client.zrangebyscore(ENDED, "-inf", over, start=0, num=limit)
        )
        if ids:
            self._drop([job_id.decode() for job_id in ids], with_records=False)
            self._client.zrem(ENDED, *ids)
        return len(ids)

    @redis_errors()
    def wait_for_end(self, job_id: str, timeout_s: float) -> None:
        """See ``JobLedger.wait_for_end``."""
        self._changes.wait_until(job_id, lambda: self._is_over(job_id), timeout_s)

    def watched(self, job_id: str) -> AbstractContextManager[Pause | None]:
        """See ``JobLedger.watched``."""
        return self._changes.watched(job_id)

    @redis_errors()
    def ping(self) -> None:
        """See ``JobLedger.ping``."""
        self._client.ping()

    def _drop(self, ids: Sequence[str], *, with_records: bool) -> None:
        keys = chain.from_iterable((job_key(job_id), _gone_key(job_id)) for job_id in ids)
        self._forget(keys=list(keys), args=[int(with_records), *ids])

    def _narrowest_first(self, labels: Iterable[str]) -> list[str]:
        keys = [label_key(label) for label in labels]
        with self._client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.zcard(key)
            sizes = cast("list[int]", pipe.execute())
        return [key for _, key in sorted(zip(sizes, keys, strict=True))]

    def _is_over(self, job_id: str) -> bool:
        state = cast("bytes | None", self._client.hget(job_key(job_id), "state"))
        return state is None or state in _TERMINAL


def _tell(job: Job) -> None:
    """Log the move that led to this revision of the job."""
    told: dict[str, object] = {"job_id": job.id, "kind": job.kind, "state": job.state.value}
    told |= {"revision": job.revision, "attempt": job.attempt}
    bound = structlog.contextvars.get_contextvars()
    if job.origin is not None and "request_id" not in bound:
        told["request_id"] = job.origin.request_id
    if job.batch_id is not None:
        told["batch_id"] = job.batch_id
    if job.failure is not None:
        told["code"] = job.failure.code
    _log.info("moved", **told)


def _gone_key(job_id: str) -> str:
    return f"farm:gone:{job_id}"
