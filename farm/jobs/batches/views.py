"""The batch as a caller sees it: one shape for the API, the client and webhooks."""

from typing import TYPE_CHECKING, Self

from farm.jobs.batches.models import BatchState, Standing
from farm.jobs.deliveries import Delivery
from farm.jobs.errors import FieldError
from farm.jobs.views import Time, View, WebhookView

if TYPE_CHECKING:  # The client reads these, and has no use for the service.
    from farm.jobs.batches.service import Accepted

RESULTS = ("results.ndjson", "results.csv", "archive.zip", "report.html")
"""All that a batch came to, each in one file."""


class BatchView(View):
    """A batch, as JSON."""

    id: str
    state: BatchState
    total: int
    queued: int
    running: int
    succeeded: int
    failed: int
    cancelled: int
    rate_per_min: float
    """Jobs that ended in the last minute."""
    eta_s: int | None
    """Null: nobody knows, as before the first job has ended, or in a pause."""
    failures_by_code: dict[str, int]
    created_at: Time
    finished_at: Time | None
    webhook: WebhookView | None = None
    """As to what last happened to it. Null if it has none."""

    @classmethod
    def of(cls, standing: Standing, delivery: Delivery | None = None) -> Self:
        """Return the view of a batch as it stands.

        ``delivery`` is how it stands with its webhook, if it has one.
        """
        return cls(**_shown(standing), webhook=delivery and WebhookView.of(delivery))


class RejectedView(View):
    """A line that became no job."""

    line: int
    errors: tuple[FieldError, ...]


class AcceptedBatchView(BatchView):
    """A batch that was just submitted, as JSON."""

    duplicates: int
    """Lines that ask for what another line asks for; they became no jobs of their own."""
    rejected: tuple[RejectedView, ...]

    @classmethod
    def accepted(cls, found: "Accepted", delivery: Delivery | None) -> Self:
        """Return the view of a batch and of the lines that are not in it; see ``of``."""
        rejected = tuple(
            RejectedView(line=each.line, errors=each.errors) for each in found.rejected
        )
        return cls(
            **_shown(found.standing),
            webhook=delivery and WebhookView.of(delivery),
            duplicates=found.duplicates,
            rejected=rejected,
        )


class BatchesView(View):
    """Some batches, newest first, as JSON."""

    items: tuple[BatchView, ...]
    next: str | None
    """``cursor`` of the next page; null after the last."""


def _shown(standing: Standing) -> dict[str, object]:
    batch, progress = standing.batch, standing.progress
    return {
        "id": batch.id,
        "state": standing.state,
        "total": progress.total,
        "queued": progress.queued,
        "running": progress.running,
        "succeeded": progress.succeeded,
        "failed": progress.failed,
        "cancelled": progress.cancelled,
        "rate_per_min": round(progress.ended_per_min, 1),
        "eta_s": standing.eta_s,
        "failures_by_code": dict(progress.failures_by_code),
        "created_at": batch.created_at,
        "finished_at": standing.finished_at,
    }
