"""The wiring of the dashboard: its addresses, what every page has, and how it refuses."""

from dataclasses import replace
from http import HTTPStatus
from typing import Any

from apiflask import APIBlueprint
from flask import Response, g, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from api.auth import DASHBOARD, Door, check_own_page
from api.bodies import Form, sent_form
from api.dashboard import batches, farm, jobs, sessions, submitting
from api.dashboard.words import FILTERS
from api.problems import answer
from api.settings import ApiSettings
from farm.jobs.errors import FarmError, KeyRefused
from farm.jobs.keys import Caller

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""No page runs or shows anything but the dashboard's own files and the farm's own pictures."""

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_TOKEN = "token"  # noqa: S105 - the name of a field
_HTML, _PROBLEM = "text/html", "application/problem+json"


def blueprint(door: Door, settings: ApiSettings) -> APIBlueprint:
    """Return the pages of the farm that ``door`` lets people see."""
    pages = APIBlueprint(
        DASHBOARD,
        __name__,
        enable_openapi=False,
        template_folder="templates",
        static_folder="static",
        static_url_path="/dashboard",
    )

    def posted() -> Form:
        form = sent_form(request, settings.upload_max_bytes)
        door.check_form_token(dict(form.fields).get(_TOKEN, ""))
        return replace(form, fields=[each for each in form.fields if each[0] != _TOKEN])

    @pages.context_processor
    def common() -> dict[str, Any]:
        caller: Caller | None = g.get("caller")
        return {
            "token": door.form_token(),
            "scopes": caller.scopes if caller else frozenset(),
            "has_session": bool(g.get("session")) and caller is not None,
            "flower_url": settings.flower_url and settings.flower_url.rstrip("/"),
        }

    pages.before_request(_check_origin)
    pages.after_request(_guard)
    pages.register_error_handler(FarmError, _refuse)
    for name, words in FILTERS.items():
        pages.add_app_template_filter(words, name)
    submitting.add(pages, door.asked, posted)
    jobs.add(pages, door.asked, posted)
    batches.add(pages, door.asked, posted)
    farm.add(pages, door.asked)
    sessions.add(pages, door)
    return pages


def _check_origin() -> None:
    if request.method == "POST" and "Authorization" not in request.headers:
        check_own_page()


def _guard(response: Response) -> Response:
    response.headers.update(_HEADERS)
    if request.endpoint != f"{DASHBOARD}.static":
        response.headers["Cache-Control"] = "no-store"
    return response


def _refuse(error: FarmError) -> AnyResponse:
    """Return the error as a page where a browser asks, else as any other address does."""
    said = answer(error)
    if request.accept_mimetypes.best_match([_PROBLEM, _HTML]) != _HTML:
        return said
    if isinstance(error, KeyRefused) and request.endpoint != f"{DASHBOARD}.begin_session":
        then = request.full_path if request.method == "GET" else "/"
        return redirect(sessions.address(then), HTTPStatus.SEE_OTHER)
    page = make_response(render_template("dashboard/refused.html", problem=said.get_json()))
    page.status_code = said.status_code
    if "Retry-After" in said.headers:
        page.headers["Retry-After"] = said.headers["Retry-After"]
    return page
