"""Tunnels through the gate: https, web sockets."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.egress.policy import Policy
from tests.support.gates import Answer, Origin, Scene, dial, read_all, read_exactly, scene, tunnel
from tests.support.waiting import until

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


@contextmanager
def before(answer: Answer) -> Iterator[tuple[Scene, Origin, str]]:
    """Have a gate before a server that answers so, and the target of a tunnel to it."""
    with Origin(answer) as origin, scene(policy=Policy(ports=str(origin.port))) as the:
        yield the, origin, f"public.test:{origin.port}"


def echo(connection: socket.socket, _: bytes) -> None:
    """Send all that comes back, until the client hangs up."""
    while data := connection.recv(65536):
        connection.sendall(data)


def test_bytes_go_both_ways() -> None:
    with before(echo) as (the, _, target), tunnel(the.port, target) as (client, head):
        assert head == ESTABLISHED
        client.sendall(b"\r\n\r\n")  # What the server takes for a head.
        for number in range(50):
            client.sendall(b"%05d" % number)
            assert read_exactly(client, 5) == b"%05d" % number


def test_what_is_sent_before_the_tunnel_stands_is_not_lost() -> None:
    with before(echo) as (the, _, target), dial(the.port) as client:
        head = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode()
        client.sendall(head + b"\r\n\r\nearly")
        assert read_exactly(client, len(ESTABLISHED)) == ESTABLISHED
        assert read_exactly(client, 5) == b"early"


def test_much_goes_through_a_tunnel_unchanged() -> None:
    data = bytes(range(256)) * 20_000
    with before(echo) as (the, _, target), tunnel(the.port, target) as (client, _):
        client.sendall(b"\r\n\r\n")
        sender = threading.Thread(target=client.sendall, args=[data])
        sender.start()
        assert read_exactly(client, len(data)) == data
        sender.join()


def test_the_server_ends_a_tunnel_and_all_it_said_arrives() -> None:
    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(bytes(1_000_000))
        connection.shutdown(socket.SHUT_RDWR)

    with before(answer) as (the, _, target), tunnel(the.port, target) as (client, _):
        client.sendall(b"\r\n\r\n")
        assert len(read_all(client)) == 1_000_000


def test_the_client_ends_a_tunnel() -> None:
    ended: list[bytes] = []

    def answer(connection: socket.socket, _: bytes) -> None:
        ended.append(connection.recv(10))

    with before(answer) as (the, origin, target):
        with tunnel(the.port, target) as (client, _):
            client.sendall(b"\r\n\r\n")
            until(lambda: origin.heads, "the server was reached")
        until(lambda: ended == [b""], "the server's side has ended")


def test_a_tunnel_is_no_way_to_other_ports_or_to_odd_hosts() -> None:
    with before(echo) as (the, origin, _):
        for target in (f"public.test:{origin.port + 1}", "10.0.0.5:443", "public.test:22"):
            with tunnel(the.port, target) as (_, head):
                assert head.startswith(b"HTTP/1.1 403 ")
        for target in ("[a]:80", "public.test", "user@public.test:443", "public.test:443/"):
            with tunnel(the.port, target) as (_, head):
                assert head.startswith(b"HTTP/1.1 400 ")
        assert the.network.dialled == []


def test_after_a_refused_tunnel_the_client_may_ask_for_another() -> None:
    with before(echo) as (the, _, target), tunnel(the.port, "10.0.0.5:443") as (client, head):
        length = int(head.lower().partition(b"content-length: ")[2].split()[0])
        read_exactly(client, length)
        client.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        assert read_exactly(client, len(ESTABLISHED)) == ESTABLISHED
