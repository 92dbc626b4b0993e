"""What a caller can ask of the farm."""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from farm.jobs.errors import (
    ArtifactEvicted,
    BackendUnavailable,
    FieldError,
    InvalidSpec,
    JobFailed,
    NotFinished,
    NothingToRetry,
    QueueFull,
    UnknownArtifact,
    UnknownUpload,
)
from farm.jobs.listing import JobFilter, Page
from farm.jobs.models import ANNOUNCED_MAX, Artifact, Job, Upload
from farm.jobs.ports import (
    ArtifactStore,
    Clock,
    JobLedger,
    JobQueue,
    Pressure,
    Refusal,
    WorkerDirectory,
)
from farm.jobs.specs.requests import ALL_QUEUES, JobSpec, Queue
from farm.jobs.states import JobState
from farm.jobs.workers import Readiness

UPLOAD_NAME = "upload"
"""Name under which an upload's bytes are stored; its owner is the upload's id."""

_ROOM_MAX_S = 60
"""Longest wait that a caller is sent into: more would leave the farm idle."""
_UPLOAD_TTL_S = 24 * 3600
# Three of the dispatcher's checks, which come once a minute.
_BROWSER_CHECK_MAX_AGE = timedelta(minutes=3)


def _new_id() -> str:
    return secrets.token_hex(16)


@dataclass(frozen=True)
class Limits:
    """How much may wait."""

    backlog_max: int = 20_000
    """Jobs that may be queued on one queue: two of the largest batches, some 40 MB."""
    owner_max: int | None = None
    """Jobs of one owner that may be open; ``None``: any number."""


