"""Under which keys of Redis a job is filed.

Keys, all sorted sets of job ids::

    farm:open               every open job, by when to look at it again (seconds)
    farm:queued:{queue}     queued jobs, by when they became queued
    farm:running:{queue}    running jobs, by when they started
    farm:lane:{queue}:{..}  jobs that wait for their turn, by number; of a batch instead
                            hosts with such jobs, by when one of theirs was last begun,
                            and their jobs under farm:lane:{queue}:{..}:{host}
    farm:busy:{batch}:{..}  a host's jobs that had their turn and have not ended, by when
                            they started
    farm:batch-open:{id}    a batch's open jobs, by number
    farm:batch-failed:{id}  a batch's failed jobs, by number
    farm:batch-ended:{id}   a batch's ended jobs, by the number of their end
    farm:fed:{queue}        queued jobs that had their turn, by number
    farm:owner:{owner}      the owner's open jobs, by number
    farm:label:{label}      jobs by number, to be listed
    farm:ended              ended jobs, by when their retention is over
    farm:webhooks           ended jobs with a webhook, by when it is to be delivered
    farm:twins:{fp}:queued  queued jobs of one fingerprint, by number
    farm:twins:{fp}:running running ones, by number
    farm:twins:{fp}:made    ended ones with a result for the others, by when it was made
    farm:twins:{fp}:spoilt  failed ones and those in part, by when they ended
    farm:lists:{run}        jobs that list what the run made, by number; those with twins

and beside them::

    farm:lanes:{queue}           zset: the lanes that hold jobs, by how far each has gone
    farm:number                  counter: jobs so far; a job's number is its age
    farm:ends                    counter: ends of batches' jobs so far
    farm:ended:{queue}:{bucket}  counter: jobs that ended in these ten seconds
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from farm.backends.redis_changes import CHANNEL
from farm.jobs.listing import labels
from farm.jobs.metrics.tallies import of_job
from farm.jobs.models import Job
from farm.jobs.specs.requests import Queue
from farm.jobs.states import JobState

OPEN = "farm:open"
ENDED = "farm:ended"
WEBHOOKS = "farm:webhooks"
NEVER = 2.0**52
"""A score that no time reaches."""
TwinState = Literal["queued", "running", "made", "spoilt"]
BUCKET_S = 10
REMEMBERED_S = 7 * 24 * 3600
"""How long an expired id answers 410: a week of weekends and holidays for slow callers."""


Score = float | str | None
"""Where a job stands in a sorted set; a counter's name: its next value; ``None``: its number."""
_ENDS = "farm:ends"


def queued_key(queue: Queue) -> str:
    """Return the key of the queue's queued jobs."""
    return f"farm:queued:{queue}"


def running_key(queue: Queue) -> str:
    """Return the key of the queue's running jobs."""
    return f"farm:running:{queue}"


def lanes_key(queue: Queue) -> str:
    """Return the key of the queue's lanes."""
    return f"farm:lanes:{queue}"


def fed_key(queue: Queue) -> str:
    """Return the key of the queue's jobs that had their turn and were not claimed yet."""
    return f"farm:fed:{queue}"


def owner_key(owner: str) -> str:
    """Return the key of the owner's open jobs."""
    return f"farm:owner:{owner}"


def label_key(label: str) -> str:
    """Return the key of what is listed under ``label``."""
    return f"farm:label:{label}"


def twins_key(fingerprint: str | None, which: TwinState) -> str:
    """Return the key of the twins with this fingerprint that stand so."""
    return f"farm:twins:{fingerprint}:{which}"


def lists_key(run_id: str) -> str:
    """Return the key of the jobs with twins that list the run's artifacts."""
    return f"farm:lists:{run_id}"


def waiting_key(job: Job) -> str:
    """Return the key of the jobs that wait in its lane; a batch has a set for each host."""
    lane = _lane_key(job)
    return lane if job.batch_id is None else f"{lane}:{job.host}"


def owner_in(filed: Iterable[str]) -> str:
    """Return the owner of the job that is filed under these keys."""
    prefix = label_key("owner:")
    return next((key.removeprefix(prefix) for key in filed if key.startswith(prefix)), "")


def open_key(batch_id: str) -> str:
    """Return the key of the batch's open jobs."""
    return f"farm:batch-open:{batch_id}"


def failed_key(batch_id: str) -> str:
    """Return the key of the batch's failed jobs."""
    return f"farm:batch-failed:{batch_id}"


def ended_in_key(batch_id: str) -> str:
    """Return the key of the batch's ended jobs."""
    return f"farm:batch-ended:{batch_id}"


def ended_key(queue: Queue, bucket: int) -> str:
    """Return the key that counts what ended in ``bucket``; see ``bucket_of``."""
    return f"farm:ended:{queue}:{bucket}"


