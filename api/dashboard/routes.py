"""The wiring of the dashboard: its addresses, what every page has, and how it refuses."""

from dataclasses import replace
from http import HTTPStatus
from typing import Any

from apiflask import APIBlueprint
from flask import Response, g, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from api.auth import DASHBOARD, Door, check_own_page
from api.bodies import FORM_MAX_BYTES, Form, sent_form
from api.dashboard import batches, changing, comparing, farm, jobs, lists, sessions, submitting
from api.dashboard.words import FILTERS
from api.problems import answer
from api.settings import ApiSettings
from farm.jobs.errors import KeyRefused
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

    def posted(fields_max_bytes: int = FORM_MAX_BYTES) -> Form:
        form = sent_form(request, settings.upload_max_bytes, fields_max_bytes)
        door.check_form_token(dict(form.fields).get(_TOKEN, ""))
        return replace(form, fields=[each for each in form.fields if each[0] != _TOKEN])

    @pages.context_processor
    def common() -> dict[str, Any]:
        caller: Caller | None = g.get("caller")
        return {
            "token": door.form_token,  # asked where there is a form: it may need Redis
            "scopes": caller.scopes if caller else frozenset(),
            "has_session": bool(g.get("session")) and caller is not None,
            "flower_url": settings.flower_url and settings.flower_url.rstrip("/"),
        }

    pages.before_request(_check_origin)
    pages.after_request(_guard)
    pages.register_error_handler(KeyRefused, _refuse)
    for name, words in FILTERS.items():
        pages.add_app_template_filter(words, name)
    submitting.add(pages, door.asked, posted)
    jobs.add(pages, door.asked)
    changing.add(pages, door.asked, posted)
    comparing.add(pages, door.asked)
    batches.add(pages, door.asked, posted)
    lists.add(pages, door.asked, posted, settings.batch_max_bytes)
    farm.add(pages, door.asked)
    sessions.add(pages, door)
    return pages


def _check_origin() -> None:
    if request.method == "POST" and "Authorization" not in request.headers:
        check_own_page()


def _guard(response: Response) -> Response:
    if response.mimetype == _PROBLEM and _is_browser():
        # Without the form to sign out: what went wrong may be just that Redis is away.
        context = {"problem": response.get_json(), "has_session": False}
        response.set_data(render_template("dashboard/refused.html", **context))
        response.content_type = f"{_HTML}; charset=utf-8"
    response.headers.update(_HEADERS)
    if request.endpoint != f"{DASHBOARD}.static":
        response.headers["Cache-Control"] = "no-store"
    return response


def _refuse(error: KeyRefused) -> AnyResponse:
    """Lead whoever has not signed in to where that is done."""
    if not _is_browser() or request.endpoint == f"{DASHBOARD}.begin_session":
        return answer(error)
    then = request.full_path if request.method == "GET" else "/"
    return redirect(sessions.address(then), HTTPStatus.SEE_OTHER)


def _is_browser() -> bool:
    return request.accept_mimetypes.best_match([_PROBLEM, _HTML]) == _HTML
