"""The bytes that jobs made, streamed."""

from http import HTTPStatus

from apiflask import APIBlueprint
from flask import Response, request

from api.schemas import file_answer, problems
from farm.jobs.models import Artifact, Job
from farm.jobs.service import JobService

_MEDIA_TYPES = (
    *("image/png", "image/jpeg", "image/webp", "application/pdf", "application/json"),
    *("text/html", "text/plain"),
)
_SHOWN_INLINE = frozenset({"image/png", "image/jpeg", "image/webp"})
"""Pictures only: anything else of a stranger's page could act as a page of ours."""

_PROBLEMS = (
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.GONE,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_NOT_MODIFIED = {HTTPStatus.NOT_MODIFIED.value: {"description": "It is as `If-None-Match` says"}}


def blueprint(service: JobService) -> APIBlueprint:
    """Return the addresses of artifacts over ``service``."""
    artifacts = APIBlueprint("artifacts", __name__, url_prefix="/v1/jobs", tag="Artifacts")

    @artifacts.get("/<job_id>/result")
    @artifacts.doc(
        summary="Read the job's main artifact",
        responses={**file_answer(*_MEDIA_TYPES), **_NOT_MODIFIED, **problems(*_PROBLEMS)},
    )
    def result(job_id: str) -> Response:
        job = service.get(job_id)
        return _stream(service, job, service.result(job))

    @artifacts.get("/<job_id>/artifacts/<name>")
    @artifacts.doc(
        summary="Read one of the job's artifacts",
        responses={**file_answer(*_MEDIA_TYPES), **_NOT_MODIFIED, **problems(*_PROBLEMS)},
    )
    def artifact(job_id: str, name: str) -> Response:
        job = service.get(job_id)
        return _stream(service, job, service.artifact(job, name))

    return artifacts


def _stream(service: JobService, job: Job, artifact: Artifact) -> Response:
    response = Response(service.read(job, artifact), content_type=artifact.media_type)
    disposition = "inline" if artifact.media_type in _SHOWN_INLINE else "attachment"
    response.headers.update(
        {
            "Content-Length": str(artifact.size_bytes),
            "Content-Disposition": f'{disposition}; filename="{job.id}-{artifact.name}"',
            "Cache-Control": "private, no-cache",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
    )
    response.set_etag(artifact.sha256)
    response.make_conditional(request)
    return response
