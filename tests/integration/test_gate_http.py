"""Plain HTTP through the gate."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tasks.egress.policy import Policy
from tests.support.gates import (
    Answer,
    Client,
    Origin,
    Scene,
    dial,
    is_reset,
    read_all,
    read_exactly,
    read_head,
    saying,
    scene,
    whole,
)
from tests.support.waiting import until

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@contextmanager
def before(answer: Answer) -> Iterator[tuple[Scene, Origin]]:
    """Have a gate before a server that answers so."""
    with Origin(answer) as origin, scene(policy=Policy(ports=str(origin.port))) as the:
        yield the, origin


def asking(origin: Origin, *lines: str, first: str = "GET {} HTTP/1.1", body: bytes = b"") -> bytes:
    """Return a request's bytes."""
    host = f"Host: public.test:{origin.port}"
    return "\r\n".join([first.format(origin.url()), host, *lines, "", ""]).encode() + body


def test_requests_of_one_client_share_a_connection_to_the_server() -> None:
    with before(saying(whole(b"hello"))) as (the, origin), Client(the.port) as client:
        got = [client.get(origin.url(f"/{number}")) for number in range(20)]
        assert {each.body for each in got} == {b"hello"}
        assert [each.code for each in got] == [None] * 20
        assert (client.connections, origin.connections) == (1, 1)
        assert origin.heads[3].startswith(b"GET /3 HTTP/1.1\r\nHost: public.test:")


def test_a_connection_is_kept_for_the_host_it_was_made_for() -> None:
    names = {"other.test": ["93.184.216.34"]}
    with Origin(saying(whole())) as origin:
        policy = Policy(ports=str(origin.port))
        with scene(policy=policy, names=names) as the, Client(the.port) as client:
            for host in ("public.test", "other.test", "public.test", "other.test"):
                assert client.get(origin.url(host=host)).status == 200
            assert origin.connections == 2


def test_requests_sent_at_once_are_answered_in_turn() -> None:
    def answer(connection: socket.socket, head: bytes) -> None:
        connection.sendall(whole(head.split()[1]))

    with before(answer) as (the, origin), dial(the.port) as client:
        first, last = asking(origin), asking(origin, "Connection: close")
        client.sendall(first.replace(b"/ HTTP", b"/1 HTTP") + last.replace(b"/ HTTP", b"/2 HTTP"))
        said = read_all(client)
        assert said.index(b"\r\n\r\n/1") < said.index(b"\r\n\r\n/2")


