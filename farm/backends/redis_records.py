"""Where the records of jobs lie in Redis, and how many of them are read at once."""

from collections.abc import Sequence
from json import loads
from typing import cast

import structlog
from pydantic import ValidationError
from redis import Redis

from farm.jobs.models import Job

STORED = ("record", "tags")
"""The fields of a job's hash that it is read from."""
Stored = tuple[bytes | None, bytes | None]
"""Their values."""

_log = structlog.get_logger(__name__)


def job_key(job_id: str) -> str:
    """Return the key of the job's hash."""
    return f"farm:job:{job_id}"


def read_jobs(client: Redis, ids: Sequence[bytes]) -> dict[bytes, Job | None]:
    """Return each job, or ``None`` if there is none or this version cannot read it."""
    with client.pipeline(transaction=False) as pipe:
        for job_id in ids:
            pipe.hmget(job_key(job_id.decode()), *STORED)
        found = cast("list[Stored]", pipe.execute())
    return {job_id: _readable(*stored) for job_id, stored in zip(ids, found, strict=True)}


def jobs_above(client: Redis, key: str, after: int, limit: int) -> list[tuple[int, Job | None]]:
    """Return the jobs of the sorted set ``key`` with higher numbers than ``after``, with these."""
    found = cast(
        "list[tuple[bytes, float]]",
        client.zrangebyscore(key, f"({after}", "+inf", start=0, num=limit, withscores=True),
    )
    jobs = read_jobs(client, [job_id for job_id, _ in found])
    return [(int(number), jobs[job_id]) for job_id, number in found]


def job_of(record: bytes, tags: bytes | None) -> Job:
    """Return the job of this record, with the tags that were set by hand, if any were."""
    job = Job.model_validate_json(record)
    return job if tags is None else job.model_copy(update={"tags_by_hand": tuple(loads(tags))})


def _readable(record: bytes | None, tags: bytes | None) -> Job | None:
    if record is None:
        return None
    try:
        return job_of(record, tags)
    except ValidationError as error:
        _log.exception("unreadable_record", exc_info=error)
        return None
