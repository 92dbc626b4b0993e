"""What a caller can ask of the farm."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Self

from farm.jobs.batches.ports import BatchJobs, BatchLedger, Notices
from farm.jobs.cache import Cache, twins_fingerprint
from farm.jobs.errors import (
    BackendUnavailable,
    FieldError,
    InvalidSpec,
    JobExpired,
    NothingToRetry,
    QueueFull,
    ScopeRequired,
    UnknownJob,
    UnknownUpload,
)
from farm.jobs.keys import ANYBODY, Caller
from farm.jobs.listing import JobFilter, Page
from farm.jobs.metrics.ports import Statistics
from farm.jobs.models import ANNOUNCED_MAX, ID_CHARACTERS, Artifact, Job, Origin, Upload, new_id
from farm.jobs.ports import (
    ArtifactStore,
    Clock,
    Deliveries,
    JobLedger,
    JobQueue,
    KeyRing,
    Pressure,
    Refusal,
    Reservations,
    SigningRing,
    WorkerDirectory,
)
from farm.jobs.readiness import readiness
from farm.jobs.specs.powers import powers_used
from farm.jobs.specs.requests import ALL_QUEUES, JobSpec, Queue
from farm.jobs.specs.secrets import with_secrets
from farm.jobs.states import JobState
from farm.jobs.twins import Twins
from farm.jobs.uploads import UPLOAD_NAME, UPLOAD_TTL_S
from farm.jobs.workers import Readiness


@dataclass(frozen=True)
class Limits:
    """How much may wait."""

    backlog_max: int = 20_000
    """Jobs that may be queued on one queue: two of the largest batches, some 40 MB."""
    owner_max: int | None = None
    """Jobs of one owner that may be open; ``None``: any number."""
    batch_items_max: int = 10_000
    """Lines that one batch may have, good and bad ones."""


@dataclass(frozen=True)
class JobService:
    """The farm's rules over its ports; the API is a thin layer on top of this."""

    ledger: JobLedger
    batches: BatchLedger
    batch_jobs: BatchJobs
    queue: JobQueue
    artifacts: ArtifactStore
    uploads: ArtifactStore
    """May be the same as ``artifacts``."""
    workers: WorkerDirectory
    keys: KeyRing
    reservations: Reservations
    deliveries: Deliveries[Job]
    notices: Notices
    signing: SigningRing
    twins: Twins
    statistics: Statistics
    clock: Clock
    limits: Limits = Limits()
    caller: Caller = ANYBODY
    """Who asks: another's jobs and uploads are as if they were not there."""
    origin: Origin | None = None
    """The request in which it is asked; its jobs remember it."""

    def on_behalf_of(self, caller: Caller, origin: Origin | None = None) -> Self:
        """Return the same farm as ``caller`` may use it, in the request ``origin``."""
        return replace(self, caller=caller, origin=origin)

    def submit(self, spec: JobSpec) -> Job:
        """Store a job for ``spec`` and announce it, unless it has to wait for its turn.

        If a twin's result will do it is stored as done.
        The record is written before the announcement: a worker never hears of a
        job that it cannot read. A lost announcement is healed by the sweep, so the
        job stands even if the broker is away.

        Raises:
            ScopeRequired: The caller was not given what a field of it takes.
            InvalidSpec: It names an upload that is not there. Nothing was stored.
            QueueFull: As many jobs wait as may. Nothing was stored.
            BackendUnavailable: Nothing was stored, as far as one can know.
        """
        self.check(spec)
        job = self.drafted(spec, new_id())
        return self.store(job) or job

    def check(self, spec: JobSpec) -> None:
        """Refuse a spec that this caller may not have made into a job, or not now.

        Raises:
            ScopeRequired: The caller was not given what a field of it takes.
            InvalidSpec: It names an upload that is not there.
        """
        for field, power in powers_used(spec):
            if power not in self.caller.scopes:
                raise ScopeRequired(power, field)
        self._hold_upload_of(spec)

    def drafted(
        self,
        spec: JobSpec,
        job_id: str,
        request_id: str | None = None,
        batch_id: str | None = None,
    ) -> Job:
        """Return a job that is stored nowhere yet.

        ``request_id`` is for one with a key, ``batch_id`` for one of a batch.
        """
        now = self.clock.now()
        optional = {
            "request_id": request_id,
            "batch_id": batch_id,
            "fingerprint": self.fingerprint(spec),
            "origin": self.origin,
        }
        job = Job(
            id=job_id,
            spec=spec,
            created_at=now,
            queued_at=now,
            owner=self.caller.owner,
            zones=self.caller.zones,
            **{name: value for name, value in optional.items() if value is not None},
        )
        return self._in_line(job)

    def fingerprint(self, spec: JobSpec) -> str | None:
        """Return what all jobs that the caller has made of such a spec have in common."""
        return twins_fingerprint(spec, self.caller.owner, self.caller.zones, self.uploads)

    def store(self, job: Job) -> Job | None:
        """Store a new job, answered or announced, and return it; ``None``: another has its id.

        Raises:
            QueueFull: As many jobs wait as may. Nothing was stored.
        """
        answered = self.cache.answer_new(job)
        if answered is not None:
            return answered
        refusal = self.ledger.add(
            job, backlog_max=self.limits.backlog_max, owner_max=self.owner_max
        )
        if refusal == "exists":
            return None
        if refusal is not None:
            raise self._full(job, refusal)
        self._announce(job)
        return job

    def get(self, job_id: str) -> Job:
        """Return the job.

        Raises:
            UnknownJob: No such id, or it is another's.
            JobExpired: Its retention is over.
        """
        try:
            job = self.ledger.get(job_id)
        except JobExpired as expired:
            if not self.caller.has(expired.owner):
                raise UnknownJob(job_id) from None
            raise
        if not self.caller.has(job.owner):
            raise UnknownJob(job_id)
        return job

    def wait(self, job: Job, timeout_s: float) -> Job:
        """Return the job once it is terminal, or as it is after ``timeout_s`` seconds."""
        if job.state.is_terminal or timeout_s <= 0:
            return job
        self.ledger.wait_for_end(job.id, timeout_s)
        return self.get(job.id)

    def retry(self, job_id: str, secrets: Mapping[str, Any] | None = None) -> Job:
        """Queue a failed or cancelled job again, with all its attempts before it.

        Args:
            job_id: The job.
            secrets: Those that were dropped when it ended, by field, as JSON has them.

        Raises:
            NothingToRetry: It is open, or it succeeded.
            SecretsNeeded: It had secrets that are not among ``secrets``.
            InvalidSpec: The upload that it needs is no longer there; or a secret is wrong.
            ScopeRequired: The caller was not given what a secret takes.
        """
        while True:
            job = self.check_retry(self.get(job_id), secrets)
            retried = self.queued_again(job)
            if retried is not None:
                return retried

    def check_retry(self, job: Job, secrets: Mapping[str, Any] | None = None) -> Job:
        """Return the job with its ``secrets``, to be queued again; raises as ``retry`` does."""
        if job.state not in {JobState.FAILED, JobState.CANCELLED}:
            raise NothingToRetry(f"Job {job.id!r} is {job.state}.")
        spec = with_secrets(job.spec, job.dropped_secrets, secrets or {})
        self.check(spec)
        # Other secrets may have come than it had.
        fingerprint = twins_fingerprint(spec, job.owner, job.zones, self.uploads)
        changes = {"spec": spec, "dropped_secrets": (), "fingerprint": fingerprint}
        return job.model_copy(update=changes)

    def queued_again(self, job: Job, request_id: str | None = None) -> Job | None:
        """Queue what ``check_retry`` returned, and announce it; ``None`` if anybody was faster."""
        retried = self._in_line(job.retried(self.clock.now(), request_id))
        if not self.ledger.swap(retried):
            return None
        self._announce(retried)
        return retried

    def listed(self, wanted: JobFilter, before: int | None, limit: int) -> Page:
        """Return up to ``limit`` of the caller's jobs that are as ``wanted``; see the ledger."""
        owner = None if self.caller.sees_all else self.caller.owner
        return self.ledger.listed(wanted, before, limit, owner=owner)

    def tag(self, job_id: str, tags: Sequence[str]) -> Job:
        """Find the job under these tags from now on, in place of those that it had; return it.

        Raises:
            UnknownJob: No such id, or it is another's.
            JobExpired: Its retention is over.
        """
        self.ledger.tag(self.get(job_id).id, tuple(dict.fromkeys(tags)))
        return self.get(job_id)

    def pressure(self) -> dict[Queue, Pressure]:
        """Return how busy each queue is."""
        now = self.clock.now()
        return {queue: self.ledger.pressure(queue, now) for queue in ALL_QUEUES}

    def running(self) -> list[Job]:
        """Return the running jobs of all queues."""
        return [job for queue in ALL_QUEUES for job in self.ledger.running(queue)]

    def cancel(self, job_id: str) -> Job:
        """Cancel the job and return it; one that has ended stays as it is."""
        while True:
            job = self.get(job_id)
            if job.state.is_terminal:
                return job
            cancelled = job.cancelled(self.clock.now())
            if self.ledger.swap(cancelled):
                return cancelled

    def cancel_or_forget(self, job_id: str) -> Job | None:
        """Cancel an open job and return it; forget an ended one and return ``None``.

        A running job is cancelled in the ledger at once; what its worker still
        makes is refused by the revision and dropped.
        """
        while True:
            job = self.get(job_id)
            if job.state.is_terminal:
                if job.request_id is not None:
                    self.reservations.spend(job_id)
                self.cache.forget(job)
                return None
            cancelled = job.cancelled(self.clock.now())
            if self.ledger.swap(cancelled):
                return cancelled

    def read(self, job: Job, artifact: Artifact) -> Iterator[bytes]:
        """Return the artifact's bytes, chunk by chunk.

        Raises:
            ArtifactEvicted: Its bytes are no longer there; raised before the first chunk.
        """
        return self.artifacts.read(job.run_id, artifact.name)

    def upload(self, filename: str | None, media_type: str, chunks: Iterable[bytes]) -> Upload:
        """Keep a file for a later probe.

        Whatever ``chunks`` raises goes on to the caller, and nothing is kept.
        """
        # So the store need not know of owners, and the id alone tells whose it is.
        upload_id = f"{self.caller.owner}{new_id()}"
        stored = self.uploads.put(upload_id, UPLOAD_NAME, media_type, chunks, ttl_s=UPLOAD_TTL_S)
        return self.uploaded(upload_id, filename, stored)

    def uploaded(self, upload_id: str, filename: str | None, stored: Artifact) -> Upload:
        """Return what was stored, or has its day anew, as an upload."""
        return Upload(
            id=upload_id,
            filename=filename,
            size_bytes=stored.size_bytes,
            sha256=stored.sha256,
            expires_at=self.clock.now() + timedelta(seconds=UPLOAD_TTL_S),
        )

    def forget_upload(self, upload_id: str) -> None:
        """Drop an upload.

        Raises:
            UnknownUpload: No such id, it has expired, or it is another's.
        """
        if not self._has_upload(upload_id):
            raise UnknownUpload(upload_id)
        self.uploads.expire(upload_id, UPLOAD_NAME, 0)

    def readiness(self) -> Readiness:
        """Return whether jobs of every queue would run now, and what stands in the way."""
        return readiness(self.ledger, self.queue, self.workers, self.artifacts, self.clock.now())

    @property
    def cache(self) -> Cache:
        """The jobs that make do with one result."""
        return Cache(self.ledger, self.queue, self.artifacts, self.twins, self.clock)

    @property
    def owner_max(self) -> int | None:
        """How many jobs of the caller may be open; ``None``: any number."""
        return self.caller.open_jobs_max or self.limits.owner_max

    def _full(self, job: Job, refusal: Refusal) -> QueueFull:
        pressure = self.ledger.pressure(job.queue, self.clock.now())
        if refusal == "owner":
            said = f"You have {self.owner_max} open jobs, as many as you may."
        else:
            said = f"{pressure.queued} jobs wait on the queue {job.queue}, as many as may."
        return QueueFull(said, pressure.room_in_s)

    def _in_line(self, job: Job) -> Job:
        if job.batch_id is not None:
            return job  # It waits in any case.
        waiting = self.queue.length(job.queue, job.spec.priority)
        return job.model_copy(update={"in_line": waiting >= ANNOUNCED_MAX})

    def _announce(self, job: Job) -> None:
        if job.lane is not None:
            return  # The dispatcher announces it when its turn has come.
        try:
            self.queue.announce(job)
        except BackendUnavailable:
            return  # The record stands; the sweep announces it.

    def _has_upload(self, upload_id: str) -> bool:
        is_own = self.caller.has(upload_id[:-ID_CHARACTERS])
        return is_own and self.uploads.find(upload_id, UPLOAD_NAME) is not None

    def _hold_upload_of(self, spec: JobSpec) -> None:
        if spec.kind != "probe" or spec.upload_id is None:
            return
        if not self._has_upload(spec.upload_id):
            raise InvalidSpec([FieldError(field="upload_id", message="no such upload")])
        # A day from now: the job may wait in its queue.
        self.uploads.expire(spec.upload_id, UPLOAD_NAME, UPLOAD_TTL_S)
