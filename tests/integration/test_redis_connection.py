"""A Redis that says nothing costs its callers a moment, and no more."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from redis import Redis

from api.app import create_app
from api.settings import ApiSettings
from farm.backends.assembly import assemble
from farm.backends.redis_connection import TIMEOUT_S, connect, redis_errors
from farm.jobs.errors import BackendUnavailable
from tests.support.neighbours import free_port
from tests.support.waiting import until

AT_ONCE_S = 0.5


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that lets callers in and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def full() -> Iterator[socket.socket]:
    """A server that does not even let callers in, as behind a wall that drops packets."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, ExitStack() as callers:
        for _ in range(2):
            caller = callers.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(server.getsockname())
        yield server


def _url(server: socket.socket) -> str:
    return f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def _seconds_to_fail(client: Redis) -> float:
    began = time.monotonic()
    with pytest.raises(BackendUnavailable), redis_errors():
        client.get("key")
    return time.monotonic() - began


@pytest.mark.parametrize("server", ["silent", "full"])
def test_who_asks_first_waits_one_timeout_and_the_next_not_at_all(
    request: pytest.FixtureRequest, server: str
) -> None:
    with connect(_url(request.getfixturevalue(server))) as client:
        assert TIMEOUT_S <= _seconds_to_fail(client) < TIMEOUT_S + AT_ONCE_S
        assert _seconds_to_fail(client) < AT_ONCE_S
        with client.pipeline() as pipe, pytest.raises(BackendUnavailable), redis_errors():
            pipe.get("key").execute()


def test_one_server_s_silence_is_not_another_s(silent: socket.socket, redis_url: str) -> None:
    with connect(_url(silent)) as one, connect(redis_url) as other:
        _seconds_to_fail(one)
        assert other.ping()


def test_it_is_asked_again_after_a_moment(redis_url: str) -> None:
    with connect(redis_url) as client, Redis.from_url(redis_url) as plain:
        assert client.ping()
        plain.client_pause((TIMEOUT_S + 1) * 1000)
        assert _seconds_to_fail(client) >= TIMEOUT_S

        def answers() -> bool:
            try:
                with redis_errors():
                    return bool(client.ping())
            except BackendUnavailable:
                return False

        until(answers, "it answers again", 10)


def test_a_connection_that_was_cut_is_not_noticed(redis_url: str) -> None:
    with connect(redis_url) as client, Redis.from_url(redis_url) as plain:
        for _ in range(3):
            assert client.ping()
            plain.client_kill_filter(_type="normal", skipme=True)


def test_120_without_redis_every_caller_is_told_so_within_two_seconds_and_no_more() -> None:
    gone = f"redis://:hunter2@127.0.0.1:{free_port()}/0"
    client = create_app(ApiSettings(), assemble(gone, None, waiters_max=0)).test_client()
    spec = {"kind": "screenshot", "url": "http://page.test/"}
    for method, path, body in (
        ("POST", "/v1/jobs", spec),
        ("GET", "/v1/jobs", None),
        ("GET", "/v1/jobs/nope", None),
        ("POST", "/v1/batches", {"items": [spec]}),
        ("GET", "/v1/pressure", None),
    ):
        began = time.monotonic()
        answer = client.open(path, method=method, json=body)
        assert time.monotonic() - began < 2
        assert answer.content_type == "application/problem+json"
        problem = answer.get_json()
        assert (answer.status_code, problem["code"]) == (503, "backend_unavailable")
        assert answer.headers["Retry-After"]
        told = answer.text.replace(path, "")
        assert not [word for word in ("hunter2", "127.0.0.1", "Traceback", ".py") if word in told]
