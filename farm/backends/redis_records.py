"""Where the records of jobs lie in Redis, and how many of them are read at once."""

from collections.abc import Sequence
from typing import cast

import structlog
from pydantic import ValidationError
from redis import Redis

from farm.jobs.models import Job

_log = structlog.get_logger(__name__)


def job_key(job_id: str) -> str:
    """Return the key of the job's hash."""
    return f"farm:job:{job_id}"


def read_jobs(client: Redis, ids: Sequence[bytes]) -> dict[bytes, Job | None]:
    """Return each job, or ``None`` if there is none or this version cannot read it."""
    with client.pipeline(transaction=False) as pipe:
        for job_id in ids:
            pipe.hget(job_key(job_id.decode()), "record")
        records = cast("list[bytes | None]", pipe.execute())
    return {job_id: _readable(record) for job_id, record in zip(ids, records, strict=True)}


def _readable(record: bytes | None) -> Job | None:
    if record is None:
        return None
    try:
        return Job.model_validate_json(record)
    except ValidationError as error:
        _log.exception("unreadable_record", exc_info=error)
        return None
