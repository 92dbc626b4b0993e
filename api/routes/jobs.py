"""Submit, list, read, cancel, queue again."""

import json
import re
from hashlib import sha256
from http import HTTPStatus
from urllib.parse import urlencode

from apiflask import APIBlueprint
from flask import Response, jsonify, request
from werkzeug.http import parse_dict_header

from api.auth import Asked
from api.bodies import optional_object
from api.etags import tag
from api.idempotency import once, tell
from api.schemas import (
    BODY_REFUSED,
    PREFER_WAIT_MAX_S,
    ListQuery,
    PageQuery,
    TagsBody,
    WaitQuery,
    json_answer,
    no_content,
    problems,
)
from farm.jobs.deliveries import Delivery
from farm.jobs.errors import FieldError, InvalidSpec
from farm.jobs.listing import JobFilter
from farm.jobs.models import Job
from farm.jobs.service import JobService
from farm.jobs.specs.requests import JobRequest
from farm.jobs.views import JobsView, JobView
from farm.jobs.webhooks import Webhooks

_POLL_AFTER_S = 1
"""Most jobs end within a second or two."""


def blueprint(asked: Asked) -> APIBlueprint:
    """Return the addresses of jobs over what ``asked`` returns."""
    jobs = APIBlueprint("jobs", __name__, url_prefix="/v1/jobs", tag="Jobs")

    @jobs.post("")
    @jobs.input(JobRequest)
    @jobs.output(JobView, status_code=202)
    @jobs.doc(
        summary="Submit a job",
        description="`Prefer: wait=N` (0 to 60) answers 200 with the finished job when it ends "
        "within N seconds, also when it failed: a failed render is an outcome.",
        responses={
            **json_answer(HTTPStatus.OK, JobView, "It has ended, within `Prefer: wait` or before"),
            **problems(
                *BODY_REFUSED,
                HTTPStatus.GONE,
                HTTPStatus.TOO_MANY_REQUESTS,
                HTTPStatus.SERVICE_UNAVAILABLE,
            ),
        },
    )
    def submit(json_data: JobRequest) -> Response:
        done = once(asked).submit(json_data.root)
        job = done.made
        wait_s = _preferred_wait_s()
        if wait_s is not None:
            job = asked().wait(job, wait_s)
        response = tell(job_response(asked(), job, _status_of(job)), done)
        response.headers["Location"] = f"/v1/jobs/{job.id}"
        if wait_s is not None:
            response.headers["Preference-Applied"] = f"wait={wait_s}"
        return response

    @jobs.get("")
    @jobs.input(ListQuery, location="query")
    @jobs.output(JobsView)
    @jobs.doc(
        summary="List jobs, newest first",
        description="All that is given must hold. `error=worker_lost` lists the jobs that were "
        "given up on after all their attempts; `POST /v1/jobs/{id}/retry` queues one again.",
        responses=problems(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    )
    def list_jobs(query_data: ListQuery) -> Response:
        return jobs_response(asked(), query_data, query_data)

    @jobs.post("/<job_id>/retry")
    @jobs.output(JobView, status_code=202)
    @jobs.doc(
        summary="Queue a failed or cancelled job again",
        description="It is the same job, with all its attempts before it; what it failed with "
        "stands in `previous_failures`. What it was submitted with of secrets was dropped when it "
        "ended, and comes with the request; without any no body is needed.",
        responses={
            **json_answer(HTTPStatus.OK, JobView, "It was queued again before, and has ended"),
            **problems(
                *BODY_REFUSED,
                HTTPStatus.NOT_FOUND,
                HTTPStatus.CONFLICT,
                HTTPStatus.GONE,
                HTTPStatus.SERVICE_UNAVAILABLE,
            ),
        },
    )
    def retry(job_id: str) -> Response:
        done = once(asked).retry(job_id, optional_object(request))
        return tell(job_response(asked(), done.made, _status_of(done.made)), done)

    @jobs.get("/<job_id>")
    @jobs.input(WaitQuery, location="query")
    @jobs.output(JobView)
    @jobs.doc(
        summary="Read a job",
        responses={
            **no_content(HTTPStatus.NOT_MODIFIED, "It is as `If-None-Match` says"),
            **problems(
                HTTPStatus.NOT_FOUND,
                HTTPStatus.GONE,
                HTTPStatus.UNPROCESSABLE_ENTITY,
                HTTPStatus.SERVICE_UNAVAILABLE,
            ),
        },
    )
    def read(job_id: str, query_data: WaitQuery) -> Response:
        service = asked()
        job = service.wait(service.get(job_id), query_data.wait)
        told = Webhooks(service).of([job]).get(job.id)
        response = _told_response(job, told, HTTPStatus.OK)
        tag(response, _version(job, told))
        return response

    @jobs.put("/<job_id>/tags")
    @jobs.input(TagsBody)
    @jobs.output(JobView)
    @jobs.doc(
        summary="Set the tags of a job",
        description="In place of those that it has, at any time; it is found by them at once. "
        "Nothing else of the job changes, and no webhook is sent.",
        responses=problems(
            *BODY_REFUSED,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.GONE,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    )
    def tag_job(job_id: str, json_data: TagsBody) -> Response:
        return job_response(asked(), asked().tag(job_id, json_data.tags), HTTPStatus.OK)

    @jobs.delete("/<job_id>")
    @jobs.output(JobView, status_code=202, description="It was open and is cancelled now")
    @jobs.doc(
        summary="Cancel an open job, forget an ended one",
        responses={
            **no_content(HTTPStatus.NO_CONTENT, "It had ended and is forgotten now"),
            **problems(HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.SERVICE_UNAVAILABLE),
        },
    )
    def delete(job_id: str) -> Response:
        service = asked()
        cancelled = service.cancel_or_forget(job_id)
        if cancelled is None:
            return Response(status=HTTPStatus.NO_CONTENT)
        return job_response(service, cancelled, HTTPStatus.ACCEPTED)

    return jobs


def _status_of(job: Job) -> HTTPStatus:
    return HTTPStatus.OK if job.state.is_terminal else HTTPStatus.ACCEPTED


def jobs_response(service: JobService, wanted: JobFilter, asked_for: PageQuery) -> Response:
    """Return the answer that is a page of the jobs that are as ``wanted``."""
    _refuse_repeats()
    page = service.listed(wanted, asked_for.before, asked_for.limit)
    told = Webhooks(service).of(page.jobs)
    cursor = None if page.next is None else str(page.next)
    items = tuple(JobView.of(job, told.get(job.id)) for job in page.jobs)
    response = jsonify(JobsView(items=items, next=cursor).model_dump(mode="json"))
    return following(response, cursor)


def following(response: Response, cursor: str | None) -> Response:
    """Say in the answer that is one page where the next one is, if there is one."""
    response.headers["Cache-Control"] = "no-store"
    if cursor is not None:
        query = urlencode(request.args.to_dict() | {"cursor": cursor})
        response.headers["Link"] = f'<{request.path}?{query}>; rel="next"'
    return response


def job_response(service: JobService, job: Job, status: HTTPStatus) -> Response:
    """Return the answer that is ``job``, with how it stands with its webhook."""
    return _told_response(job, Webhooks(service).of([job]).get(job.id), status)


def _told_response(job: Job, told: Delivery | None, status: HTTPStatus) -> Response:
    response = jsonify(JobView.of(job, told).model_dump(mode="json"))
    response.status_code = status
    response.headers["Cache-Control"] = "no-store" if status != HTTPStatus.OK else "no-cache"
    if not job.state.is_terminal:
        response.headers["Retry-After"] = str(_POLL_AFTER_S)
    return response


def _version(job: Job, told: Delivery | None) -> str:
    of_webhook = f".{told.state}.{told.attempts}.{told.last_error}" if told else ""
    by_hand = job.tags_by_hand
    of_tags = "" if by_hand is None else f".{sha256(json.dumps(by_hand).encode()).hexdigest()}"
    return f"{job.revision}{of_webhook}{of_tags}"


def _refuse_repeats() -> None:
    """Refuse a field that is given twice, of which one would silently not count."""
    twice = [name for name, given in request.args.lists() if len(given) > 1]
    if twice:
        raise InvalidSpec([FieldError(field=name, message="is given twice") for name in twice])


def _preferred_wait_s() -> int | None:
    """Return the ``wait`` of the Prefer header; ``None`` if it is not one we understand.

    A preference that is not understood is ignored (RFC 7240, section 2).
    """
    wait = parse_dict_header(request.headers.get("Prefer", "")).get("wait")
    if wait is None or not re.fullmatch(r"0*[0-9]{1,9}", wait, re.ASCII):
        return None
    return min(int(wait[-9:]), PREFER_WAIT_MAX_S)
