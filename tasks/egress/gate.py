"""The gate's doors: a listener for each child of a worker, and what takes orders for them.

Orders come by a socket of this machine's, or by a port; there a child first says
``{"hello": SECRET}``. It is greeted with a line of JSON, ``{"port": N}``: the proxy that
is its own as long as it stays connected, at the address that it has connected to, and
only from its own one. Then it sends lines, each of which is answered with one:

- ``{"begin": {"job", "zones", "url", "max_bytes", "max_requests", "max_seconds"}}``: break
  off all of the session before, and begin one;
- ``{"log": {}}``: tell what has happened in it;
- ``{"end": {}}``: the same, and break off all of it.
"""

import asyncio
import hmac
import json
import resource
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from tasks.egress.control import notice_its_end
from tasks.egress.conversation import Conversation
from tasks.egress.network import Network
from tasks.egress.policy import Policy
from tasks.egress.session import NOBODY, Session, Terms
from tasks.egress.wire import Wire

_WIRES_MAX = 512
"""Connections of one session, to either side; a browser makes a tenth of it."""
_BACKLOG = 256
_HELLO_S = 5.0
"""For who comes by a port to say the secret."""

_log = structlog.get_logger(__name__)


def allow_many_connections() -> None:
    """Let this process have as many as the system lets it."""
    _, files_max = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files_max, files_max))


@dataclass(frozen=True)
class _Way:
    """How a child came, and so how its browser may come."""

    here: str
    """Address of ours."""
    there: str | None
    """Its own; ``None``: it is of this machine, like all who reach us."""


_OF_THIS_MACHINE = _Way("127.0.0.1", None)


class GateServer:
    """All listeners of those who order here. Lives in one event loop."""

    def __init__(self, policy: Policy, network: Network | None = None) -> None:
        """Judge by ``policy`` what goes out to ``network``."""
        self._policy = policy
        self._network = network or Network()

    async def serve(self, control: Path, stop: asyncio.Event) -> None:
        """Take orders at the socket ``control``, which is made here, until ``stop``."""
        attend = partial(self._attend, secret=None)
        await _open_until(stop, await asyncio.start_unix_server(attend, control))

    async def serve_at(self, host: str, port: int, secret: str, stop: asyncio.Event) -> None:
        """Take orders at a port, from those who know ``secret``, until ``stop``.

        Raises:
            OSError: Nobody can listen there.
        """
        attend = partial(self._attend, secret=secret)
        await _open_until(stop, await asyncio.start_server(attend, host, port))

    async def _attend(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, secret: str | None
    ) -> None:
        """Serve one child until it goes away."""
        try:
            way = _OF_THIS_MACHINE
            if secret is not None:
                way = _Way(_address(writer, "sockname"), _address(writer, "peername"))
                await _hear_hello(reader, secret)
                notice_its_end(writer.get_extra_info("socket"))
            await self._obey(reader, writer, way)
        except asyncio.CancelledError:
            return  # The gate ends. Python 3.11 would log this as an error.
        except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
            _log.warning("control_lost", why=repr(error), address=way.there)
        finally:
            writer.close()

    async def _obey(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: _Way
    ) -> None:
        door = _Door(self._policy, self._network, way.there)
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(door.receive, way.here, 0, backlog=_BACKLOG)
        answer: dict[str, Any] = {"port": listener.sockets[0].getsockname()[1]}
        try:
            while True:
                writer.write(json.dumps(answer).encode() + b"\n")
                order = await reader.readline()
                if not order:
                    return
                answer = door.obey(json.loads(order))
        finally:
            listener.close()
            door.session.close()


async def _open_until(stop: asyncio.Event, server: asyncio.Server) -> None:
    try:
        await stop.wait()
    finally:
        server.close()


def _address(stream: asyncio.StreamWriter | asyncio.BaseTransport, side: str) -> str:
    """Return ours (``sockname``) or theirs (``peername``); nothing if they are gone already."""
    found: tuple[str, int] | None = stream.get_extra_info(side)
    return found[0] if found else ""


async def _hear_hello(reader: asyncio.StreamReader, secret: str) -> None:
    """Take the first line that comes.

    Raises:
        PermissionError: It does not say ``secret``.
        TimeoutError: None comes.
        KeyError, TypeError, ValueError, RecursionError: It is nothing that a child says.
    """
    async with asyncio.timeout(_HELLO_S):
        said = json.loads(await reader.readline())["hello"]
    if not hmac.compare_digest(str(said).encode(), secret.encode()):
        raise PermissionError("not the secret of this gate")


class _Door:
    """What one child's listener leads to: the present session."""

    def __init__(self, policy: Policy, network: Network, client: str | None) -> None:
        self._policy = policy
        self._network = network
        self._client = client
        self.session = Session(policy, network, NOBODY)

    def receive(self) -> Wire:
        return _Guest(self)

    def lets_in(self, address: str) -> bool:
        """Return whether whoever comes from ``address`` may be the child's browser."""
        return self._client in (None, address)

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to ``order``.

        Raises:
            KeyError: It lacks something.
            TypeError: It has something else in its place.
            ValueError: It is none.
        """
        match order:
            case {"begin": wanted}:
                self._begin(Terms.parse(wanted))
                return {"ok": True}
            case {"log": _}:
                return self.session.report()
            case {"end": _}:
                report = self.session.report()
                self._begin(NOBODY)
                return report
        raise ValueError("no such order")

    def _begin(self, terms: Terms) -> None:
        self.session.close()
        self.session = Session(self._policy, self._network, terms)


class _Guest(Wire):
    """The connection of a client, which is served as long as it lasts."""

    def __init__(self, door: _Door) -> None:
        super().__init__(door.session)
        self._door = door
        self._served: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # There may be another one since it was accepted.
        self._owner = session = self._door.session
        super().connection_made(transport)
        is_known = self._door.lets_in(_address(transport, "peername"))
        if not is_known or session.is_closed or len(session.wires) > _WIRES_MAX:
            self.abort()
            return
        serving = Conversation(self, session).hold()
        self._served = asyncio.get_running_loop().create_task(serving)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._served is not None:
            self._served.cancel()
