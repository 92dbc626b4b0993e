"""What a caller can ask about webhooks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from farm.jobs.deliveries import Delivery
from farm.jobs.errors import NotFinished, NothingToDeliver
from farm.jobs.models import Job
from farm.jobs.service import JobService


@dataclass(frozen=True)
class Webhooks:
    """The webhooks of the jobs of ``farm``, on behalf of its caller."""

    farm: JobService

    def of(self, jobs: Sequence[Job]) -> Mapping[str, Delivery]:
        """Return how it stands with the webhooks of those of ``jobs`` that have one, by id."""
        with_one = [job for job in jobs if job.spec.webhook_url is not None]
        return self.farm.deliveries.of(with_one) if with_one else {}

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
