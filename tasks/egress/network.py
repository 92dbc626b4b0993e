"""What lies outside: names and servers."""

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from tasks.egress.addresses import Address, unmapped
from tasks.egress.wire import Wire

_LOOK_UPS_MAX = 32
"""Threads; each is held for as long as the system's resolver takes."""
_LOOK_UP_S = 10.0
_CONNECT_S = 10.0
_LOOPBACK = (ip_address("127.0.0.1"), ip_address("::1"))


class Network:
    """The real one. Tests have another."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._threads = ThreadPoolExecutor(_LOOK_UPS_MAX, thread_name_prefix="look-up")

    async def look_up(self, name: str) -> Sequence[Address]:
        """Return all addresses of ``name``, unmapped; none if it has none, or not in time."""
        if f".{name}".endswith(".localhost"):  # Nobody is to be asked (RFC 6761, 6.3).
            return _LOOPBACK
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_LOOK_UP_S):
                return await loop.run_in_executor(self._threads, _addresses, name)
        except (OSError, TimeoutError, UnicodeError):
            return ()

    async def connect(self, wire: Wire, address: Address, port: int) -> None:
        """Connect ``wire``.

        Raises:
            OSError: It could not be done, or not in time.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(_CONNECT_S):
            await loop.create_connection(lambda: wire, str(address), port)


def _addresses(name: str) -> Sequence[Address]:
    # As bytes: Python's own rules for names are not those of the system.
    found = socket.getaddrinfo(name.encode(), None, type=socket.SOCK_STREAM)
    # A link-local address has its interface behind it: `fe80::1%eth0`.
    texts = (str(sockaddr[0]).partition("%")[0] for *_, sockaddr in found)
    return tuple(dict.fromkeys(unmapped(ip_address(text)) for text in texts))
