"""The one table from the farm's errors to HTTP, as RFC 9457 problem details."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from apiflask.exceptions import HTTPError
from flask import Flask, Response, json, request
from pydantic import BaseModel
from werkzeug.exceptions import HTTPException

from api.tracking import request_id
from farm.jobs import errors
from farm.jobs.errors import FarmError, FieldError

STATUSES: Mapping[type[FarmError], HTTPStatus] = {
    errors.InvalidJson: HTTPStatus.BAD_REQUEST,
    errors.UnreadableRequest: HTTPStatus.BAD_REQUEST,
    errors.KeyRefused: HTTPStatus.UNAUTHORIZED,
    errors.ScopeRequired: HTTPStatus.FORBIDDEN,
    errors.ForbiddenHost: HTTPStatus.FORBIDDEN,
    errors.ForbiddenOrigin: HTTPStatus.FORBIDDEN,
    errors.InvalidLink: HTTPStatus.FORBIDDEN,
    errors.NoSuchPage: HTTPStatus.NOT_FOUND,
    errors.UnknownJob: HTTPStatus.NOT_FOUND,
    errors.UnknownBatch: HTTPStatus.NOT_FOUND,
    errors.UnknownArtifact: HTTPStatus.NOT_FOUND,
    errors.UnknownUpload: HTTPStatus.NOT_FOUND,
    errors.UnknownKey: HTTPStatus.NOT_FOUND,
    errors.MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    errors.NotFinished: HTTPStatus.CONFLICT,
    errors.JobFailed: HTTPStatus.CONFLICT,
    errors.NothingToRetry: HTTPStatus.CONFLICT,
    errors.SecretsNeeded: HTTPStatus.CONFLICT,
    errors.BatchOver: HTTPStatus.CONFLICT,
    errors.NothingToDeliver: HTTPStatus.CONFLICT,
    errors.WouldLockOut: HTTPStatus.CONFLICT,
    errors.JobExpired: HTTPStatus.GONE,
    errors.BatchExpired: HTTPStatus.GONE,
    errors.ArtifactEvicted: HTTPStatus.GONE,
    errors.PayloadTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.InvalidSpec: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.IdempotencyConflict: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.QueueFull: HTTPStatus.TOO_MANY_REQUESTS,
    errors.RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    errors.TooManyDownloads: HTTPStatus.TOO_MANY_REQUESTS,
    errors.InternalError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.BackendUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Every error that a request can end in. Errors of jobs are outcomes, not answers."""

RETRY_AFTER_S = 2
"""How long a caller should wait after a 503, and between polls once a job is slow."""

_log = structlog.get_logger(__name__)


class Problem(BaseModel):
    """An error of the API (RFC 9457)."""

    type: str
    """Where the code is explained; relative to this server."""
    title: str
    status: int
    detail: str
    code: str
    """Never changes; for programs."""
    errors: list[FieldError] = []
    """Each field at fault, for ``invalid_spec``, ``scope_required``, ``secrets_needed``."""
    retryable: bool
    """Whether the same request may work later."""
    trace_id: str
    """The request's `X-Request-ID`. Stands in the log, in every line that it led to."""
    failure: dict[str, Any] | None = None
    """The job's failure, for the code ``job_failed``."""


def install(app: Flask) -> None:
    """Make ``app`` answer every error there is with a problem."""
    app.register_error_handler(FarmError, answer)
    app.register_error_handler(HTTPError, lambda error: answer(_from_apiflask(error)))
    app.register_error_handler(HTTPException, _answer_http_exception)
    app.register_error_handler(Exception, _answer_unforeseen)


def title_of(error: type[FarmError]) -> str:
    """Return the name of the error in words: ``UnknownJob`` is "Unknown job"."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", error.__name__).capitalize()


def answer(error: FarmError) -> Response:
    """Return the response for ``error``."""
    status = STATUSES.get(type(error))
    if status is None:
        return _answer_unforeseen(error)
    problem = Problem(
        type=f"/docs/errors#{error.code}",
        title=title_of(type(error)),
        status=status,
        detail=error.message,
        code=error.code,
        errors=list(getattr(error, "errors", ())),
        retryable=error.retryable,
        trace_id=request_id(),
    )
    failure = getattr(error, "failure", None)
    if failure is not None:
        problem.failure = failure.model_dump(mode="json")
    body = problem.model_dump(mode="json", exclude={"failure"} if failure is None else None)
    _log.info("refused", code=error.code, path=request.path)
    response = Response(json.dumps(body), status, content_type="application/problem+json")
    if error.retryable:
        response.headers["Retry-After"] = str(getattr(error, "retry_after_s", RETRY_AFTER_S))
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"  # RFC 6750, section 3
    return response


def _from_apiflask(error: HTTPError) -> FarmError:
    # APIFlask's own shape: {"query": {"wait": ["message", …]}}.
    found = [
        FieldError(field=name, message=message)
        for fields in error.detail.values()
        for name, messages in fields.items()
        for message in messages
    ]
    return errors.InvalidSpec(found) if found else errors.UnreadableRequest(str(error.message))


def _answer_http_exception(error: HTTPException) -> Response:
    match error.code:
        case HTTPStatus.NOT_FOUND:
            known: FarmError = errors.NoSuchPage("There is nothing at this address.")
        case HTTPStatus.METHOD_NOT_ALLOWED:
            known = errors.MethodNotAllowed(f"This address does not take {request.method}.")
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            known = errors.PayloadTooLarge(
                f"The body is larger than {request.max_content_length} bytes."
            )
        case code if code is not None and code < HTTPStatus.INTERNAL_SERVER_ERROR:
            known = errors.UnreadableRequest(error.description or "The request is malformed.")
        case _:
            return _answer_unforeseen(error)
    response = answer(known)
    if error.code == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = ", ".join(getattr(error, "valid_methods", None) or ())
    return response


def _answer_unforeseen(error: Exception) -> Response:
    _log.error("unforeseen", exc_info=error, path=request.path)
    message = "The farm made a mistake; its log has the details."
    return answer(errors.InternalError(message))
