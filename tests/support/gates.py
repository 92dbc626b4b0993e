"""A gate in this process, before a network whose every address is on this machine."""

import asyncio
import http.client
import socket
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from tasks.egress.addresses import Address
from tasks.egress.client import Gate, Limits, Session
from tasks.egress.control import Remote
from tasks.egress.gate import GateServer
from tasks.egress.network import Network
from tasks.egress.policy import Policy
from tasks.egress.wire import Wire

PUBLIC = "93.184.216.34"
LIMITS = Limits(max_bytes=100_000_000, max_requests=10_000, max_seconds=60)
TIMEOUT_S = 10.0
_HERE = ip_address("127.0.0.1")

Answer = Callable[[socket.socket, bytes], None]
"""Given a connection and the head of a request, answers it; may close the connection."""


class LoopbackNetwork(Network):
    """Knows the names it is told; whoever dials gets to loopback, where the tests listen."""

    def __init__(self, names: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__()
        self.names = {"public.test": [PUBLIC], **(names or {})}
        self.asked: list[str] = []
        """Names that were looked up."""
        self.dialled: list[str] = []
        """Addresses that would have been connected to."""
        self.dead: set[str] = set()
        """Addresses where nobody answers."""

    async def look_up(self, name: str) -> Sequence[Address]:
        self.asked.append(name)
        return tuple(ip_address(each) for each in self.names.get(name, ()))

    async def connect(self, wire: Wire, address: Address, port: int) -> None:
        self.dialled.append(str(address))
        if str(address) in self.dead:
            raise ConnectionRefusedError
        await super().connect(wire, _HERE, port)


@contextmanager
def standing_gate(policy: Policy, network: Network, place: Remote | None = None) -> Iterator[Gate]:
    """Have a gate for the block, and give a child's view of it.

    Orders are taken at ``place``, or by a socket.
    """
    started: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        stop = asyncio.Event()
        started.append((asyncio.get_running_loop(), stop))
        server = GateServer(policy, network)
        if place is None:
            await server.serve(control, stop)
        else:
            await server.serve_at(place.host, place.port, place.secret, stop)

    with TemporaryDirectory(prefix="gate-") as folder:
        control = Path(folder) / "control"
        thread = threading.Thread(target=lambda: asyncio.run(serve()))
        thread.start()
        gate = Gate(place or control)
        try:
            yield gate
        finally:
            gate.close()
            for loop, stop in started:
                loop.call_soon_threadsafe(stop.set)
            thread.join()


class Origin:
    """A server on loopback that answers as it is told, and remembers what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._open: list[socket.socket] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self.port: int = self._listener.getsockname()[1]
        self.heads: list[bytes] = []
        self.connections = 0

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()
        for connection in self._open:
            with suppress(OSError):  # Some have ended already.
                connection.shutdown(socket.SHUT_RDWR)

    def url(self, path: str = "/", host: str = "public.test") -> str:
        return f"http://{host}:{self.port}{path}"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open.append(connection)
                self.connections += 1
                threading.Thread(target=self._talk, args=[connection], daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while head := read_head(connection):
                self.heads.append(head)
                self._answer(connection, head)


def read_head(connection: socket.socket) -> bytes:
    """Return a head, byte by byte so that nothing behind it is taken; ``b""`` at the end."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            return b""
        head += byte
    return head


def read_exactly(connection: socket.socket, size_bytes: int) -> bytes:
    data = b""
    while len(data) < size_bytes:
        piece = connection.recv(size_bytes - len(data))
        if not piece:
            raise ConnectionError("it ended too early")
        data += piece
    return data


def saying(*parts: bytes, close: bool = False) -> Answer:
    """Answer every request with the same bytes."""

    def answer(connection: socket.socket, _: bytes) -> None:
        for part in parts:
            connection.sendall(part)
        if close:
            connection.shutdown(socket.SHUT_RDWR)

    return answer


def whole(body: bytes = b"hello", *headers: bytes) -> bytes:
    """Return an answer that leaves the connection standing."""
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@dataclass(frozen=True)
class Got:
    """One answer as a client sees it."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def code(self) -> str | None:
        """What the gate says in its own name; ``None``: it is a server's answer."""
        return self.headers.get("x-farm-gate")


class Client:
    """Speaks HTTP with a proxy by one connection, which it makes anew if it is closed."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
        self._sockets: set[object] = set()

    @property
    def connections(self) -> int:
        """How many it has made."""
        return len(self._sockets)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def get(
        self, url: str, *, method: str = "GET", body: bytes | None = None, **headers: str
    ) -> Got:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, url, body, named)
        self._sockets.add(self._connection.sock)
        answer = self._connection.getresponse()
        got = {name.lower(): value for name, value in answer.getheaders()}
        return Got(answer.status, answer.read(), got)


def fetch(port: int, url: str) -> Got:
    """Fetch ``url`` by a connection of its own."""
    with Client(port) as client:
        return client.get(url)


def dial(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), TIMEOUT_S)


@contextmanager
def tunnel(port: int, target: str) -> Iterator[tuple[socket.socket, bytes]]:
    """Ask for a tunnel; give the connection and the head of the answer."""
    with dial(port) as connection:
        connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        yield connection, read_head(connection)


def answer_to_connect(port: int, target: str) -> bytes:
    """Ask for a tunnel; return the head of the answer."""
    with tunnel(port, target) as (_, head):
        return head


def say(port: int, data: bytes) -> bytes:
    """Send bytes and return all that comes until the proxy closes."""
    with dial(port) as connection:
        connection.sendall(data)
        return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def is_reset(connection: socket.socket) -> bool:
    """Return whether the connection is broken off, whatever comes before that."""
    try:
        read_all(connection)
    except ConnectionResetError:
        return True
    return False


@dataclass
class Scene:
    """A gate, the network behind it, and one session."""

    port: int
    network: LoopbackNetwork
    session: Session
    gate: Gate

    def fetch(self, url: str) -> Got:
        return fetch(self.port, url)


@contextmanager
def scene(
    *,
    policy: Policy | None = None,
    names: Mapping[str, Sequence[str]] | None = None,
    zones: Collection[str] = ("public",),
    url: str | None = "http://public.test/",
    limits: Limits = LIMITS,
) -> Iterator[Scene]:
    """Have a gate with one session for the block."""
    network = LoopbackNetwork(names)
    with (
        standing_gate(policy or Policy(), network) as gate,
        gate.session("job-1", zones=zones, url=url, limits=limits) as session,
    ):
        yield Scene(gate.port, network, session, gate)
