"""How busy the farm is, and who works."""

from http import HTTPStatus

from apiflask import APIBlueprint
from flask import Response, jsonify

from api.auth import Asked
from api.schemas import problems
from farm.jobs.farm_views import PressureView, WorkersView, WorkerView


def blueprint(asked: Asked) -> APIBlueprint:
    """Return the addresses that tell of the farm itself over what ``asked`` returns."""
    farm = APIBlueprint("farm", __name__, url_prefix="/v1", tag="Farm")

    @farm.get("/pressure")
    @farm.output(PressureView)
    @farm.doc(
        summary="Say how busy the farm is, and whether it takes further jobs",
        responses=problems(HTTPStatus.SERVICE_UNAVAILABLE),
    )
    def pressure() -> Response:
        service = asked()
        view = PressureView.of(service.pressure(), service.limits.backlog_max, service.clock.now())
        return _answer(view)

    @farm.get("/workers")
    @farm.output(WorkersView)
    @farm.doc(
        summary="List the workers, their processes and what each runs now",
        responses=problems(HTTPStatus.SERVICE_UNAVAILABLE),
    )
    def workers() -> Response:
        service = asked()
        running = service.running()
        alive = service.workers.alive()
        return _answer(WorkersView(items=tuple(WorkerView.of(each, running) for each in alive)))

    return farm


def _answer(view: PressureView | WorkersView) -> Response:
    response = jsonify(view.model_dump(mode="json"))
    response.headers["Cache-Control"] = "no-store"
    return response
