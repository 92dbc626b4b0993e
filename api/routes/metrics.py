"""What the farm counts and measures of itself, for Prometheus."""

from http import HTTPStatus

from apiflask import APIBlueprint
from flask import Response

from api.auth import Asked
from api.exposition import CONTENT_TYPE, exposition
from api.schemas import problems
from farm.jobs.metrics.samples import samples


def blueprint(asked: Asked) -> APIBlueprint:
    """Return the address of the metrics over what ``asked`` returns."""
    metrics = APIBlueprint("metrics", __name__, tag="Metrics")

    @metrics.get("/metrics")
    @metrics.doc(
        summary="Say what the farm counts and measures of itself, for Prometheus",
        description="Of all owners together. `docs/operations.md` says what each means.",
        responses={
            HTTPStatus.OK.value: {
                "description": "All metrics, in Prometheus's text format",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            },
            **problems(HTTPStatus.SERVICE_UNAVAILABLE),
        },
    )
    def tell() -> Response:
        response = Response(exposition(samples(asked())), content_type=CONTENT_TYPE)
        response.headers["Cache-Control"] = "no-store"
        return response

    return metrics
