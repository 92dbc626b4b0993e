"""Server-sent events (the HTML standard, section 9.2), each stream on a thread of its own.

A stream ends when there is no more to tell, when its client has left, when the process is
told to stop, and after some minutes in any case. A client then comes back by itself, and
says with ``Last-Event-ID`` what it has; 204 tells it that it has all there will be.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Response, current_app, request

from api.clients import STOPPING, has_left, stop_waiting_for
from farm.jobs.ports import Pause

LOOK_AGAIN_S = 5.0
"""A stream looks this often whether it still has a client, and whether a change was missed."""

_HEARTBEAT_S = 15.0
"""Proxies in between commonly cut what is silent for 30 to 60 s."""
_LONGEST_S = 300.0
"""So that a key that was revoked, or a client that a proxy hides, does not hold on for ever."""
_RETRY_MS = 2000
_RETRY_WHEN_FULL_MS = 5000
"""Whoever finds all places taken asks this often, as without events."""


@dataclass(frozen=True)
class Event:
    """One event, and what the client then has."""

    name: str
    data: Any
    """Any JSON value."""
    id: str | None = None
    """``None``: what the client has seen stays as it was."""

    def encoded(self) -> bytes:
        """Return the event as it goes over the wire."""
        said = json.dumps(self.data, separators=(",", ":"))  # one line: JSON escapes line ends
        numbered = "" if self.id is None else f"id: {self.id}\n"
        return f"event: {self.name}\n{numbered}data: {said}\n\n".encode()


News = Iterator[Event | None]
"""What is told, as it happens; ``None`` at least every ``LOOK_AGAIN_S`` seconds."""


def last_event_id() -> str:
    """Return the id of what the client was last told; ``""``: of nothing."""
    return request.headers.get("Last-Event-ID", "")


def nothing_more() -> Response:
    """Return the answer that ends a client's coming back."""
    return Response(status=HTTPStatus.NO_CONTENT, headers={"Cache-Control": "no-store"})


def followed(
    watched: AbstractContextManager[Pause | None], told: Callable[[Pause | None], News]
) -> Response:
    """Return the answer that tells what ``told`` makes of a place among those who wait.

    ``watched`` gives it; it is given back when the answer ends.
    """
    with ExitStack() as held:
        pause = held.enter_context(watched)
        response = event_stream(told(pause), is_full=pause is None)
        response.call_on_close(held.pop_all().close)
        return response


def event_stream(news: News, *, is_full: bool) -> Response:
    """Return the answer that tells ``news`` as it happens.

    ``is_full``: all places are taken, so that ``news`` is short, and the client shall take
    longer to come back.
    """
    connection = request.environ.get("gunicorn.socket")
    stop_waiting_for(connection)
    is_stopping: Callable[[], bool] = current_app.extensions.get(STOPPING, lambda: False)
    retry_ms = _RETRY_WHEN_FULL_MS if is_full else _RETRY_MS
    chunks = _chunks(news, retry_ms, lambda: is_stopping() or has_left(connection))
    response = Response(chunks, content_type="text/event-stream; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold it back
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _chunks(news: News, retry_ms: int, is_over: Callable[[], bool]) -> Iterator[bytes]:
    began = spoke = time.monotonic()
    yield f"retry: {retry_ms}\n\n".encode()
    for event in news:
        now = time.monotonic()
        if event is not None:
            yield event.encoded()
            spoke = now
        elif is_over() or now - began > _LONGEST_S:
            return
        elif now - spoke > _HEARTBEAT_S:
            yield b":\n\n"
            spoke = now
