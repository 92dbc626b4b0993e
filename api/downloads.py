"""Long answers, each on a thread of its own: few at a time, and none for a client that is away."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack

from flask import Response, request

from api.clients import stop_waiting_for
from farm.jobs.errors import TooManyDownloads

HARMLESS = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of what holds anything of strangers' pages: it can do nothing as a page of ours."""

_DOWNLOADS_MAX = 8
"""Half of the threads that waiting requests leave to all others; see ``api.gunicorn_conf``."""


class Downloads:
    """The long answers of this process."""

    def __init__(self) -> None:
        """Begin with none."""
        self._places = threading.BoundedSemaphore(_DOWNLOADS_MAX)

    def answer(self, chunks: Iterator[bytes], media_type: str, filename: str) -> Response:
        """Return an answer of any length; its place is free again when it ends, however it does.

        Where ``chunks`` raise later than at the first, the connection is broken off, so that
        no client takes the part for all.

        Raises:
            TooManyDownloads: All places are taken.
        """
        if not self._places.acquire(blocking=False):
            raise TooManyDownloads("As many results are being read here as may at once.")
        with ExitStack() as held:
            held.callback(self._places.release)
            stop_waiting_for(request.environ.get("gunicorn.socket"))
            response = Response(_begun(chunks), content_type=media_type)
            response.headers.update(
                {**HARMLESS, "Content-Disposition": f'attachment; filename="{filename}"'}
            )
            response.headers["Cache-Control"] = "no-store"
            response.headers["X-Accel-Buffering"] = "no"
            response.call_on_close(held.pop_all().close)
            return response


def _begun(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Return ``chunks`` with the first one read: what it raises can still be an answer."""
    first = next(chunks, b"")

    def joined() -> Iterator[bytes]:
        yield first
        yield from chunks

    return joined()
