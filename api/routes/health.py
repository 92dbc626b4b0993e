"""Whether the process lives, and whether the farm can work."""

from http import HTTPStatus

from apiflask import APIBlueprint
from flask import Response, jsonify

from api.schemas import json_answer
from farm.jobs.service import JobService
from farm.jobs.workers import Readiness


def blueprint(service: JobService) -> APIBlueprint:
    """Return the health addresses over ``service``."""
    health = APIBlueprint("health", __name__, tag="Health")

    @health.get("/healthz")
    @health.doc(summary="Say that this process lives", responses={200: "It lives"})
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @health.get("/readyz")
    @health.output(Readiness)
    @health.doc(
        summary="Say whether the farm would run a job of every queue now",
        responses=json_answer(
            HTTPStatus.SERVICE_UNAVAILABLE, Readiness, "It would not; `checks` says why"
        ),
    )
    def readyz() -> Response:
        readiness = service.readiness()
        response = jsonify(readiness.model_dump(mode="json"))
        response.headers["Cache-Control"] = "no-store"
        if not readiness.ready:
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
            response.headers["Retry-After"] = "2"
        return response

    return health
