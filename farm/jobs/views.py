"""The job as a caller sees it: one shape for the API, the client and the command line."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, PlainSerializer

from farm.jobs.deliveries import Delivery, DeliveryState
from farm.jobs.models import Failure, Job, Upload
from farm.jobs.specs.base import Priority
from farm.jobs.specs.requests import OPTION_FIELDS, JobSpec
from farm.jobs.specs.secrets import is_secret
from farm.jobs.states import JobState
from farm.jobs.urls import MAX_URL_LENGTH

HIDDEN = "***"
"""Stands for a secret in an answer."""
_SHOWN_CHARACTERS = 200


def rfc3339(value: datetime) -> str:
    """Return the time as ``Time`` has it."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Time = Annotated[datetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]
"""RFC 3339 in UTC with milliseconds."""


class View(BaseModel):
    """What is answered as JSON."""

    # Closed where we write, open where the client reads: a newer farm may say more.
    model_config = ConfigDict(frozen=True)


class ArtifactView(View):
    """Bytes that a job made."""

    name: str
    media_type: str
    size_bytes: int
    sha256: str
    url: str


class FailureView(Failure):
    """Why a job failed."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    docs: str

    @classmethod
    def of(cls, failure: Failure) -> Self:  # type: ignore[override]
        """Return the view of ``failure``."""
        return cls(**failure.model_dump(), docs=f"/docs/errors#{failure.code}")


class WebhookView(View):
    """How far the receiver of a webhook has been told."""

    state: DeliveryState
    attempts: int
    """Since it was last asked for."""
    last_error: str | None
    """A code: why the last attempt failed."""

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """Return the view of ``delivery``."""
        return cls(**delivery.model_dump(include=set(cls.model_fields)))


class Links(View):
    """Where the rest of a job is; ``result`` is null unless it succeeded."""

    self: str
    result: str | None
    events: str | None = None


class JobView(View):
    """A job, as JSON."""

    id: str
    kind: str
    """A kind of ``farm.jobs.specs``; a client also reads those of a newer farm."""
    state: JobState
    attempt: int
    retries: int = 0
    priority: Priority
    batch_id: str | None = None
    tags: tuple[str, ...]
    metadata: dict[str, str]
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    expires_at: Time | None
    spec: dict[str, Any]
    cached: bool = False
    """Whether its result is that of an identical job; the report has its ``cache_age_s``."""
    artifacts: tuple[ArtifactView, ...]
    report: dict[str, Any] | None
    failure: FailureView | None
    previous_failures: tuple[FailureView, ...] = ()
    warnings: tuple[str, ...]
    webhook: WebhookView | None = None
    """Null if it has none."""
    links: Links

    @classmethod
    def of(cls, job: Job, delivery: Delivery | None = None) -> Self:
        """Return the view of ``job``. Its links are paths on the farm's own address.

        ``delivery`` is how it stands with its webhook, if it has one.
        """
        here = f"/v1/jobs/{job.id}"
        succeeded = job.state is JobState.SUCCEEDED
        return cls(
            id=job.id,
            kind=job.kind,
            state=job.state,
            attempt=job.attempt,
            retries=job.retries,
            priority=job.spec.priority,
            batch_id=job.batch_id,
            tags=job.tags,
            metadata=job.spec.metadata,
            created_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
            expires_at=job.expires_at,
            spec=shown(job.spec, job.dropped_secrets),
            cached=job.made_by is not None,
            artifacts=tuple(
                ArtifactView(**artifact.model_dump(), url=f"{here}/artifacts/{artifact.name}")
                for artifact in job.artifacts
            ),
            report=job.report,
            failure=job.failure and FailureView.of(job.failure),
            previous_failures=tuple(map(FailureView.of, job.previous_failures)),
            warnings=job.warnings,
            webhook=delivery and WebhookView.of(delivery),
            links=Links(
                self=here,
                result=f"{here}/result" if succeeded else None,
                events=f"{here}/events",
            ),
        )


def shown(spec: JobSpec, dropped: Iterable[str] = ()) -> dict[str, Any]:
    """Return what was asked for, without defaults and without what stands on the job itself.

    Of a caller's secrets it says only that they were given, those that were ``dropped``
    since too; and of a long text, as a whole page, only how it begins: it would go over
    the wire with each look at the job.
    """
    found = spec.model_dump(mode="json", exclude_unset=True, exclude={*OPTION_FIELDS, "kind"})
    hidden = [name for name in found if found[name] and is_secret(type(spec), name)]
    return {
        **{name: _shortened(value) for name, value in found.items()},
        **dict.fromkeys([*hidden, *dropped], HIDDEN),
    }


def _shortened(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, list):
        return [_shortened(each) for each in value]
    if isinstance(value, str) and len(value) > MAX_URL_LENGTH:
        return f"{value[:_SHOWN_CHARACTERS]}… ({len(value)} characters)"
    return value


class UploadView(View):
    """A file left with the farm, as JSON."""

    id: str
    filename: str | None
    size_bytes: int
    sha256: str
    expires_at: Time

    @classmethod
    def of(cls, upload: Upload) -> Self:
        """Return the view of ``upload``."""
        return cls(**upload.model_dump())


class JobsView(View):
    """Some jobs, newest first, as JSON."""

    items: tuple[JobView, ...]
    next: str | None
    """``cursor`` of the next page; null after the last. A page may be empty and have a next."""
