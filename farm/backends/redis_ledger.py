"""Jobs in Redis.

Keys::

    farm:job:{id}    hash: revision, record (the job as JSON); expires with the retention
    farm:gone:{id}   empty string beside every ended job; outlives it, so that an expired
                     id answers 410 and not 404
    farm:open        zset: id of each open job, by when to look at it again (seconds)
    farm:changes     channel: the id of each job whose record was replaced
"""

import time
from datetime import datetime
from importlib.resources import files
from typing import cast

import structlog
from pydantic import ValidationError
from redis import Redis

from farm.backends.redis_changes import CHANNEL, ChangeListener
from farm.backends.redis_connection import redis_errors
from farm.jobs.errors import JobExpired, UnknownJob
from farm.jobs.models import Job

_log = structlog.get_logger(__name__)

_OPEN = "farm:open"
_REMEMBERED_S = 7 * 24 * 3600
"""How long an expired id answers 410: a week of weekends and holidays for slow callers."""
_SET_ASIDE_S = 3600
"""How long a record that this version cannot read is left to another one."""
_RECHECK_S = 5.0
"""A waiter reads the record this often even if no change was reported."""


class RedisLedger:
    """``JobLedger`` over one Redis; every swap is one script and so atomic."""

    def __init__(self, client: Redis, changes: ChangeListener) -> None:
        """Keep records with ``client``, learn of changes from ``changes``."""
        self._client = client
        self._changes = changes
        script = files("farm.backends").joinpath("swap.lua").read_text(encoding="utf-8")
        self._swap = client.register_script(script)

    @redis_errors()
    def swap(self, new: Job) -> bool:
        """See ``JobLedger.swap``."""
        look_again_at = new.look_again_at
        retention_s = new.spec.retention
        return bool(
            self._swap(
                keys=[_job_key(new.id), _gone_key(new.id), _OPEN],
                args=[
                    new.id,
                    new.revision,
                    new.model_dump_json(exclude_unset=True),
                    "" if look_again_at is None else look_again_at.timestamp(),
                    retention_s,
                    retention_s + _REMEMBERED_S,
                    CHANNEL,
                ],
            )
        )

    @redis_errors()
    def get(self, job_id: str) -> Job:
        """See ``JobLedger.get``."""
        record = cast("bytes | None", self._client.hget(_job_key(job_id), "record"))
        if record is not None:
            return Job.model_validate_json(record)
        if self._client.exists(_gone_key(job_id)):
            raise JobExpired(job_id)
        raise UnknownJob(job_id)

    @redis_errors()
    def forget(self, job_id: str) -> None:
        """See ``JobLedger.forget``."""
        with self._client.pipeline() as pipe:
            pipe.delete(_job_key(job_id), _gone_key(job_id))
            pipe.zrem(_OPEN, job_id)
            pipe.execute()

    @redis_errors()
    def due(self, now: datetime, limit: int) -> list[Job]:
        """See ``JobLedger.due``."""
        ids = cast(
            "list[bytes]",
            self._client.zrangebyscore(_OPEN, "-inf", now.timestamp(), start=0, num=limit),
        )
        with self._client.pipeline(transaction=False) as pipe:
            for job_id in ids:
                pipe.hget(_job_key(job_id.decode()), "record")
            records = cast("list[bytes | None]", pipe.execute())
        jobs = {job_id: _readable(record) for job_id, record in zip(ids, records, strict=True)}
        # One that cannot be read must neither stop the sweep nor come up every second.
        unreadable = {job_id: now.timestamp() + _SET_ASIDE_S for job_id in ids if not jobs[job_id]}
        if unreadable:
            self._client.zadd(_OPEN, unreadable, xx=True)
        return [job for job in jobs.values() if job is not None]

    @redis_errors()
    def postpone(self, job_id: str, until: datetime) -> None:
        """See ``JobLedger.postpone``."""
        self._client.zadd(_OPEN, {job_id: until.timestamp()}, xx=True)

    @redis_errors()
    def wait_for_change(self, job_id: str, revision: int, timeout_s: float) -> None:
        """See ``JobLedger.wait_for_change``."""
        give_up_at = time.monotonic() + timeout_s
        with self._changes.expect(job_id) as changed:
            while changed is not None and self._revision(job_id) == revision:
                left_s = give_up_at - time.monotonic()
                if left_s <= 0:
                    return
                changed.wait(min(left_s, _RECHECK_S))
                changed.clear()

    @redis_errors()
    def ping(self) -> None:
        """See ``JobLedger.ping``."""
        self._client.ping()

    def _revision(self, job_id: str) -> int | None:
        revision = cast("bytes | None", self._client.hget(_job_key(job_id), "revision"))
        return None if revision is None else int(revision)


def _readable(record: bytes | None) -> Job | None:
    """Return the job, or ``None`` if there is none or it cannot be read."""
    if record is None:
        return None
    try:
        return Job.model_validate_json(record)
    except ValidationError as error:
        _log.exception("unreadable_record", exc_info=error)
        return None


def _job_key(job_id: str) -> str:
    return f"farm:job:{job_id}"


def _gone_key(job_id: str) -> str:
    return f"farm:gone:{job_id}"
