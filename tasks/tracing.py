"""A run as a span, with its stages as parts."""

from datetime import datetime, timedelta

from farm.jobs.models import Job
from farm.jobs.tracing import Span
from tasks.outcome import Stopwatch


def run_span(claimed: Job, ended: Job | None, stopwatch: Stopwatch, now: datetime) -> Span:
    """Return what came of the run that began with ``claimed``.

    Args:
        claimed: The job as it was claimed.
        ended: As it was recorded after the run; ``None``: it was not, for it was cancelled
            or given away meanwhile.
        stopwatch: Of the run.
        now: When it ended.
    """
    started = claimed.started_at or now
    queue = Span("queue", min(claimed.queued_at, started), started)
    stages = [
        Span(
            stage.name,
            started + timedelta(seconds=stage.began_s),
            started + timedelta(seconds=stage.ended_s),
        )
        for stage in stopwatch.stages
    ]
    facts: dict[str, str | int] = {
        "farm.job_id": claimed.id,
        "farm.kind": claimed.kind,
        "farm.attempt": claimed.attempt,
        "farm.state": ended.state.value if ended else "outrun",
    }
    if claimed.origin is not None:
        facts["farm.request_id"] = claimed.origin.request_id
    code = ended.failure.code if ended and ended.failure else None
    return Span(f"farm {claimed.kind}", queue.start, now, facts, code, (queue, *stages))
