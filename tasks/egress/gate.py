"""The gate's doors: a listener for each child of the worker, and the socket that orders them.

A child connects to the control socket and is greeted with a line of JSON,
``{"port": N}``: the proxy on loopback that is its own as long as it stays connected.
Then it sends lines, each of which is answered with one:

- ``{"begin": {"job", "zones", "url", "max_bytes", "max_requests", "max_seconds"}}``: break
  off all of the session before, and begin one;
- ``{"log": {}}``: tell what has happened in it;
- ``{"end": {}}``: the same, and break off all of it.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import structlog

from tasks.egress.conversation import Conversation
from tasks.egress.network import Network
from tasks.egress.policy import Policy
from tasks.egress.session import NOBODY, Session, Terms
from tasks.egress.wire import Wire

_WIRES_MAX = 512
"""Connections of one session, to either side; a browser makes a tenth of it."""
_BACKLOG = 256

_log = structlog.get_logger(__name__)


class GateServer:
    """All listeners of one worker. Lives in one event loop."""

    def __init__(self, policy: Policy, network: Network | None = None) -> None:
        """Judge by ``policy`` what goes out to ``network``."""
        self._policy = policy
        self._network = network or Network()

    async def serve(self, control: Path, stop: asyncio.Event) -> None:
        """Take orders at the socket ``control``, which is made here, until ``stop``."""
        server = await asyncio.start_unix_server(self._attend, control)
        try:
            await stop.wait()
        finally:
            server.close()

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one child until it goes away."""
        door = _Door(self._policy, self._network)
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(door.receive, "127.0.0.1", 0, backlog=_BACKLOG)
        answer: dict[str, Any] = {"port": listener.sockets[0].getsockname()[1]}
        try:
            while True:
                writer.write(json.dumps(answer).encode() + b"\n")
                order = await reader.readline()
                if not order:
                    return
                answer = door.obey(json.loads(order))
        except asyncio.CancelledError:
            return  # The gate ends. Python 3.11 would log this as an error.
        except (ConnectionError, KeyError, TypeError, ValueError) as error:
            _log.warning("control_lost", why=repr(error))
        finally:
            listener.close()
            door.session.close()
            writer.close()


class _Door:
    """What one child's listener leads to: the present session."""

    def __init__(self, policy: Policy, network: Network) -> None:
        self._policy = policy
        self._network = network
        self.session = Session(policy, network, NOBODY)

    def receive(self) -> Wire:
        return _Guest(self)

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
        if session.is_closed or len(session.wires) > _WIRES_MAX:
            self.abort()
            return
        serving = Conversation(self, session).hold()
        self._served = asyncio.get_running_loop().create_task(serving)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._served is not None:
            self._served.cancel()
