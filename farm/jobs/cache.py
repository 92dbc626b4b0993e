"""The cache: one result for all who ask for the same.

Jobs of one owner that ask for the same, each with a ``cache_ttl``, are *twins*. A job is
answered with the result of a twin when it is submitted, or when a worker comes to claim it;
and none is claimed while a twin runs. Nothing else joins them: each has its own record,
which is cancelled, retried, told of and forgotten by itself.
"""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from farm.jobs.errors import BackendUnavailable
from farm.jobs.fingerprints import fingerprint_of
from farm.jobs.models import ANNOUNCED_MAX, Job, Zone
from farm.jobs.ports import ArtifactStore, Clock, JobLedger, JobQueue
from farm.jobs.specs.base import JobOptions
from farm.jobs.specs.requests import JobSpec
from farm.jobs.twins import Twins
from farm.jobs.uploads import UPLOAD_NAME


def twins_fingerprint(
    spec: JobSpec, owner: str, zones: Collection[Zone], uploads: ArtifactStore
) -> str | None:
    """Return what all of the owner's jobs that ask for the same have in common.

    That is every field but those about the job itself, with its default if it was not
    given; of an upload its bytes. ``None``: the spec has no ``cache_ttl``.
    """
    if not spec.cache_ttl:
        return None
    asked = spec.model_dump(mode="json", exclude=set(JobOptions.model_fields))
    if spec.kind == "probe" and spec.upload_id is not None:
        upload = uploads.find(spec.upload_id, UPLOAD_NAME)
        asked |= {"upload_id": upload.sha256 if upload else spec.upload_id}
    whose = {"owner": owner, "zones": sorted(zones)}
    return fingerprint_of("twins", {**whose, "asked": asked})


@dataclass(frozen=True)
class Cache:
    """The jobs that make do with one result."""

    ledger: JobLedger
    queue: JobQueue
    artifacts: ArtifactStore
    twins: Twins
    clock: Clock

    def answer_new(self, draft: Job) -> Job | None:
        """Store a job that is stored nowhere yet as done, if a twin has a result for it."""
        return self.answer(draft.model_copy(update={"revision": draft.revision - 1}))

    def answer(self, job: Job) -> Job | None:
        """Have a queued job be done with a twin's result and return it; ``None``: none will do.

        The bytes are kept for the job's own retention before it lists them. Whatever
        happens to the twin in between, the ledger lets it be done only while they are listed.
        """
        if job.fingerprint is None or job.spec.fresh:
            return None
        # A result that was made while the job waited is younger than the request.
        oldest = job.queued_at - timedelta(seconds=job.spec.cache_ttl)
        for twin in self.twins.results(job.fingerprint):
            made_at = twin.made_at or twin.finished_at
            if made_at is None or made_at < oldest:
                break
            answered = job.answered(twin, self.clock.now())
            if self._keep(answered) and self.ledger.swap(answered):
                return answered
        return None

    def claim(self, claimed: Job) -> bool:
        """Store a claim, unless the job waits for a twin that runs; say whether it is stored.

        A job waits for nobody that is to be fresh, or must be taken by some time, or of
        which a twin came to nothing while it waited: that one gets a run of its own.
        """
        fingerprint = claimed.fingerprint
        if (
            fingerprint is None
            or claimed.spec.fresh
            or claimed.spec.expires_in is not None
            or self.twins.came_to_nothing(fingerprint, claimed.queued_at)
        ):
            return self.ledger.swap(claimed)
        return self.twins.claim(claimed)

    def wake(self, job: Job) -> None:
        """Announce the twins that a run of ``job``, which is over, kept waiting."""
        if job.fingerprint is None:
            return
        with suppress(BackendUnavailable):  # The sweep announces them, as it does those left.
            for twin in self.twins.waiting(job.fingerprint, ANNOUNCED_MAX):
                if twin.id != job.id:
                    self.queue.announce(twin)

    def forget(self, job: Job) -> None:
        """Drop an ended job, and its artifacts unless another lists them, too."""
        if job.is_reusable:
            # First: what nobody lists any more, nobody will.
            self.ledger.forget(job.id)
            if self.twins.lists(job.run_id):
                return
        for artifact in job.artifacts:
            self.artifacts.expire(job.run_id, artifact.name, 0)
        if not job.is_reusable:
            self.ledger.forget(job.id)

    def _keep(self, job: Job) -> bool:
        """Keep the artifacts for the job's retention; say if all are there."""
        return all(
            self.artifacts.keep(job.run_id, artifact.name, job.spec.retention)
            for artifact in job.artifacts
        )
