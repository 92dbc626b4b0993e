"""The header ``Idempotency-Key``, and how an answer tells that it is not the first."""

from typing import Any

from flask import Response, request

from api.auth import Asked
from api.schemas import REPLAYED
from farm.jobs.idempotency import HEADER, Done, Once, check_key


def once(asked: Asked) -> Once:
    """Return the farm, to be asked under the key that the request has, if it has one.

    Raises:
        InvalidSpec: The key is none; names the header.
    """
    return Once(asked(), idempotency_key())


def idempotency_key() -> str | None:
    """Return the key that the request has, if it has one.

    Raises:
        InvalidSpec: It is none; names the header.
    """
    key = request.headers.get(HEADER)
    if key is not None:
        check_key(key)
    return key


def tell(response: Response, done: Done[Any]) -> Response:
    """Say in ``response`` if what it tells of had been done before."""
    if done.is_replay:
        response.headers[REPLAYED] = "true"
    return response
