"""The bytes that jobs made, streamed."""

from http import HTTPStatus

from apiflask import APIBlueprint
from flask import Response, jsonify

from api.auth import Asked
from api.downloads import HARMLESS
from api.etags import tag
from api.idempotency import once, tell
from api.pictures import PICTURES
from api.schemas import BODY_REFUSED, LINK_SUFFICES, LinkQuery, file_answer, problems
from farm.jobs.idempotency import Done
from farm.jobs.links import LinkRequest, Links, LinkView, artifact_path
from farm.jobs.models import Artifact, Job
from farm.jobs.repeats import make_link
from farm.jobs.results import artifact_of, result_of
from farm.jobs.service import JobService

_MEDIA_TYPES = (
    *("image/png", "image/jpeg", "image/webp", "application/pdf", "application/json"),
    *("text/html", "text/plain"),
)
_PROBLEMS = (
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.GONE,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_NOT_MODIFIED = {HTTPStatus.NOT_MODIFIED.value: {"description": "It is as `If-None-Match` says"}}


def blueprint(asked: Asked, links: Links) -> APIBlueprint:
    """Return the addresses of artifacts over what ``asked`` returns, and of ``links`` to them."""
    artifacts = APIBlueprint("artifacts", __name__, url_prefix="/v1/jobs", tag="Artifacts")

    @artifacts.get("/<job_id>/result")
    @artifacts.doc(
        summary="Read the job's main artifact",
        responses={**file_answer(*_MEDIA_TYPES), **_NOT_MODIFIED, **problems(*_PROBLEMS)},
    )
    def result(job_id: str) -> Response:
        service = asked()
        job = service.get(job_id)
        return _stream(service, job, result_of(job))

    @artifacts.get("/<job_id>/artifacts/<name>")
    @artifacts.input(LinkQuery, location="query")
    @artifacts.doc(
        summary="Read one of the job's artifacts",
        description=LINK_SUFFICES,
        responses={**file_answer(*_MEDIA_TYPES), **_NOT_MODIFIED, **problems(*_PROBLEMS)},
    )
    def artifact(job_id: str, name: str, query_data: LinkQuery) -> Response:
        service = asked()
        job = service.get(job_id)
        response = _stream(service, job, artifact_of(job, name))
        if query_data.signature is not None:
            # Made to be put into pages, which are of other origins.
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    @artifacts.post("/<job_id>/artifacts/<name>/link")
    @artifacts.input(LinkRequest)
    @artifacts.output(LinkView)
    @artifacts.doc(
        summary="Make a link that reads one artifact without a key, for a while",
        responses=problems(
            *BODY_REFUSED,
            *_PROBLEMS,
        ),
    )
    def link(job_id: str, name: str, json_data: LinkRequest) -> Response:
        service = asked()
        artifact = artifact_of(service.get(job_id), name)
        path = artifact_path(job_id, artifact.name)
        return linked(make_link(once(asked), links, path, json_data.expires_in))

    return artifacts


def linked(done: Done[LinkView]) -> Response:
    """Return the answer that is a link."""
    response = jsonify(done.made.model_dump(mode="json"))
    response.headers["Cache-Control"] = "no-store"
    return tell(response, done)


def _stream(service: JobService, job: Job, artifact: Artifact) -> Response:
    response = Response(service.read(job, artifact), content_type=artifact.media_type)
    # Anything else of a stranger's page could act as a page of ours.
    disposition = "inline" if artifact.media_type in PICTURES else "attachment"
    response.headers.update(
        {
            **HARMLESS,
            "Content-Length": str(artifact.size_bytes),
            "Content-Disposition": f'{disposition}; filename="{job.id}-{artifact.name}"',
            "Cache-Control": "private, no-cache",
        }
    )
    tag(response, artifact.sha256)
    return response
