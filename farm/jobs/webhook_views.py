"""Webhooks that were given up, as a caller sees them."""

from typing import Self

from farm.jobs.batches.notices import Notice
from farm.jobs.deliveries import GivenUp
from farm.jobs.models import Job
from farm.jobs.views import Time, View


class GivenUpLinks(View):
    """What the webhook is about, and where to have it delivered again."""

    self: str
    deliver: str


class GivenUpView(View):
    """A webhook whose receiver was not told, and is told no more by itself."""

    type: str
    """Of its message, as `job.failed` or `batch.finished`."""
    job_id: str | None
    """Null: it is about a batch."""
    batch_id: str | None
    """Null: it is about a job."""
    webhook_url: str | None
    attempts: int
    last_error: str | None
    """A code: why the last attempt failed."""
    failed_at: Time
    links: GivenUpLinks

    @classmethod
    def of(cls, found: GivenUp[Job | Notice]) -> Self:
        """Return the view of ``found``."""
        about = found.about
        if isinstance(about, Job):
            here, job_id, batch_id = f"/v1/jobs/{about.id}", about.id, None
        else:
            batch_id, job_id = about.standing.batch.id, None
            here = f"/v1/batches/{batch_id}"
        return cls(
            type=about.event_type,
            job_id=job_id,
            batch_id=batch_id,
            webhook_url=about.webhook_url,
            attempts=found.delivery.attempts,
            last_error=found.delivery.last_error,
            failed_at=found.at,
            links=GivenUpLinks(self=here, deliver=f"{here}/webhook"),
        )


class GivenUpsView(View):
    """Some webhooks that were given up, the latest first."""

    items: tuple[GivenUpView, ...]
    next: str | None
    """``cursor`` of the next page; null after the last."""
