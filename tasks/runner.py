"""Claim, run, record: the only place where a worker moves a job."""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog

from farm.jobs.errors import (
    BackendUnavailable,
    FarmError,
    InternalError,
    JobError,
    JobExpired,
    JobTimedOut,
    OutputTooLarge,
    UnknownJob,
    WorkerError,
)
from farm.jobs.models import Artifact, Job
from farm.jobs.service import JobService
from farm.jobs.specs.requests import Kind
from farm.jobs.states import JobState
from farm.jobs.tracing import NoTraces, Traces
from tasks.deadline import Deadline
from tasks.outcome import ARTIFACT_MAX_BYTES, Made, Outcome, Stopwatch
from tasks.tracing import run_span
from tasks.watchdog import Watchdog

Run = Callable[[Job, Deadline, Stopwatch], Outcome]
"""Runs the job's spec before the deadline, or raises a ``JobError``."""

_REST_S = 3.0
"""Many times what opening a page takes."""

T = TypeVar("T")

_CLAIM_S = 5.0
"""How long a claim is tried while Redis is away; no work is lost with it."""
_BEFORE_OVERTIME_S = 2.0
"""How long before the outer net a worker stops waiting for Redis with what it has made."""
_AGAIN_S = 0.5
_PAUSE_S = 1
_LONG_PAUSE_S = 5
"""A full disk, or a machine without memory, spoils one run after the other within a second."""

_log = structlog.get_logger(__name__)


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Room:
    """What runs the jobs of a kind."""

    run: Run
    kill: Callable[[], None] = _nothing
    """Makes what ``run`` waits for fail; called from another thread. What looks at its
    deadline needs none."""
    rest: Callable[[], None] = _nothing
    """Gets ready for the next job, once this one is recorded."""


