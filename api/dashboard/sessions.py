"""Signing in with a key, and out."""

from http import HTTPStatus
from urllib.parse import urlencode

from apiflask import APIBlueprint
from flask import redirect, render_template, request
from werkzeug.wrappers import Response

from api.auth import SESSION_COOKIE, Door
from api.bodies import sent_form
from farm.jobs.sessions import SESSION_S

_HOME = "/"


def address(then: str) -> str:
    """Return where to sign in and go on to the page ``then``."""
    return f"/sign-in?{urlencode({'then': then.rstrip('?')})}"


def add(pages: APIBlueprint, door: Door) -> None:
    """Add the addresses of sessions to ``pages``."""

    @pages.get("/sign-in")
    def sign_in() -> str:
        return render_template("dashboard/sign_in.html", then=_own(request.args.get("then", "")))

    @pages.post("/sign-in")
    def begin_session() -> Response:
        form = dict(sent_form(request, 0).fields)
        session = door.begin_session(form.get("key", "").strip())
        response = redirect(_own(form.get("then", "")), HTTPStatus.SEE_OTHER)
        if session is not None:
            response.set_cookie(
                SESSION_COOKIE,
                session,
                max_age=SESSION_S,
                httponly=True,
                samesite="Strict",
                secure=_is_https(),
            )
        return response

    @pages.post("/sign-out")
    def sign_out() -> Response:
        response = redirect("/sign-in", HTTPStatus.SEE_OTHER)
        response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="Strict", secure=_is_https())
        return response


def _own(path: str) -> str:
    """Return ``path`` if it leads to a page of ours, else the first page."""
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_own else _HOME


def _is_https() -> bool:
    # Whoever says so without a proxy makes a cookie of their own that is not sent.
    return request.is_secure or request.headers.get("X-Forwarded-Proto") == "https"
