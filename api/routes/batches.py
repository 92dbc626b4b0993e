"""Submit, list and read batches; pause, resume, cancel and retry them."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import cast

from apiflask import APIBlueprint
from flask import Response, jsonify, request

from api.auth import Asked
from api.batch_bodies import batch_request
from api.bodies import StrictRequest
from api.idempotency import idempotency_key, tell
from api.routes.jobs import following, jobs_response
from api.schemas import (
    BODY_REFUSED,
    REPLAYED,
    ListQuery,
    PageQuery,
    WaitQuery,
    problems,
)
from farm.jobs.batches.control import Action, Control
from farm.jobs.batches.models import Standing
from farm.jobs.batches.service import Batches
from farm.jobs.batches.views import AcceptedBatchView, BatchesView, BatchView
from farm.jobs.errors import FieldError, InvalidSpec
from farm.jobs.service import JobService
from farm.jobs.views import JobsView
from farm.jobs.webhooks import Webhooks

_POLL_AFTER_S = 2
"""Batches take minutes, but a small one should not be waited for in vain."""
_ACTIONS: Mapping[Action, tuple[str, str]] = {
    "pause": ("Pause a batch", "Holds what waits. What runs, or is about to, goes on to its end."),
    "resume": ("Resume a paused batch", "With `max_failures` it may fail as often again."),
    "cancel": ("Cancel all open jobs of a batch", "It may take moments until all of them are."),
    "retry-failed": (
        "Queue the failed jobs of a batch again",
        "As a single retry does: the same jobs, with all their attempts before them.",
    ),
}
"""What each does, in a line and in a sentence."""


def blueprint(asked: Asked, batch_max_bytes: int) -> APIBlueprint:
    """Return the addresses of batches over what ``asked`` returns."""
    batches = APIBlueprint("batches", __name__, url_prefix="/v1/batches", tag="Batches")

    @batches.post("")
    @batches.output(AcceptedBatchView, status_code=202)
    @batches.doc(
        summary="Submit many jobs at once",
        description="As JSON, or line by line: a spec each, a row of a table whose columns are "
        "fields of specs (`url` must be one), or a URL. Line by line, defaults and options of the "
        "batch stand in the query string. Blank lines and those that begin with `#` are left out. "
        "Good lines become jobs, bad ones are told in `rejected`, by number; where none is good "
        "nothing is stored. Their priority is `low`, unless they say otherwise.",
        responses=problems(
            *BODY_REFUSED,
            HTTPStatus.GONE,
            HTTPStatus.TOO_MANY_REQUESTS,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
        extensions={
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/BatchBody"}},
                    "application/x-ndjson": {"schema": {"type": "string"}},
                    "text/csv": {"schema": {"type": "string"}},
                    "text/plain": {"schema": {"type": "string"}},
                },
            }
        },
    )
    def submit() -> Response:
        key = idempotency_key()
        wanted = batch_request(cast("StrictRequest", request), batch_max_bytes)
        found = Batches(asked()).submit(wanted, key)
        told = Webhooks(asked()).of_batches([found.standing]).get(found.standing.batch.id)
        response = jsonify(AcceptedBatchView.accepted(found, told).model_dump(mode="json"))
        response.status_code = HTTPStatus.ACCEPTED
        response.headers["Location"] = f"/v1/batches/{found.standing.batch.id}"
        if found.is_replay:
            response.headers[REPLAYED] = "true"
        return _not_kept(response, found.standing)

    @batches.get("")
    @batches.input(PageQuery, location="query")
    @batches.output(BatchesView)
    @batches.doc(
        summary="List batches, newest first",
        responses=problems(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    )
    def list_batches(query_data: PageQuery) -> Response:
        service = asked()
        page = Batches(service).listed(query_data.before, query_data.limit)
        told = Webhooks(service).of_batches(page.batches)
        items = tuple(BatchView.of(each, told.get(each.batch.id)) for each in page.batches)
        cursor = None if page.next is None else str(page.next)
        view = BatchesView(items=items, next=cursor)
        return following(jsonify(view.model_dump(mode="json")), cursor)

    @batches.get("/<batch_id>")
    @batches.input(WaitQuery, location="query")
    @batches.output(BatchView)
    @batches.doc(
        summary="Read how far a batch is",
        description="One short read, however large it is.",
        responses=problems(
            HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
        ),
    )
    def read(batch_id: str, query_data: WaitQuery) -> Response:
        found = Batches(asked())
        standing = found.wait(found.get(batch_id), query_data.wait)
        return batch_response(asked(), standing, HTTPStatus.OK)

    @batches.get("/<batch_id>/jobs")
    @batches.input(ListQuery, location="query")
    @batches.output(JobsView)
    @batches.doc(
        summary="List the jobs of a batch, newest first",
        description="As `GET /v1/jobs?batch=`.",
        responses=problems(
            HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
        ),
    )
    def list_jobs(batch_id: str, query_data: ListQuery) -> Response:
        service = asked()
        Batches(service).get(batch_id)
        if query_data.batch is not None:
            raise InvalidSpec([FieldError(field="batch", message="stands in the path here")])
        wanted = query_data.model_copy(update={"batch": batch_id})
        return jobs_response(service, wanted, query_data)

    for action, (summary, said) in _ACTIONS.items():
        _add_action(batches, asked, action, summary, said)
    return batches


def _add_action(
    batches: APIBlueprint, asked: Asked, action: Action, summary: str, said: str
) -> None:
    """Add the address of one action to ``batches``."""

    @batches.post(f"/<batch_id>/{action}", endpoint=action.replace("-", "_"))
    @batches.output(BatchView, status_code=202)
    @batches.doc(
        summary=summary,
        description=said,
        responses=problems(
            HTTPStatus.NOT_FOUND,
            HTTPStatus.CONFLICT,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    )
    def act(batch_id: str) -> Response:
        service = asked()
        done = Control(service).act(batch_id, action, idempotency_key())
        return tell(batch_response(service, done.made, HTTPStatus.ACCEPTED), done)


def batch_response(service: JobService, standing: Standing, status: HTTPStatus) -> Response:
    """Return the answer that is the batch, with how it stands with its webhook."""
    told = Webhooks(service).of_batches([standing]).get(standing.batch.id)
    response = jsonify(BatchView.of(standing, told).model_dump(mode="json"))
    response.status_code = status
    return _not_kept(response, standing)


def _not_kept(response: Response, standing: Standing) -> Response:
    response.headers["Cache-Control"] = "no-store"
    if not standing.is_over:
        response.headers["Retry-After"] = str(_POLL_AFTER_S)
    return response
