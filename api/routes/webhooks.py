"""List webhooks that were given up, and deliver webhooks again."""

from datetime import UTC, datetime
from http import HTTPStatus

from apiflask import APIBlueprint
from flask import Response, jsonify

from api.auth import Asked
from api.idempotency import once, tell
from api.routes.batches import batch_response
from api.routes.jobs import following, job_response
from api.schemas import TimedPageQuery, problems
from farm.jobs.batches.views import BatchView
from farm.jobs.repeats import deliver_again, deliver_batch_again
from farm.jobs.views import JobView
from farm.jobs.webhook_views import GivenUpsView, GivenUpView
from farm.jobs.webhooks import Webhooks

_MICROSECONDS = 1_000_000


def blueprint(asked: Asked) -> APIBlueprint:
    """Return the addresses of webhooks over what ``asked`` returns."""
    webhooks = APIBlueprint("webhooks", __name__, url_prefix="/v1", tag="Webhooks")

    @webhooks.get("/webhooks/failed")
    @webhooks.input(TimedPageQuery, location="query")
    @webhooks.output(GivenUpsView)
    @webhooks.doc(
        summary="List webhooks that were given up, the latest first",
        description="Those of jobs and batches that are still kept. What is delivered again "
        "leaves the list, unless it fails once more.",
        responses=problems(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    )
    def list_failed(query_data: TimedPageQuery) -> Response:
        cursor = query_data.cursor
        before = None if cursor is None else _time(int(cursor))
        found, older = Webhooks(asked()).given_up(before, query_data.limit)
        following_one = None if older is None else str(_microseconds(older))
        view = GivenUpsView(items=tuple(map(GivenUpView.of, found)), next=following_one)
        return following(jsonify(view.model_dump(mode="json")), following_one)

    @webhooks.post("/jobs/<job_id>/webhook")
    @webhooks.output(JobView, status_code=202)
    @webhooks.doc(
        summary="Deliver the webhook of an ended job again",
        description="With all its attempts, whatever came of it before.",
        responses=problems(
            HTTPStatus.NOT_FOUND,
            HTTPStatus.CONFLICT,
            HTTPStatus.GONE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    )
    def deliver(job_id: str) -> Response:
        done = deliver_again(once(asked), job_id)
        return tell(job_response(asked(), done.made, HTTPStatus.ACCEPTED), done)

    @webhooks.post("/batches/<batch_id>/webhook")
    @webhooks.output(BatchView, status_code=202)
    @webhooks.doc(
        summary="Deliver the webhook of a batch again",
        description="Of what last happened to it: that it finished, or paused by itself.",
        responses=problems(
            HTTPStatus.NOT_FOUND,
            HTTPStatus.CONFLICT,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    )
    def deliver_batch(batch_id: str) -> Response:
        done = deliver_batch_again(once(asked), batch_id)
        return tell(batch_response(asked(), done.made, HTTPStatus.ACCEPTED), done)

    return webhooks


def _microseconds(at: datetime) -> int:
    return round(at.timestamp() * _MICROSECONDS)


def _time(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / _MICROSECONDS, UTC)
