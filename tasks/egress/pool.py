"""Connections to the servers that one session has to do with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tasks.egress.addresses import Address
from tasks.egress.network import Network
from tasks.egress.refusals import NotServed
from tasks.egress.wire import Wire

_IDLE_MAX = 64


@dataclass(frozen=True, eq=False)
class Link:
    """A connection to a server."""

    wire: Wire
    address: Address
    port: int
    host: str
    """Under whose name the server was asked."""


class Pool:
    """Keeps connections that servers let stand, for the next request to the same."""

    def __init__(self, network: Network, make_wire: Callable[[], Wire]) -> None:
        """Dial through ``network``."""
        self._network = network
        self._make_wire = make_wire
        self._idle: list[Link] = []
        self._reached: dict[tuple[str, int], Address] = {}

    async def dial(self, host: str, port: int, addresses: Sequence[Address]) -> Link:
        """Return a new connection to the first of the vetted ``addresses`` that answers.

        Raises:
            NotServed: None does.
        """
        reached = self._reached.get((host, port))
        for address in sorted(addresses, key=lambda each: each != reached):
            wire = self._make_wire()
            try:
                await self._network.connect(wire, address, port)
            except OSError:
                continue
            self._reached[host, port] = address
            return Link(wire, address, port, host)
        raise NotServed("connection_failed")

    def take(self, host: str, port: int, addresses: Sequence[Address]) -> Link | None:
        """Return a connection that was kept, if there is one."""
        self._idle = [link for link in self._idle if not link.wire.has_news]
        for link in reversed(self._idle):
            if (link.host, link.port) == (host, port) and link.address in addresses:
                self._idle.remove(link)
                return link
        return None

    def keep(self, link: Link) -> None:
        """Take back a connection to a server that can be asked for more."""
        self._idle.append(link)
        if len(self._idle) > _IDLE_MAX:
            self._idle.pop(0).wire.close()
