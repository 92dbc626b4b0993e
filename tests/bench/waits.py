"""What the API takes of memory while many more wait for a job than it has places for."""

import selectors
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import psutil

from api.gunicorn_conf import workers
from api.settings import ApiSettings
from tests.bench.door import Door, door, some_urls
from tests.bench.figures import Figure
from tests.support.waiting import until

_MB = 1_000_000
_PATHS = ("{}?wait=30", "{}/events")
"""Asked in turn."""
_PLACES = workers * ApiSettings().waiters_max
_END = b"0\r\n\r\n"
"""Of a stream of events that is over, as one is for want of a place."""


def figures(quick: bool) -> Iterator[Figure]:
    """Measure the rest of item 7: the API under open waits, half of them streams of events."""
    rounds, count = (1, 100) if quick else (3, 1000)
    idle: list[float] = []
    busy: list[float] = []
    held: list[float] = []
    for _ in range(rounds):
        with door() as api:
            job = api.job_of(api.batch(some_urls(1)))
            for _ in range(count):
                api.ask(job)
            idle.append(_held_mb(api))
            with ExitStack() as stack:
                waits = [stack.enter_context(_asking(api, job, n)) for n in range(count)]
                held.append(_held(waits))
                busy.append(_held_mb(api))
                # Whoever asks now is answered.
                api.ask(job)
    what = f"the API under {count} waits: it holds {held[0]:.0f}, and answers the others at once"
    yield Figure(what, "MB", busy, idle, "the same API, idle", "less")


def _asking(api: Door, job: str, number: int) -> socket.socket:
    """Return a connection on which somebody asks for the job's end."""
    connection = socket.create_connection(("127.0.0.1", api.port), timeout=60)
    path = _PATHS[number % len(_PATHS)].format(job)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    return connection


def _held(waits: Sequence[socket.socket]) -> int:
    """Return how many are held, once all the others have their answers.

    Raises:
        RuntimeError: One is refused.
    """
    said = [b""] * len(waits)
    with selectors.DefaultSelector() as ready:
        for number, connection in enumerate(waits):
            ready.register(connection, selectors.EVENT_READ, number)

        def is_settled() -> bool:
            for key, _ in ready.select(timeout=0):
                said[key.data] += waits[key.data].recv(65536)
            return sum(map(_is_held, said)) <= _PLACES

        until(is_settled, "who cannot be held is answered", 60)
    if refused := [text for text in said if text and not text.startswith(b"HTTP/1.1 200")]:
        raise RuntimeError(f"{len(refused)} are refused, one with {refused[0][:300]!r}")
    return sum(map(_is_held, said))


def _is_held(said: bytes) -> bool:
    """Return whether a client that has heard ``said`` waits: for an answer, or for more of it."""
    return not said or (b"event-stream" in said and not said.endswith(_END))


def _held_mb(api: Door) -> float:
    main = psutil.Process(api.pid)
    everybody = [main, *main.children(recursive=True)]
    return sum(each.memory_full_info().pss for each in everybody) / _MB
