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
    UnknownArtifact,
    UnknownUpload,
)
from farm.jobs.models import Artifact, Job, Upload
from farm.jobs.ports import ArtifactStore, Clock, JobLedger, JobQueue, WorkerDirectory
from farm.jobs.specs.requests import QUEUES, JobSpec
from farm.jobs.states import JobState
from farm.jobs.workers import Readiness

UPLOAD_NAME = "upload"
"""Name under which an upload's bytes are stored; its owner is the upload's id."""

_UPLOAD_TTL_S = 24 * 3600
# Three of the dispatcher's checks, which come once a minute.
_BROWSER_CHECK_MAX_AGE = timedelta(minutes=3)


def _new_id() -> str:
    return secrets.token_hex(16)


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

    def submit(self, spec: JobSpec) -> Job:
        """Store and announce a job for ``spec``.

        The record is written before the announcement: a worker never hears of a
        job that it cannot read. A lost announcement is healed by the sweep, so the
        job stands even if the broker is away.

        Raises:
            InvalidSpec: It names an upload that is not there. Nothing was stored.
            BackendUnavailable: Nothing was stored, as far as one can know.
        """
        if spec.kind == "probe" and spec.upload_id is not None:
            self._hold_upload(spec.upload_id)
        now = self.clock.now()
        job = Job(id=_new_id(), spec=spec, created_at=now, queued_at=now)
        self.ledger.swap(job)
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
        give_up_at = self.clock.now() + timedelta(seconds=timeout_s)
        while not job.state.is_terminal:
            left_s = (give_up_at - self.clock.now()).total_seconds()
            if left_s <= 0:
                break
            self.ledger.wait_for_change(job.id, job.revision, left_s)
            newest = self.ledger.get(job.id)
            if newest.revision == job.revision:
                break
            job = newest
        return job

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
            for queue in sorted(set(QUEUES.values())):
                alive = queue in served
                checks[queue] = "ok" if alive else f"no worker is alive on the queue {queue}"
            checks["browser"] = self._browser_check()
        except BackendUnavailable as error:
            checks = {"redis": error.message}
        return Readiness(ready=all(check == "ok" for check in checks.values()), checks=checks)

    def _browser_check(self) -> str:
        last = self.workers.last_browser_check()
        if last is None:
            return "no browser has opened a page yet"
        if self.clock.now() - last.at > _BROWSER_CHECK_MAX_AGE:
            return f"no browser has opened a page since {last.at.isoformat()}"
        return "ok"

    def _announce(self, job: Job) -> None:
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
