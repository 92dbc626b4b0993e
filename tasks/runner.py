"""Claim, run, record: the only place where a worker moves a job."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

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
from tasks.deadline import Deadline
from tasks.outcome import ARTIFACT_MAX_BYTES, Made, Outcome, Stopwatch
from tasks.watchdog import Watchdog

Run = Callable[[Job, Deadline, Stopwatch], Outcome]
"""Runs the job's spec before the deadline, or raises a ``JobError``."""

_REST_S = 3.0
"""Many times what opening a page takes."""

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
        with structlog.contextvars.bound_contextvars(job_id=job_id):
            claimed = self._claim(job_id, redeliveries)
            if claimed is not None:
                self._run_claimed(claimed)
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
        claimed = job.claimed(f"{self.worker}/{os.getpid()}", now, redeliveries=redeliveries)
        if not self.farm.ledger.swap(claimed):
            _log.info("dropped", why="taken")
            return None
        return claimed

    def _is_abandoned(self, job: Job, redeliveries: int) -> bool:
        lease_is_over = job.lease_until is not None and job.lease_until <= self.farm.clock.now()
        return lease_is_over or redeliveries > job.redeliveries

    def _run_claimed(self, job: Job) -> None:
        deadline = Deadline(job.ladder.timeout_s)
        stopwatch = Stopwatch({"queue": _queue_ms(job)})
        _log.info("started", kind=job.kind, attempt=job.attempt)
        room = self.kinds[job.kind]
        try:
            # Over before anything is recorded: the record's own revision is another one.
            with self.watchdog.over(deadline, room.kill, partial(self._is_held, job)):
                outcome = room.run(job, deadline, stopwatch)
            with stopwatch.stage("store"):
                artifacts = [self._store(job, made) for made in outcome.made]
            self._succeed(job, outcome, artifacts, stopwatch)
        except SystemExit:  # The worker is told to stop now.
            self._record(job.given_back(self.farm.clock.now(), counted=False))
            raise
        except self.overtime:
            self._fail(job, JobTimedOut("outer limit", deadline.timeout_s))
        except JobError as error:
            self._fail(job, error)
        except Exception as error:  # noqa: BLE001 - the one place allowed to
            _log.exception("unforeseen", exc_info=error)
            self._fail(job, InternalError("The farm made a mistake; its log has the details."))

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

    def _succeed(
        self, job: Job, outcome: Outcome, artifacts: list[Artifact], stopwatch: Stopwatch
    ) -> None:
        report = {**outcome.report, "timings_ms": stopwatch.timings_ms}
        now = self.farm.clock.now()
        done = job.succeeded(now, artifacts=artifacts, report=report, warnings=outcome.warnings)
        if not self._record(done):
            for artifact in artifacts:
                self.farm.artifacts.expire(job.run_id, artifact.name, 0)

    def _fail(self, job: Job, error: FarmError) -> None:
        now = self.farm.clock.now()
        if isinstance(error, WorkerError):
            after = job.after_loss(now, error)
        else:
            after = job.failed(error, now)
        if self._record(after) and after.state is JobState.QUEUED:
            self.farm.queue.announce(after)

    def _record(self, job: Job) -> bool:
        """Store the job's next revision; ``False`` if it was cancelled or given away."""
        stored = self.farm.ledger.swap(job)
        code = job.failure.code if job.failure else None
        _log.info("ended" if stored else "outrun", state=job.state.value, code=code)
        return stored


def _queue_ms(job: Job) -> int:
    started_at = job.started_at or job.queued_at
    return round((started_at - job.queued_at) / timedelta(milliseconds=1))