@dataclass
class JobRunner:
    """Runs one job at a time for one worker process."""

    farm: JobService
    kinds: Mapping[Kind, Room]
    worker: str
    """Identity of the worker's main process; a claim has this process's pid behind it."""
    overtime: type[Exception]
    """What the outer net raises in here when a job is far over its deadline."""
    watchdog: Watchdog = field(default_factory=Watchdog)
    jobs_done: int = field(default=0, init=False)
    """How many this process has run, whatever came of them."""
    traces: Traces = field(default_factory=NoTraces)
    _recorded: Job | None = field(default=None, init=False)
    """What has come of the present run."""
    busy: threading.Lock = field(default_factory=threading.Lock, init=False)
    """Held from before a claim until the room has rested."""

    def run(self, job_id: str, *, redeliveries: int = 0) -> None:
        """Run the job unless somebody else has it or it needs no run any more.

        Args:
            job_id: From the message.
            redeliveries: How often Celery has resent the message because the process
                that had it died. More than at the time of the present claim means
                that the claim's holder is dead, and its lease need not be awaited.

        Raises:
            BackendUnavailable: The ledger is away. The lease ends, and the job runs again.
            SystemExit: The worker is told to stop.
        """
        with structlog.contextvars.bound_contextvars(job_id=job_id), self.busy:
            claimed = self._claim(job_id, redeliveries)
            if claimed is not None:
                with structlog.contextvars.bound_contextvars(**_names(claimed)):
                    stopwatch = Stopwatch({"queue": _queue_ms(claimed)})
                    self._recorded = None
                    self._run_claimed(claimed, stopwatch)
                    self.farm.cache.wake(claimed)
                    self._trace(claimed, stopwatch)
                self.jobs_done += 1
                room = self.kinds[claimed.kind]
                with self.watchdog.over(Deadline(_REST_S), room.kill):
                    room.rest()

    def _claim(self, job_id: str, redeliveries: int) -> Job | None:
        try:
            job = self.farm.ledger.get(job_id)
        except (UnknownJob, JobExpired):
            _log.info("dropped", why="forgotten")
            return None
        now = self.farm.clock.now()
        if job.state is JobState.RUNNING and self._is_abandoned(job, redeliveries):
            after_loss = job.after_loss(now)
            if not self.farm.ledger.swap(after_loss):
                return None
            job = after_loss
        if job.state is not JobState.QUEUED:
            _log.info("dropped", why=job.state.value)
            return None
        if not self._needs_run(job, now):
            return None
        claimed = job.claimed(f"{self.worker}/{os.getpid()}", now, redeliveries=redeliveries)
        # A claim whose answer is lost would stand until its lease ends.
        if not _insist(partial(self.farm.cache.claim, claimed), Deadline(_CLAIM_S)):
            _log.info("dropped", why="taken")  # Or a twin runs, whose result this one waits for.
            return None
        return claimed

    def _needs_run(self, job: Job, now: datetime) -> bool:
        if job.take_until is not None and job.take_until <= now:
            _log.info("dropped", why="expired")  # The sweep has it fail.
            return False
        if self.farm.cache.answer(job) is not None:
            _log.info("answered")
            return False
        return True

    def _is_abandoned(self, job: Job, redeliveries: int) -> bool:
        lease_is_over = job.lease_until is not None and job.lease_until <= self.farm.clock.now()
        return lease_is_over or redeliveries > job.redeliveries

    def _run_claimed(self, job: Job, stopwatch: Stopwatch) -> None:
        deadline = Deadline(job.ladder.timeout_s)
        patience = Deadline(job.ladder.soft_limit_s - _BEFORE_OVERTIME_S)
        room = self.kinds[job.kind]
        try:
            # Over before anything is recorded: the record's own revision is another one.
            with self.watchdog.over(deadline, room.kill, partial(self._is_held, job)):
                outcome = room.run(job, deadline, stopwatch)
            with stopwatch.stage("store"):
                artifacts = [
                    _insist(partial(self._store, job, made), patience) for made in outcome.made
                ]
            now = self.farm.clock.now()
            self._succeed(_succeeded(job, outcome, artifacts, stopwatch, now), patience)
        except SystemExit:  # The worker is told to stop now.
            self._record(job.given_back(self.farm.clock.now(), counted=False), patience)
            raise
        except BackendUnavailable as error:
            _log.warning("not_kept", why=error.message)
            self._requeue(job.given_back(self.farm.clock.now(), counted=False), patience)
        except self.overtime:
            self._fail(job, JobTimedOut("outer limit", deadline.timeout_s), patience)
        except JobError as error:
            self._fail(job, error, patience)
        except Exception as error:  # noqa: BLE001 - the one place allowed to
            _log.exception("unforeseen", exc_info=error)
            mistake = InternalError("The farm made a mistake; its log has the details.")
            self._fail(job, mistake, patience)

    def _trace(self, claimed: Job, stopwatch: Stopwatch) -> None:
        span = run_span(claimed, self._recorded, stopwatch, self.farm.clock.now())
        self.traces.tell(span, claimed.origin.traceparent if claimed.origin else None)

    def _is_held(self, job: Job) -> bool:
        """Return whether the claim still stands: nobody cancelled the job or gave it back."""
        try:
            return self.farm.ledger.revision(job.id) == job.revision
        except BackendUnavailable:
            return True  # Not known; the lease stands for it.

    def _store(self, job: Job, made: Made) -> Artifact:
        if len(made.content) > ARTIFACT_MAX_BYTES:
            raise OutputTooLarge(f"{made.name} is larger than {ARTIFACT_MAX_BYTES} bytes.")
        return self.farm.artifacts.put(
            job.run_id, made.name, made.media_type, [made.content], ttl_s=job.spec.retention
        )

    def _succeed(self, done: Job, patience: Deadline) -> None:
        if not self._record(done, patience):
            for artifact in done.artifacts:
                self.farm.artifacts.expire(done.run_id, artifact.name, 0)

    def _fail(self, job: Job, error: FarmError, patience: Deadline) -> None:
        now = self.farm.clock.now()
        if isinstance(error, WorkerError):
            self._requeue(job.after_loss(now, error), patience)
        else:
            self._record(job.failed(error, now), patience)

    def _requeue(self, after: Job, patience: Deadline) -> None:
        """Record a run that came to nothing; if it is tried again, then after a pause."""
        if self._record(after, patience) and after.state is JobState.QUEUED:
            pause_s = _PAUSE_S if after.attempt == 1 else _LONG_PAUSE_S
            # The sweep announces what is due. By then what was wrong here may be mended.
            again_at = self.farm.clock.now() + timedelta(seconds=pause_s)
            self.farm.ledger.postpone(after.id, again_at)

    def _record(self, job: Job, patience: Deadline) -> bool:
        """Store the job's next revision; ``False`` if it was cancelled or given away."""
        stored = _insist(partial(self.farm.ledger.swap, job), patience)
        if stored:
            self._recorded = job
        else:
            _log.info("outrun", state=job.state.value)
        return stored


def _insist(action: Callable[[], T], patience: Deadline) -> T:
    """Do ``action``, which may be done twice, again and again while Redis is away.

    Raises:
        BackendUnavailable: It was away until ``patience`` ended.
    """
    while True:
        try:
            return action()
        except BackendUnavailable as error:
            if patience.left_s == 0:
                raise
            _log.warning("waits_for_redis", why=error.message)
        time.sleep(_AGAIN_S)


def _succeeded(
    job: Job, outcome: Outcome, artifacts: Sequence[Artifact], stopwatch: Stopwatch, now: datetime
) -> Job:
    report = {**outcome.report, "timings_ms": stopwatch.timings_ms}
    return job.succeeded(now, artifacts=artifacts, report=report, warnings=outcome.warnings)


def _names(job: Job) -> dict[str, object]:
    """Return what every line about this run says beside the job's id."""
    origin = {"request_id": job.origin.request_id} if job.origin else {}
    return {"attempt": job.attempt, **origin}


def _queue_ms(job: Job) -> int:
    started_at = job.started_at or job.queued_at
    return round((started_at - job.queued_at) / timedelta(milliseconds=1))
