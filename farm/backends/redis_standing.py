"""A batch as the hash that Redis keeps of it: see ``counts.lua``."""

from collections.abc import Mapping
from datetime import UTC, datetime

from farm.backends.redis_filing import BUCKET_S, bucket_of
from farm.jobs.batches.models import RATE_WINDOW_S, Batch, BatchState, Progress, Standing


def batch_key(batch_id: str) -> str:
    """Return the key of the batch's hash."""
    return f"farm:batch:{batch_id}"


def fields_of(batch: Batch, jobs: int) -> list[str]:
    """Return the names and values of a new batch's hash."""
    fields: Mapping[str, object] = {
        "record": batch.model_dump_json(exclude_unset=True),
        "revision": batch.revision,
        "state": batch.state.value,
        "owner": batch.owner,
        "queued": jobs,
        "running": 0,
        "succeeded": 0,
        "failed": 0,
        "cancelled": 0,
        "per_host_concurrency": batch.options.per_host_concurrency,
        "per_host_delay": batch.options.per_host_delay / 1000,
        "pause_at": "" if batch.pause_at is None else batch.pause_at,
        "webhook": int(batch.options.on_complete is not None),
    }
    return [str(each) for field in fields.items() for each in field]


def standing_of(found: Mapping[bytes, bytes], now: datetime) -> Standing:
    """Return what a batch's hash says, as it is ``now``."""
    told = {name.decode(): value for name, value in found.items()}
    # A step that moved a job may have paused it.
    stored = {"state": BatchState(told["state"].decode()), "revision": int(told["revision"])}
    return Standing(
        Batch.model_validate_json(told["record"]).model_copy(update=stored),
        Progress(
            queued=int(told["queued"]),
            running=int(told["running"]),
            succeeded=int(told["succeeded"]),
            failed=int(told["failed"]),
            cancelled=int(told["cancelled"]),
            failures_by_code={
                name.removeprefix("code:"): int(count)
                for name, count in sorted(told.items())
                if name.startswith("code:") and int(count)
            },
            ended_per_min=_ended_per_min(told, now),
            finished_at=_time(told.get("finished_at")),
            kept_until=_time(told.get("kept_until")),
        ),
    )


def _ended_per_min(told: Mapping[str, bytes], now: datetime) -> float:
    lately = bucket_of(now) - RATE_WINDOW_S // BUCKET_S
    slots = [value.decode().split(":") for name, value in told.items() if name.startswith("ended:")]
    ended = sum(int(count) for bucket, count in slots if int(bucket) >= lately)
    return ended * 60 / (now.timestamp() % BUCKET_S + RATE_WINDOW_S)


def _time(value: bytes | None) -> datetime | None:
    return None if value is None else datetime.fromtimestamp(float(value), UTC)
