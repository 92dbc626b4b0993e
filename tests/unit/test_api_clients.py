"""Clients that have left, and such as do not read, over real pairs of sockets."""

import socket
import threading
from collections.abc import Iterator

import pytest

from api import clients
from api.clients import has_left, stop_waiting_for

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_client_that_is_silent_is_still_there(pair: Pair) -> None:
    stop_waiting_for(pair[0])
    assert not has_left(pair[0])


def test_a_client_that_sends_more_is_still_there_and_nothing_is_taken(pair: Pair) -> None:
    pair[1].sendall(b"GET /")
    assert not has_left(pair[0])
    assert pair[0].recv(5) == b"GET /"


def test_a_client_that_has_closed_has_left(pair: Pair) -> None:
    pair[1].close()
    assert has_left(pair[0])


def test_a_connection_that_is_broken_has_no_client(pair: Pair) -> None:
    pair[0].close()
    assert has_left(pair[0])


def test_a_client_that_does_not_read_is_not_waited_for(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "_PATIENCE_S", 0.1)
    stop_waiting_for(pair[0])
    ended = threading.Event()

    def write() -> None:
        with pytest.raises(TimeoutError):
            pair[0].sendall(bytes(64 << 20))
        ended.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert ended.wait(10)
    writer.join()


@pytest.mark.parametrize("connection", [None, object()])
def test_under_another_server_nothing_is_known_of_clients(connection: object) -> None:
    stop_waiting_for(connection)
    assert not has_left(connection)
