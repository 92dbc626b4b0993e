"""Deliver webhooks again."""

from http import HTTPStatus

from apiflask import APIBlueprint
from flask import Response

from api.auth import Asked
from api.idempotency import once, tell
from api.routes.jobs import job_response
from api.schemas import problems
from farm.jobs.repeats import deliver_again
from farm.jobs.views import JobView


def blueprint(asked: Asked) -> APIBlueprint:
    """Return the addresses of webhooks over what ``asked`` returns."""
    webhooks = APIBlueprint("webhooks", __name__, url_prefix="/v1/jobs", tag="Webhooks")

    @webhooks.post("/<job_id>/webhook")
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

    return webhooks
