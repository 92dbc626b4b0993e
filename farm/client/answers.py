"""What comes of a farm's answer: a model, or the error that it tells of. Nothing here waits.

What httpx raises is translated here and stops here.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from farm.client.addresses import Address
from farm.client.calls import Call
from farm.client.errors import (
    ApiError,
    ClientError,
    DamagedArtifact,
    FarmUnavailable,
    FarmUnreachable,
    Problem,
    RequestInvalid,
    RequestRefused,
    UnreadableAnswer,
)
from farm.jobs.views import JobView

PASSING = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
"""Statuses that may be another in a moment."""

_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})
_SHA256 = re.compile(r'(?:W/)?"([0-9a-f]{64})"')  # A proxy that compresses makes it a weak one.
_Model = TypeVar("_Model", bound=BaseModel)


@contextmanager
def translated(address: Address) -> Iterator[None]:
    """Turn what httpx raises in the block into ``FarmUnreachable``."""
    try:
        yield
    except httpx.RequestError as error:
        reason = str(error) or type(error).__name__
        raise FarmUnreachable(f"No answer from the farm at {address}: {reason}.") from error


def is_regular(response: httpx.Response, call: Call) -> bool:
    """Return whether ``response`` is an answer to ``call``, and not an error."""
    return response.is_success or response.status_code in call.expected


def error_of(response: httpx.Response) -> ClientError:
    """Return the error that an answer which has been read tells of."""
    status = response.status_code
    if response.is_redirect:
        return UnreadableAnswer(
            f"{response.url} redirects to {response.headers['Location']};"
            " give the farm's address as it is in the end."
        )
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        title = f"{response.url} answered {status} {response.reason_phrase}".rstrip() + "."
        problem = Problem(code=f"http_{status}", title=title, retryable=status in PASSING)
    kind: type[ApiError] = RequestInvalid
    if status in _REFUSED:
        kind = RequestRefused
    elif response.is_server_error:
        kind = FarmUnavailable
    return kind(status, problem, _retry_after_s(response))


def parsed(response: httpx.Response, model: type[_Model]) -> _Model:
    """Return the answer as a ``model``.

    Raises:
        UnreadableAnswer: No farm answers like that.
    """
    try:
        # A newer farm may say more than this client knows.
        return model.model_validate_json(response.content, extra="ignore")
    except ValidationError as error:
        address = response.url.copy_with(query=None)
        raise UnreadableAnswer(f"{address} did not answer as a farm does.") from error


def parsed_or_none(response: httpx.Response, model: type[_Model]) -> _Model | None:
    """Answer like ``parsed``, or with ``None`` if the farm had nothing to say (204)."""
    return parsed(response, model) if response.content else None


def parsed_line(line: str, model: type[_Model]) -> _Model:
    """Return a line of NDJSON as a ``model``; raises as ``parsed`` does."""
    try:
        return model.model_validate_json(line, extra="ignore")
    except ValidationError as error:
        raise UnreadableAnswer("A line of the farm's answer is not what it should be.") from error


def undamaged(response: httpx.Response) -> bytes:
    """Return an artifact's bytes, which must be those that the answer's ``ETag`` names.

    Raises:
        DamagedArtifact: They are others.
    """
    named = _SHA256.fullmatch(response.headers.get("ETag", ""))
    if named and hashlib.sha256(response.content).hexdigest() != named[1]:
        raise DamagedArtifact(f"{response.url} came with other bytes than the job made.")
    return response.content


def parsed_result(job: JobView, result: bytes) -> dict[str, Any]:
    """Return the ``result`` of ``job``, of a kind whose results are JSON objects.

    Raises:
        UnreadableAnswer: It is something else.
    """
    try:
        found = json.loads(result)
    except ValueError as error:
        raise UnreadableAnswer(f"The result of job {job.id!r} is not JSON.") from error
    if not isinstance(found, dict):
        raise UnreadableAnswer(f"The result of job {job.id!r} is not a JSON object.")
    return found


def _retry_after_s(response: httpx.Response) -> float | None:
    # A date (RFC 9110, 10.2.3) counts as absent: a farm sends seconds.
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdecimal() else None


def clock_of(response: httpx.Response) -> datetime:
    """Return what time it was for the API, to the second.

    Raises:
        UnreadableAnswer: It does not say.
    """
    try:
        return parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError as error:
        raise UnreadableAnswer("The farm does not say what time it is.") from error