def bucket_of(at: datetime) -> int:
    """Return the number of the ten seconds that ``at`` lies in."""
    return int(at.timestamp() // BUCKET_S)


def filing(job: Job) -> dict[str, Any]:
    """Return what ``swap.lua`` needs to know of ``job`` beside its record."""
    return {
        "state": job.state,
        "terminal": job.state.is_terminal,
        "filed": _places(job),
        "lanes": _lanes(job),
        "started": _started(job),
        "tally": of_job(job),
        "counted": [job.batch_id, *_counted(job)] if job.batch_id else None,
        "needs": [lists_key(job.made_by)] if job.made_by else [],
        "ended": _end(job),
        "ended_key": _counted_under(job),
        "retention_s": job.spec.retention,
        "remembered_s": job.spec.retention + REMEMBERED_S,
    }


def _places(job: Job) -> dict[str, Score]:
    """Return the keys that the job is filed under, with its score in each."""
    filed: dict[str, Score] = {label_key(label): None for label in labels(job)}
    if job.expires_at is not None:
        filed[ENDED] = job.expires_at.timestamp()
        if job.webhook_due_at is not None:
            filed[WEBHOOKS] = job.webhook_due_at.timestamp()
    else:
        look_again_at = job.look_again_at
        filed[OPEN] = look_again_at.timestamp() if look_again_at else NEVER
        filed[owner_key(job.owner)] = None
    if job.state is JobState.QUEUED:
        filed[queued_key(job.queue)] = job.queued_at.timestamp()
    if job.state is JobState.RUNNING and job.started_at is not None:
        filed[running_key(job.queue)] = job.started_at.timestamp()
    if job.lane is not None:
        filed[waiting_key(job)] = None
    if job.batch_id is not None:
        filed |= _places_in_batch(job, job.batch_id)
    if job.fingerprint is not None:
        filed |= _twin_filing(job)
    return filed


def _places_in_batch(job: Job, batch_id: str) -> dict[str, Score]:
    filed: dict[str, Score] = {}
    if not job.state.is_terminal:
        filed[open_key(batch_id)] = None
        if job.host and job.lane is None:
            started_at = job.started_at if job.state is JobState.RUNNING else None
            busy = f"farm:busy:{batch_id}:{job.host}"
            filed[busy] = started_at.timestamp() if started_at else NEVER
    else:
        filed[ended_in_key(batch_id)] = _ENDS
    if job.state is JobState.FAILED:
        filed[failed_key(batch_id)] = None
    return filed


def _twin_filing(job: Job) -> dict[str, Score]:
    if not job.state.is_terminal:
        which: TwinState = "queued" if job.state is JobState.QUEUED else "running"
        return {twins_key(job.fingerprint, which): None}
    if job.is_reusable:
        made_at = job.made_at or job.finished_at
        made = {twins_key(job.fingerprint, "made"): made_at.timestamp() if made_at else None}
        return {**made, lists_key(job.run_id): None}
    if job.state is JobState.CANCELLED or job.finished_at is None:
        return {}
    return {twins_key(job.fingerprint, "spoilt"): job.finished_at.timestamp()}


def _lanes(job: Job) -> dict[str, tuple[str, float | None]]:
    if job.lane is None:
        return {}
    lane = _lane_key(job)
    lanes: dict[str, tuple[str, float | None]] = {lanes_key(job.queue): (lane, None)}
    if job.batch_id is not None:
        lanes[lane] = (job.host, 0)
    return lanes


def _started(job: Job) -> tuple[str, str, float] | None:
    """Return where it is kept when a job of this host was last started, if it was now."""
    if job.state is not JobState.RUNNING or job.batch_id is None or job.started_at is None:
        return None
    return _lane_key(job), job.host, job.started_at.timestamp()


def _counted(job: Job) -> list[str]:
    """Return the fields of its batch that the job counts in."""
    return [job.state.value, *([f"code:{job.failure.code}"] if job.failure else [])]


def _end(job: Job) -> dict[str, Any] | None:
    if job.finished_at is None or job.expires_at is None:
        return None
    return {
        "at": job.finished_at.timestamp(),
        "kept_until": job.expires_at.timestamp(),
        "bucket": bucket_of(job.finished_at),
        "channel": CHANNEL,
    }


def _counted_under(job: Job) -> str | None:
    """Return the key that counts the job's end; ``None``: it has not ended, or took no worker."""
    if job.finished_at is None or job.made_by is not None:
        return None
    return ended_key(job.queue, bucket_of(job.finished_at))


def _lane_key(job: Job) -> str:
    return f"farm:lane:{job.queue}:{job.spec.priority}:{job.owner}:{job.batch_id or ''}"
