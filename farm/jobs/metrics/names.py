"""Every metric of ``GET /metrics``: its name, its labels and what it means.

The table in ``docs/operations.md`` is made from here, and the dashboard and the alerts are
held against it. Names and units are as Prometheus has them; counters get ``_total`` behind
their names where they are told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from farm.jobs.errors import JobError, leaves
from farm.jobs.specs.requests import ALL_QUEUES, SPECS
from farm.jobs.states import JobState

Sort = Literal["counter", "gauge", "histogram"]

BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 1800)
"""Upper bounds of the histograms. Fixed: what was counted below one must stay below it."""

STAGES = ("queue", "browser", "load", "settle", "capture", "store")
"""Of a run, as ``timings_ms`` of a report has them."""

VERDICTS = (
    "allowed",
    "target_forbidden",
    "dns_error",
    "connection_failed",
    "response_too_large",
    "timeout",
)
"""What the gate makes of a request."""

OUTCOMES = ("delivered", "postponed", "given_up")
"""What comes of an attempt to deliver a webhook."""


@dataclass(frozen=True)
class Metric:
    """One metric: a family of numbers that differ in their labels."""

    name: str
    sort: Sort
    meaning: str
    labels: Sequence[str] = ()
    known: Sequence[Sequence[str]] = field(default=(), repr=False)
    """Values of the labels that are told with 0 before anything happened, so that the first
    time is seen as a rise from there."""

    @property
    def told_as(self) -> str:
        """The name under which it is asked for, without the parts that a histogram adds."""
        return f"{self.name}_total" if self.sort == "counter" else self.name


_KINDS = [(kind,) for kind in SPECS]
_QUEUES = [(queue,) for queue in ALL_QUEUES]
_CODES = sorted(error.code for error in leaves(JobError))
_UNFAILED = [state for state in JobState if state.is_terminal and state is not JobState.FAILED]
_ENDS = [
    *((kind, state.value, "") for kind in SPECS for state in _UNFAILED),
    *((kind, JobState.FAILED.value, code) for kind in SPECS for code in _CODES),
]

SUBMITTED = Metric("farm_jobs_submitted", "counter", "Jobs that were accepted.", ("kind",), _KINDS)
ENDED = Metric(
    "farm_jobs_ended",
    "counter",
    "Jobs that ended, by how. `code` is that of the failure, and empty where there is none. A "
    "job that is queued again and ends again counts again.",
    ("kind", "state", "code"),
    _ENDS,
)
RERUNS = Metric(
    "farm_reruns",
    "counter",
    "Runs of jobs of which an earlier run came to nothing by the farm's own fault.",
    ("kind",),
    _KINDS,
)
RUN = Metric(
    "farm_run_seconds",
    "histogram",
    "How long runs took, from the claim to the end of the job, whatever came of it.",
    ("kind",),
    _KINDS,
)
STAGE = Metric(
    "farm_stage_seconds",
    "histogram",
    "How long each stage took: `queue` of every claimed job, from when it was queued; the others "
    "of jobs that succeeded.",
    ("kind", "stage"),
    [(kind, stage) for kind in SPECS for stage in STAGES],
)
ARTIFACT_BYTES = Metric(
    "farm_artifact_bytes", "counter", "Bytes of artifacts that jobs made.", ("kind",), _KINDS
)
WEBHOOKS = Metric(
    "farm_webhook_attempts",
    "counter",
    "Attempts to deliver a webhook: `delivered`, `postponed` (tried again later), `given_up`.",
    ("outcome",),
    [(outcome,) for outcome in OUTCOMES],
)
BROWSERS_LAUNCHED = Metric("farm_browsers_launched", "counter", "Browsers that were started.")
BROWSERS_RETIRED = Metric(
    "farm_browsers_retired", "counter", "Browsers let go because they had worked enough."
)
BROWSERS_LOST = Metric(
    "farm_browsers_lost",
    "counter",
    "Browsers that went away, hung, or were thrown away in a state that nobody knows.",
)
GATE_REQUESTS = Metric(
    "farm_gate_requests",
    "counter",
    "Requests of jobs at the gate, by what it made of them; a tunnel counts as one.",
    ("verdict",),
    [(verdict,) for verdict in VERDICTS],
)
GATE_BYTES = Metric(
    "farm_gate_bytes", "counter", "Bytes that went through the gate for jobs, both ways."
)

COUNTED: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        *(SUBMITTED, ENDED, RERUNS, RUN, STAGE, ARTIFACT_BYTES, WEBHOOKS),
        *(BROWSERS_LAUNCHED, BROWSERS_RETIRED, BROWSERS_LOST, GATE_REQUESTS, GATE_BYTES),
    )
}
"""Those that are kept beside the records, and so outlive every process; by name."""

BACKLOG = Metric(
    "farm_backlog",
    "gauge",
    "Jobs that wait or run: what to scale workers by.",
    ("queue",),
    _QUEUES,
)
QUEUED = Metric("farm_jobs_queued", "gauge", "Jobs that wait.", ("queue",), _QUEUES)
RUNNING = Metric("farm_jobs_running", "gauge", "Jobs that run.", ("queue",), _QUEUES)
LIMIT = Metric(
    "farm_jobs_queued_limit",
    "gauge",
    "Jobs that may wait; further ones are refused.",
    ("queue",),
    _QUEUES,
)
OLDEST = Metric(
    "farm_oldest_wait_seconds",
    "gauge",
    "For how long the oldest waiting job has waited; 0 if none waits.",
    ("queue",),
    _QUEUES,
)
WORKERS = Metric("farm_workers", "gauge", "Workers that are alive.", ("queue",), _QUEUES)
SLOTS = Metric(
    "farm_slots", "gauge", "Jobs that the living workers run at once.", ("queue",), _QUEUES
)
MEMORY = Metric(
    "farm_memory_bytes",
    "gauge",
    "Memory of the workers' children and all that they started.",
    ("queue",),
    _QUEUES,
)
LARGEST = Metric(
    "farm_largest_child_bytes",
    "gauge",
    "Memory of the largest such child, with all that it started.",
    ("queue",),
    _QUEUES,
)
UNSANDBOXED = Metric(
    "farm_browsers_without_sandbox",
    "gauge",
    "Browsers that run now without Chromium's own sandbox.",
)
BROWSER_CHECK = Metric(
    "farm_browser_check_age_seconds",
    "gauge",
    "How long ago a browser last really opened a page; not told before the first time.",
)
REDIS_BYTES = Metric(
    "farm_redis_bytes",
    "gauge",
    "Memory that Redis uses: `records`, and `artifacts` where these have their own. Not told where "
    "the farm's user may not ask (`INFO`).",
    ("redis",),
)
REDIS_LIMIT = Metric(
    "farm_redis_limit_bytes",
    "gauge",
    "Memory that Redis may use (`maxmemory`); not told where there is no limit.",
    ("redis",),
)

METRICS: Sequence[Metric] = (
    *(BACKLOG, QUEUED, RUNNING, LIMIT, OLDEST),
    *COUNTED.values(),
    *(WORKERS, SLOTS, MEMORY, LARGEST, UNSANDBOXED, BROWSER_CHECK, REDIS_BYTES, REDIS_LIMIT),
)
