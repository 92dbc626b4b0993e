"""What a caller can ask about webhooks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from farm.jobs.batches.models import Standing
from farm.jobs.batches.notices import Notice
from farm.jobs.batches.service import Batches
from farm.jobs.deliveries import Delivery, GivenUp
from farm.jobs.errors import NotFinished, NothingToDeliver
from farm.jobs.models import Job, new_id
from farm.jobs.service import JobService
from farm.jobs.signing import RotationRequest, SigningSecrets


@dataclass(frozen=True)
class Webhooks:
    """The webhooks of the jobs and batches of ``farm``, on behalf of its caller."""

    farm: JobService

    def of(self, jobs: Sequence[Job]) -> Mapping[str, Delivery]:
        """Return how it stands with the webhooks of those of ``jobs`` that have one, by id."""
        with_one = [job for job in jobs if job.spec.webhook_url is not None]
        return self.farm.deliveries.of(with_one) if with_one else {}

    def of_batches(self, batches: Sequence[Standing]) -> Mapping[str, Delivery]:
        """Return the same of ``batches``: as to what last happened to each."""
        with_one = [each for each in batches if each.batch.options.on_complete is not None]
        if not with_one:
            return {}
        latest = self.farm.notices.latest(with_one)
        stands = self.farm.notices.of(tuple(latest.values()))
        nothing_yet = {each.batch.id: Delivery(revision=0) for each in with_one}
        told = {batch_id: stands[notice.id] for batch_id, notice in latest.items()}
        return {**nothing_yet, **told}

    def deliver_again(self, job_id: str) -> Job:
        """Have the receiver of an ended job told again, with all attempts, whatever came of it.

        Raises:
            NothingToDeliver: The job has no webhook.
            NotFinished: There is nothing to tell yet.
            UnknownJob: No such id, or it is another's.
        """
        while True:
            job = self.farm.get(job_id)
            if job.spec.webhook_url is None:
                raise NothingToDeliver(f"Job {job_id!r} has no webhook.")
            if not job.state.is_terminal:
                raise NotFinished(f"Job {job_id!r} is {job.state}.")
            again = Delivery(revision=job.revision, due_at=self.farm.clock.now())
            if self.farm.deliveries.record(job, again):
                return job

    def deliver_batch_again(self, batch_id: str) -> Standing:
        """Have the receiver of a batch told again of what last happened to it.

        Raises:
            NothingToDeliver: The batch has no webhook.
            NotFinished: It has neither finished nor paused by itself.
            UnknownBatch: No such id, or it is another's.
        """
        while True:
            standing = Batches(self.farm).get(batch_id)
            if standing.batch.options.on_complete is None:
                raise NothingToDeliver(f"Batch {batch_id!r} has no webhook.")
            notice = self.farm.notices.latest([standing]).get(batch_id)
            if notice is None:
                raise NotFinished(f"Batch {batch_id!r} is {standing.state}.")
            again = Delivery(revision=notice.revision, due_at=self.farm.clock.now())
            if self.farm.notices.record(notice, again):
                return standing

    def given_up(
        self, before: datetime | None, limit: int
    ) -> tuple[list[GivenUp[Job | Notice]], datetime | None]:
        """Return up to ``limit`` webhooks that have failed, the latest first; when the last did.

        ``None``: there are no more behind it.
        """
        owner = self.farm.caller.owner
        # One more than is wanted, to know whether there is one.
        of_jobs = self.farm.deliveries.given_up(owner, before, limit + 1)
        of_batches = self.farm.notices.given_up(owner, before, limit + 1)
        both: list[GivenUp[Job | Notice]] = [*of_jobs, *of_batches]
        found = sorted(both, key=lambda each: each.at, reverse=True)
        page = found[:limit]
        return page, page[-1].at if len(found) > limit else None

    def secrets(self) -> SigningSecrets:
        """Return what the caller's webhooks are signed with that bring no secret along."""
        return self.farm.signing.get(self.farm.caller.owner)

    def rotate(self, wanted: RotationRequest, secret_id: str | None = None) -> SigningSecrets:
        """Put a new secret in use, unless that of ``secret_id`` was made; return all there are."""
        secret_id = secret_id or new_id()
        while True:
            before = self.secrets()
            if secret_id in [each.id for each in before.found]:
                return before
            after = before.rotated(secret_id, wanted.overlap, self.farm.clock.now())
            if self.farm.signing.swap(self.farm.caller.owner, before, after):
                return after
