"""The wiring of the API."""

from http import HTTPStatus
from importlib.metadata import version

from apiflask import APIFlask
from flask import Flask, Response

from api import problems, tracking
from api.auth import Door
from api.bodies import JSON_MAX_BYTES, StrictRequest
from api.dashboard import routes as dashboard
from api.limits import Rates
from api.routes import (
    artifacts,
    batches,
    docs,
    events,
    farm,
    health,
    jobs,
    keys,
    metrics,
    results,
    uploads,
    webhooks,
)
from api.schemas import complete
from api.settings import ApiSettings
from farm.jobs.key_service import KeyService
from farm.jobs.links import Links
from farm.jobs.service import JobService
from farm.jobs.sessions import Sessions


class _App(APIFlask):
    request_class = StrictRequest


def create_app(settings: ApiSettings, service: JobService, counters: object = None) -> Flask:
    """Return the WSGI app over ``service``. Nothing is connected before the first request.

    ``counters`` is where requests are counted; see ``Rates``.
    """
    app = _App(
        __name__,
        title="Renderfarm",
        version=version("renderfarm"),
        docs_path="/docs",
        spec_path="/openapi.json",
        json_errors=False,
        static_folder=None,  # type: ignore[arg-type]
    )
    app.config.update(
        MAX_CONTENT_LENGTH=JSON_MAX_BYTES,
        OPENAPI_VERSION="3.1.0",
        DESCRIPTION="Renders web pages and probes media, so that your app does not have to.",
        AUTO_SERVERS=False,
        AUTO_404_RESPONSE=False,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
        AUTO_OPERATION_ID=True,
        DOCS_FAVICON=f"{docs.ASSETS}/images/swagger.svg",
        SWAGGER_UI_CSS=f"{docs.ASSETS}/css/swagger-ui.css",
        SWAGGER_UI_BUNDLE_JS=f"{docs.ASSETS}/js/swagger-ui-bundle.js",
        SWAGGER_UI_STANDALONE_PRESET_JS=f"{docs.ASSETS}/js/swagger-ui-standalone-preset.js",
    )
    app.url_map.merge_slashes = False  # an address has one spelling; another is a 404
    app.json.sort_keys = False  # type: ignore[attr-defined]
    problems.install(app)
    known = KeyService(service.keys, service.clock)
    secret = settings.secret.get_secret_value().encode() if settings.secret else None
    links = Links(service.keys, service.clock, secret)
    rates = Rates(settings.requests_per_minute, service.clock, counters)
    sessions = Sessions(service.keys, service.clock, secret)
    door = Door(known, links, sessions, service, rates.count_failure, settings.metrics_host)
    tracking.install(app)
    door.install(app)  # Before the rates, which are those of whom it has let in.
    rates.install(app)
    app.after_request(_without_body)
    app.register_blueprint(jobs.blueprint(door.asked))
    app.register_blueprint(events.blueprint(door.asked))
    app.register_blueprint(batches.blueprint(door.asked, settings.batch_max_bytes))
    app.register_blueprint(results.blueprint(door.asked, links, app.jinja_env))
    app.register_blueprint(webhooks.blueprint(door.asked))
    app.register_blueprint(artifacts.blueprint(door.asked, links))
    app.register_blueprint(uploads.blueprint(door.asked, settings.upload_max_bytes))
    app.register_blueprint(farm.blueprint(door.asked))
    app.register_blueprint(metrics.blueprint(door.asked))
    app.register_blueprint(keys.blueprint(door.asked, known))
    app.register_blueprint(health.blueprint(service))
    app.register_blueprint(docs.blueprint())
    app.register_blueprint(dashboard.blueprint(door, settings))
    app.spec_processor(complete)
    return app


def _without_body(response: Response) -> Response:
    if response.status_code == HTTPStatus.NO_CONTENT:
        response.headers.pop("Content-Type", None)
    return response