@dataclass(frozen=True)
class JobService:
    """The farm's rules over its ports; the API is a thin layer on top of this."""

    ledger: JobLedger
    queue: JobQueue
    artifacts: ArtifactStore
    uploads: ArtifactStore
    """May be the same as ``artifacts``."""
    workers: WorkerDirectory
    clock: Clock
    limits: Limits = Limits()

    def submit(self, spec: JobSpec) -> Job:
        """Store a job for ``spec`` and announce it, unless it has to wait for its turn.

        The record is written before the announcement: a worker never hears of a
        job that it cannot read. A lost announcement is healed by the sweep, so the
        job stands even if the broker is away.

        Raises:
            InvalidSpec: It names an upload that is not there. Nothing was stored.
            QueueFull: As many jobs wait as may. Nothing was stored.
            BackendUnavailable: Nothing was stored, as far as one can know.
        """
        if spec.kind == "probe" and spec.upload_id is not None:
            self._hold_upload(spec.upload_id)
        now = self.clock.now()
        job = self._in_line(Job(id=_new_id(), spec=spec, created_at=now, queued_at=now))
        refusal = self.ledger.add(
            job, backlog_max=self.limits.backlog_max, owner_max=self.limits.owner_max
        )
        if refusal is not None:
            raise self._full(job, refusal)
        self._announce(job)
        return job

    def get(self, job_id: str) -> Job:
        """Return the job.

        Raises:
            UnknownJob: No such id.
            JobExpired: Its retention is over.
        """
        return self.ledger.get(job_id)

    def wait(self, job: Job, timeout_s: float) -> Job:
        """Return the job once it is terminal, or as it is after ``timeout_s`` seconds."""
        if job.state.is_terminal or timeout_s <= 0:
            return job
        self.ledger.wait_for_end(job.id, timeout_s)
        return self.ledger.get(job.id)

    def retry(self, job_id: str) -> Job:
        """Queue a failed or cancelled job again, with all its attempts before it.

        Raises:
            NothingToRetry: It is open, or it succeeded.
            InvalidSpec: The upload that it needs is no longer there.
        """
        while True:
            job = self.ledger.get(job_id)
            if job.state not in {JobState.FAILED, JobState.CANCELLED}:
                raise NothingToRetry(f"Job {job_id!r} is {job.state}.")
            if job.spec.kind == "probe" and job.spec.upload_id is not None:
                self._hold_upload(job.spec.upload_id)
            retried = self._in_line(job.retried(self.clock.now()))
            if self.ledger.swap(retried):
                self._announce(retried)
                return retried

    def listed(self, wanted: JobFilter, before: int | None, limit: int) -> Page:
        """Return up to ``limit`` jobs that are as ``wanted``, newest first; see the ledger."""
        return self.ledger.listed(wanted, before, limit)

    def pressure(self) -> dict[Queue, Pressure]:
        """Return how busy each queue is."""
        now = self.clock.now()
        return {queue: self.ledger.pressure(queue, now) for queue in ALL_QUEUES}

    def running(self) -> list[Job]:
        """Return the running jobs of all queues."""
        return [job for queue in ALL_QUEUES for job in self.ledger.running(queue)]

    def cancel_or_forget(self, job_id: str) -> Job | None:
        """Cancel an open job and return it; forget an ended one and return ``None``.

        A running job is cancelled in the ledger at once; what its worker still
        makes is refused by the revision and dropped.
        """
        while True:
            job = self.ledger.get(job_id)
            if job.state.is_terminal:
                for artifact in job.artifacts:
                    self.artifacts.expire(job.run_id, artifact.name, 0)
                self.ledger.forget(job_id)
                return None
            cancelled = job.cancelled(self.clock.now())
            if self.ledger.swap(cancelled):
                return cancelled

    def result(self, job: Job) -> Artifact:
        """Return the job's main artifact.

        Raises:
            NotFinished: The job has not ended.
            JobFailed: It ended without a result.
        """
        self._check_succeeded(job)
        return job.artifacts[0]

    def artifact(self, job: Job, name: str) -> Artifact:
        """Return one of the job's artifacts by its name.

        Raises:
            UnknownArtifact: It made none of this name; also see ``result``.
        """
        self._check_succeeded(job)
        for artifact in job.artifacts:
            if artifact.name == name:
                return artifact
        raise UnknownArtifact(f"Job {job.id!r} has no artifact {name!r}.")

    def read(self, job: Job, artifact: Artifact) -> Iterator[bytes]:
        """Return the artifact's bytes, chunk by chunk.

        Raises:
            ArtifactEvicted: Its bytes are no longer there; raised before the first chunk.
        """
        if self.artifacts.find(job.run_id, artifact.name) is None:
            raise ArtifactEvicted(f"The bytes of {artifact.name!r} are no longer kept.")
        return self.artifacts.read(job.run_id, artifact.name)

    def upload(self, filename: str | None, media_type: str, chunks: Iterable[bytes]) -> Upload:
        """Keep a file for a later probe.

        Whatever ``chunks`` raises goes on to the caller, and nothing is kept.
        """
        upload_id = _new_id()
        stored = self.uploads.put(upload_id, UPLOAD_NAME, media_type, chunks, ttl_s=_UPLOAD_TTL_S)
        return Upload(
            id=upload_id,
            filename=filename,
            size_bytes=stored.size_bytes,
            sha256=stored.sha256,
            expires_at=self.clock.now() + timedelta(seconds=_UPLOAD_TTL_S),
        )

    def forget_upload(self, upload_id: str) -> None:
        """Drop an upload.

        Raises:
            UnknownUpload: No such id, or it has expired.
        """
        if self.uploads.find(upload_id, UPLOAD_NAME) is None:
            raise UnknownUpload(upload_id)
        self.uploads.expire(upload_id, UPLOAD_NAME, 0)

    def readiness(self) -> Readiness:
        """Return whether jobs of every queue would run now, and what stands in the way."""
        try:
            self.ledger.ping()
            served = {queue for worker in self.workers.alive() for queue in worker.queues}
            checks = {"redis": "ok"}
            for queue in ALL_QUEUES:
                alive = queue in served
                checks[queue] = "ok" if alive else f"no worker is alive on the queue {queue}"
            checks["browser"] = self._browser_check()
        except BackendUnavailable as error:
            checks = {"redis": error.message}
        try:
            self.artifacts.ping()
            checks["artifacts"] = "ok"
        except BackendUnavailable as error:
            checks["artifacts"] = error.message
        return Readiness(ready=all(check == "ok" for check in checks.values()), checks=checks)

    def _browser_check(self) -> str:
        last = self.workers.last_browser_check()
        if last is None:
            return "no browser has opened a page yet"
        if self.clock.now() - last.at > _BROWSER_CHECK_MAX_AGE:
            return f"no browser has opened a page since {last.at.isoformat()}"
        return "ok"

    def _full(self, job: Job, refusal: Refusal) -> QueueFull:
        pressure = self.ledger.pressure(job.queue, self.clock.now())
        if refusal == "owner":
            said = f"You have {self.limits.owner_max} open jobs, as many as you may."
        else:
            said = f"{pressure.queued} jobs wait on the queue {job.queue}, as many as may."
        return QueueFull(said, _room_in_s(pressure))

    def _in_line(self, job: Job) -> Job:
        waiting = self.queue.length(job.queue, job.spec.priority)
        return job.model_copy(update={"in_line": waiting >= ANNOUNCED_MAX})

    def _announce(self, job: Job) -> None:
        if job.lane is not None:
            return  # The dispatcher announces it when its turn has come.
        try:
            self.queue.announce(job)
        except BackendUnavailable:
            return  # The record stands; the sweep announces it.

    def _hold_upload(self, upload_id: str) -> None:
        if self.uploads.find(upload_id, UPLOAD_NAME) is None:
            raise InvalidSpec([FieldError(field="upload_id", message="no such upload")])
        # A day from now: the job may wait in its queue.
        self.uploads.expire(upload_id, UPLOAD_NAME, _UPLOAD_TTL_S)

    @staticmethod
    def _check_succeeded(job: Job) -> None:
        if not job.state.is_terminal:
            raise NotFinished(f"Job {job.id!r} is {job.state}.")
        if job.state is not JobState.SUCCEEDED:
            reason = f"{job.failure.code}: {job.failure.message}" if job.failure else job.state
            raise JobFailed(f"Job {job.id!r} has no result ({reason}).", job.failure)


def _room_in_s(pressure: Pressure) -> int:
    """Return in how many seconds a hundredth of what waits will be done, at today's rate."""
    if pressure.ended_per_min == 0:
        return _ROOM_MAX_S
    seconds = pressure.queued / 100 / (pressure.ended_per_min / 60)
    return min(max(1, round(seconds)), _ROOM_MAX_S)
