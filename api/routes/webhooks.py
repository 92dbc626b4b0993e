"""List webhooks that were given up, deliver webhooks again; what they are signed with."""

from datetime import UTC, datetime
from http import HTTPStatus

from apiflask import APIBlueprint
from flask import Response, jsonify

from api.auth import Asked
from api.idempotency import once, tell
from api.routes.batches import batch_response
from api.routes.jobs import following, job_response
from api.schemas import BODY_REFUSED, PageQuery, problems
from farm.jobs import repeats
from farm.jobs.batches.views import BatchView
from farm.jobs.service import JobService
from farm.jobs.signing import RotationRequest, SigningSecrets, SigningSecretsView
from farm.jobs.views import JobView
from farm.jobs.webhook_views import GivenUpsView, GivenUpView
from farm.jobs.webhooks import Webhooks


def blueprint(asked: Asked) -> APIBlueprint:
    """Return the addresses of webhooks over what ``asked`` returns."""
    webhooks = APIBlueprint("webhooks", __name__, url_prefix="/v1", tag="Webhooks")

    @webhooks.get("/webhooks/failed")
    @webhooks.input(PageQuery, location="query")
    @webhooks.output(GivenUpsView)
    @webhooks.doc(
        summary="List webhooks that were given up, the latest first",
        description="Those of jobs and batches that are still kept. What is delivered again "
        "leaves the list, unless it fails once more.",
        responses=problems(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    )
    def list_failed(query_data: PageQuery) -> Response:
        cursor = query_data.cursor
        before = None if cursor is None else _time(int(cursor))
        found, older = Webhooks(asked()).given_up(before, query_data.limit)
        following_one = None if older is None else str(_milliseconds(older))
        view = GivenUpsView(items=tuple(map(GivenUpView.of, found)), next=following_one)
        return following(jsonify(view.model_dump(mode="json")), following_one)

    @webhooks.get("/webhooks/secret")
    @webhooks.output(SigningSecretsView)
    @webhooks.doc(
        summary="Read what one's webhooks are signed with",
        description="Those that bring no secret of their own along. Without any secret nothing is "
        "signed. Takes the scope `jobs:write`.",
        responses=problems(HTTPStatus.SERVICE_UNAVAILABLE),
    )
    def show_secrets() -> Response:
        service = asked()
        return _told(service, Webhooks(service).secrets())

    @webhooks.post("/webhooks/secret")
    @webhooks.input(RotationRequest)
    @webhooks.output(SigningSecretsView)
    @webhooks.doc(
        summary="Have one's webhooks signed with a new secret",
        description="For a while they are signed with the one of before as well, so that receivers "
        "can be told in between.",
        responses=problems(
            *BODY_REFUSED,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    )
    def rotate_secret(json_data: RotationRequest) -> Response:
        done = repeats.rotate_secret(once(asked), json_data)
        return tell(_told(asked(), done.made), done)

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
        done = repeats.deliver_again(once(asked), job_id)
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
        done = repeats.deliver_batch_again(once(asked), batch_id)
        return tell(batch_response(asked(), done.made, HTTPStatus.ACCEPTED), done)

    return webhooks


def _told(service: JobService, kept: SigningSecrets) -> Response:
    view = SigningSecretsView.of(kept, service.clock.now())
    response = jsonify(view.model_dump(mode="json"))
    response.headers["Cache-Control"] = "no-store"
    return response


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)  # As fine as the farm's clock.


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
