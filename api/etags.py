"""Sending a caller nothing again that it has already."""

from flask import Response, request

_HEEDED = ("REQUEST_METHOD", "HTTP_IF_NONE_MATCH")


def tag(response: Response, etag: str) -> None:
    """Give ``response`` its ``etag``, and make it a 304 where the caller has just that.

    ``If-None-Match`` is the one condition there is. The others are for writes and for parts
    of files, neither of which the API offers; Flask would answer them with a 412 of its own.
    """
    response.set_etag(etag)
    response.make_conditional(
        {name: request.environ[name] for name in _HEEDED if name in request.environ}
    )
