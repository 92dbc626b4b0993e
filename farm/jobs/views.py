"""The job as a caller sees it: one shape for the API, the client and the command line."""

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, PlainSerializer

from farm.jobs.models import Failure, Job, Upload
from farm.jobs.specs import OPTION_FIELDS, Priority
from farm.jobs.states import JobState


def _rfc3339(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Time = Annotated[datetime, PlainSerializer(_rfc3339, return_type=str, when_used="json")]
"""RFC 3339 in UTC with milliseconds."""


class _View(BaseModel):
    # Closed where we write, open where the client reads: a newer farm may say more.
    model_config = ConfigDict(frozen=True)


class ArtifactView(_View):
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


class Links(_View):
    """Where the rest of a job is; ``result`` is null unless it succeeded."""

    self: str
    result: str | None


class JobView(_View):
    """A job, as JSON."""

    id: str
    kind: str
    """A kind of ``farm.jobs.specs``; a client also reads those of a newer farm."""
    state: JobState
    attempt: int
    priority: Priority
    batch_id: str | None = None
    tags: tuple[str, ...]
    metadata: dict[str, str]
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    expires_at: Time | None
    spec: dict[str, Any]
    artifacts: tuple[ArtifactView, ...]
    report: dict[str, Any] | None
    failure: FailureView | None
    warnings: tuple[str, ...]
    links: Links

    @classmethod
    def of(cls, job: Job) -> Self:
        """Return the view of ``job``. Its links are paths on the farm's own address."""
        here = f"/v1/jobs/{job.id}"
        succeeded = job.state is JobState.SUCCEEDED
        failure = job.failure and FailureView(
            **job.failure.model_dump(), docs=f"/docs/errors#{job.failure.code}"
        )
        return cls(
            id=job.id,
            kind=job.kind,
            state=job.state,
            attempt=job.attempt,
            priority=job.spec.priority,
            tags=job.spec.tags,
            metadata=job.spec.metadata,
            created_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
            expires_at=job.expires_at,
            spec=job.spec.model_dump(
                mode="json", exclude_unset=True, exclude={*OPTION_FIELDS, "kind"}
            ),
            artifacts=tuple(
                ArtifactView(**artifact.model_dump(), url=f"{here}/artifacts/{artifact.name}")
                for artifact in job.artifacts
            ),
            report=job.report,
            failure=failure,
            warnings=job.warnings,
            links=Links(self=here, result=f"{here}/result" if succeeded else None),
        )


class UploadView(_View):
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
