"""What each step of the farm adds to its counts.

A count is a whole number under a field: the metric's name and its labels, with ``|`` between
them. A histogram has a field for each bucket, ``…|le|`` and its upper bound in seconds
(what was longer than all: ``inf``), and ``…|sum`` in milliseconds.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from farm.jobs.deliveries import Delivery
from farm.jobs.metrics.names import (
    ARTIFACT_BYTES,
    BUCKETS_S,
    ENDED,
    RERUNS,
    RUN,
    STAGE,
    STAGES,
    SUBMITTED,
    WEBHOOKS,
    Metric,
)
from farm.jobs.models import Job
from farm.jobs.states import JobState

_OUTCOMES = {"delivered": "delivered", "pending": "postponed", "failed": "given_up"}
BOUNDS = [*(f"{bound:g}" for bound in BUCKETS_S), "inf"]
"""Of the buckets, as their fields have them."""

Tally = Mapping[str, int]


def field(metric: Metric, *labels: str) -> str:
    """Return the field under which this is counted."""
    return "|".join((metric.name, *labels))


def of_job(job: Job) -> Tally:
    """Return what the step adds that stores this revision of the job."""
    found: Counter[str] = Counter()
    if job.revision == 1:
        found[field(SUBMITTED, job.kind)] += 1
    if job.state is JobState.RUNNING and job.started_at is not None:
        found += _lasted(STAGE, job.kind, "queue", ms=_ms(job.started_at - job.queued_at))
        found[field(RERUNS, job.kind)] += job.attempt > 1
    if job.state.is_terminal:
        code = job.failure.code if job.failure else ""
        found[field(ENDED, job.kind, job.state.value, code)] += 1
        found += _of_run(job)
    return {name: count for name, count in found.items() if count}


def of_delivery(delivery: Delivery) -> Tally:
    """Return what the step adds that records one more attempt; nothing if none was made yet."""
    return {field(WEBHOOKS, _OUTCOMES[delivery.state]): 1} if delivery.attempts else {}


def _of_run(job: Job) -> Counter[str]:
    """Return what an ended job's last run adds; nothing if it did not end in a run."""
    found: Counter[str] = Counter()
    if job.started_at is None or job.finished_at is None or job.started_at < job.queued_at:
        return found
    found += _lasted(RUN, job.kind, ms=_ms(job.finished_at - job.started_at))
    timings: Mapping[str, int] = (job.report or {}).get("timings_ms", {})
    for stage in STAGES[1:]:
        if stage in timings:
            found += _lasted(STAGE, job.kind, stage, ms=timings[stage])
    found[field(ARTIFACT_BYTES, job.kind)] += sum(each.size_bytes for each in job.artifacts)
    return found


def _lasted(metric: Metric, *labels: str, ms: int) -> Counter[str]:
    bound = BOUNDS[bisect_left(BUCKETS_S, ms / 1000)]
    return Counter({field(metric, *labels, "le", bound): 1, field(metric, *labels, "sum"): ms})


def _ms(length: timedelta) -> int:
    """Return it in milliseconds; never less than nothing, as where two clocks differ."""
    return max(0, round(length / timedelta(milliseconds=1)))
