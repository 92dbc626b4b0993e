"""What a request is called in the logs, and the one line that tells how it was answered."""

import re
import secrets
import time

import structlog
from flask import Flask, Response, g, request

from farm.jobs.models import Origin

HEADER = "X-Request-ID"
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
"""Whatever else a caller sends is as if it had sent nothing: no id is worth a refusal."""
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
"""As https://www.w3.org/TR/trace-context/ has it."""

_log = structlog.get_logger(__name__)


def install(app: Flask) -> None:
    """Have every request of ``app`` named, its answer tell the name, and a line logged."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_forget)


def request_id() -> str:
    """Return what the present request is called."""
    named: str = g.request_id if "request_id" in g else secrets.token_hex(8)
    return named


def origin() -> Origin:
    """Return what jobs of the present request remember of it."""
    traceparent = request.headers.get("traceparent", "")
    is_good = _TRACEPARENT.fullmatch(traceparent)
    return Origin(request_id=request_id(), traceparent=traceparent if is_good else None)


def _begin() -> None:
    given = request.headers.get(HEADER, "")
    g.request_id = given if _ID.fullmatch(given) else secrets.token_hex(8)
    g.begun_at = time.monotonic()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _forget(_error: BaseException | None) -> None:
    structlog.contextvars.unbind_contextvars("request_id")


def _end(response: Response) -> Response:
    response.headers[HEADER] = request_id()
    _log.info(
        "answered",
        method=request.method,
        path=request.path,  # Without the query: that of a link is a secret.
        status=response.status_code,
        ms=round((time.monotonic() - g.begun_at) * 1000) if "begun_at" in g else None,
    )
    return response