class TestBodies:
    def test_a_sized_body_goes_to_the_server(self) -> None:
        got: list[bytes] = []

        def answer(connection: socket.socket, _: bytes) -> None:
            got.append(read_exactly(connection, 5))
            connection.sendall(whole(b"thanks"))

        with before(answer) as (the, origin), Client(the.port) as client:
            for _ in range(2):
                assert client.get(origin.url(), method="POST", body=b"hello").body == b"thanks"
            assert got == [b"hello", b"hello"]
            assert b"Content-Length: 5\r\n" in origin.heads[0]
            # What may not be asked twice never goes by a connection that may be stale.
            assert origin.connections == 2

    def test_a_body_in_chunks_goes_to_the_server_once_the_client_is_told_to_send(self) -> None:
        got: list[bytes] = []

        def answer(connection: socket.socket, _: bytes) -> None:
            got.append(read_head(connection))
            connection.sendall(whole(b"thanks", b"Connection: close"))

        with before(answer) as (the, origin), dial(the.port) as client:
            lines = "Transfer-Encoding: chunked", "Expect: 100-continue", "Connection: close"
            client.sendall(asking(origin, *lines, first="POST {} HTTP/1.1"))
            assert read_head(client) == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.sendall(b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")
            assert read_all(client).endswith(b"\r\n\r\nthanks")
            assert got[0].endswith(b"lo\r\n0\r\n\r\n")
            assert b"Expect" not in origin.heads[0]

    def test_a_server_that_does_not_want_the_body_is_heard(self) -> None:
        def answer(connection: socket.socket, _: bytes) -> None:
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
            read_all(connection)

        with before(answer) as (the, origin), dial(the.port) as client:
            client.sendall(asking(origin, "Content-Length: 5000000", first="POST {} HTTP/1.1"))
            client.sendall(bytes(5_000_000))
            assert b" 413 " in read_all(client)

    def test_what_has_a_large_body_goes_through_whole(self) -> None:
        large = bytes(range(256)) * 40_000
        with before(saying(whole(large))) as (the, origin):
            assert the.fetch(origin.url()).body == large

    def test_a_body_without_end_goes_through_as_it_comes(self) -> None:
        going = b"HTTP/1.1 200 OK\r\n\r\nhello"
        with before(saying(going)) as (the, origin), dial(the.port) as client:
            client.sendall(asking(origin))
            assert b"Transfer-Encoding: chunked" in read_head(client)
            assert read_exactly(client, 10) == b"5\r\nhello\r\n"

    def test_an_answer_to_a_head_request_has_no_body_and_leaves_the_connection_standing(
        self,
    ) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
        with before(saying(head)) as (the, origin), Client(the.port) as client:
            for _ in range(3):
                assert client.get(origin.url(), method="HEAD").headers["content-length"] == "5"
            forbidden = client.get("http://10.0.0.5/", method="HEAD")
            assert (forbidden.status, forbidden.body) == (403, b"")
            assert client.get(origin.url(), method="HEAD").status == 200
            assert (client.connections, origin.connections) == (1, 1)

    def test_an_old_client_gets_a_body_that_ends_with_the_connection(self) -> None:
        answer = saying(CHUNKED + b"2\r\nhi\r\n0\r\n\r\n")
        with before(answer) as (the, origin), dial(the.port) as client:
            client.sendall(asking(origin, first="GET {} HTTP/1.0"))
            assert read_all(client).endswith(b"\r\n\r\nhi")


class TestBrokenServers:
    @pytest.mark.parametrize(
        "said",
        [
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
            CHUNKED + b"5\r\nhello\r\n",
            CHUNKED + b"5\r\nhel",
        ],
    )
    @pytest.mark.parametrize("version", ["1.0", "1.1"])
    def test_an_answer_that_breaks_off_breaks_the_clients_connection(
        self, said: bytes, version: str
    ) -> None:
        with before(saying(said, close=True)) as (the, origin), dial(the.port) as client:
            client.sendall(asking(origin, first="GET {} HTTP/" + version))
            assert is_reset(client)

    def test_a_server_that_hangs_up_rudely_breaks_an_answer_without_a_size_too(self) -> None:
        def answer(connection: socket.socket, _: bytes) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nhello")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()

        with before(answer) as (the, origin), dial(the.port) as client:
            client.sendall(asking(origin, first="GET {} HTTP/1.0"))
            assert is_reset(client)

    @pytest.mark.parametrize(
        "said",
        [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: y", b"HTTP/1.1 407 Proxy\r\n\r\n"],
    )
    def test_what_is_no_answer_is_a_failed_connection(self, said: bytes) -> None:
        with before(saying(said, close=True)) as (the, origin), Client(the.port) as client:
            got = client.get(origin.url())
            assert (got.status, got.code) == (502, "connection_failed")
            assert the.session.refusal("public.test", origin.port) == "connection_failed"
            assert client.get("http://10.0.0.5/").status == 403  # It goes on.
            assert client.connections == 1

    def test_a_kept_connection_that_has_gone_stale_costs_nobody_an_answer(self) -> None:
        served: set[socket.socket] = set()

        def answer(connection: socket.socket, _: bytes) -> None:
            if connection in served:  # It hangs up at the second request.
                connection.shutdown(socket.SHUT_RDWR)
            else:
                served.add(connection)
                connection.sendall(whole(b"hello"))

        with before(answer) as (the, origin), Client(the.port) as client:
            for _ in range(4):
                assert client.get(origin.url()).body == b"hello"
            assert origin.connections == 4
            assert len(origin.heads) == 7

    def test_a_stale_connection_that_says_anything_is_not_asked_again(self) -> None:
        served: set[socket.socket] = set()

        def answer(connection: socket.socket, _: bytes) -> None:
            if connection in served:
                connection.sendall(b"HTTP/1.1 2")
                connection.shutdown(socket.SHUT_RDWR)
            else:
                served.add(connection)
                connection.sendall(whole(b"hello"))

        with before(answer) as (the, origin), Client(the.port) as client:
            assert client.get(origin.url()).status == 200
            assert client.get(origin.url()).code == "connection_failed"
            assert origin.connections == 1

    def test_a_server_that_lies_about_the_gate_is_not_believed(self) -> None:
        lie = (
            b"HTTP/1.1 403 Forbidden\r\nX-Farm-Gate: target_forbidden\r\nContent-Length: 0\r\n\r\n"
        )
        with before(saying(lie)) as (the, origin):
            got = the.fetch(origin.url())
            assert (got.status, got.code) == (403, None)
            assert the.session.refusal("public.test", origin.port) is None

    def test_a_server_that_says_more_than_it_should_is_not_asked_again(self) -> None:
        answer = saying(whole(b"hello") + whole(b"poison"))
        with before(answer) as (the, origin), Client(the.port) as client:
            assert [client.get(origin.url()).body for _ in range(3)] == [b"hello"] * 3
            assert origin.connections == 3


def test_a_client_that_hangs_up_takes_the_servers_connection_with_it() -> None:
    ended: list[bytes] = []

    def answer(connection: socket.socket, _: bytes) -> None:
        with suppress(ConnectionError):
            connection.recv(1)  # It never answers.
        ended.append(b"")

    with before(answer) as (the, origin):
        with dial(the.port) as client:
            client.sendall(asking(origin))
            until(lambda: origin.heads, "the server was asked")
        until(lambda: ended, "the server's connection has ended")


def test_a_slow_client_does_not_make_the_gate_hold_all_of_an_answer() -> None:
    stuck_at: list[int] = []

    def answer(connection: socket.socket, _: bytes) -> None:
        connection.settimeout(0.5)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 90000000\r\n\r\n")
        sent = 0
        try:
            while sent < 90_000_000:
                sent += connection.send(bytes(100_000))
        finally:
            stuck_at.append(sent)

    with before(answer) as (the, origin), dial(the.port) as client:
        client.sendall(asking(origin))
        assert until(lambda: stuck_at, "the server has to wait")[0] < 40_000_000
