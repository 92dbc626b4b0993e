"""One TCP connection, read and written with as few turns of the event loop as can be."""

import asyncio
import struct
from collections import deque
from contextlib import suppress
from socket import SO_LINGER, SOL_SOCKET
from typing import Protocol, cast

_HELD_MAX_BYTES = 256 * 1024
"""What is read ahead of whoever takes it; the sender waits after that."""
_LINGER_S = 2.0
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Owner(Protocol):
    """On whose account something is connected."""

    wires: "set[Wire]"
    """All that are."""

    def count(self, size_bytes: int) -> None:
        """Take note of bytes that came."""


class Wire(asyncio.Protocol):
    """Either one coroutine reads it, or it is spliced to another one."""

    transport: asyncio.Transport

    def __init__(self, owner: Owner) -> None:
        """Be one of ``owner``'s while connected, and tell it of all bytes that come."""
        self._owner = owner
        self._held: deque[bytes] = deque()
        self._held_bytes = 0
        self._is_deaf = False
        self._peer: Wire | None = None
        self._news: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._is_lost = False
        self._error: Exception | None = None

    async def read(self) -> bytes:
        """Return all that has come, at least one byte; ``b""`` at the end.

        Raises:
            ConnectionError: The connection broke.
        """
        if not self._held:
            if not self._is_lost:
                self._news = asyncio.get_running_loop().create_future()
                await self._news
            if not self._held:
                if self._error is not None:
                    raise ConnectionResetError from self._error
                return b""
        data = self._held[0] if len(self._held) == 1 else b"".join(self._held)
        self._held.clear()
        if self._held_bytes > _HELD_MAX_BYTES:
            self.transport.resume_reading()
        self._held_bytes = 0
        return data

    async def send(self, data: bytes) -> None:
        """Write ``data``, and wait while the other side is slow to read."""
        self.transport.write(data)
        if self._writable is not None:
            await self._writable

    @property
    def has_news(self) -> bool:
        """Whether ``read`` would not wait."""
        return bool(self._held) or self._is_lost

    def flow_into(self, peer: "Wire") -> None:
        """From now on pass all that comes on to ``peer``, and end it at the end."""
        self._peer = peer
        peer.transport.writelines(self._held)
        self._held.clear()
        self.transport.resume_reading()

    def close(self) -> None:
        """Close once all is sent."""
        self.transport.close()

    def linger(self) -> None:
        """Close once all is sent and the other side has closed, or after a while.

        Who closes earlier while the other side still sends takes from it what it has
        not read yet.
        """
        self._is_deaf = True
        self._held.clear()
        self.transport.resume_reading()
        if not self.transport.is_closing():
            with suppress(OSError):  # The other side has broken off.
                self.transport.write_eof()
            asyncio.get_running_loop().call_later(_LINGER_S, self.transport.abort)

    def abort(self) -> None:
        """Break off, so that nobody takes what was sent for the whole."""
        if not self._is_lost:
            connection = self.transport.get_extra_info("socket")
            connection.setsockopt(SOL_SOCKET, SO_LINGER, _RESET_ON_CLOSE)
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)
        self._owner.wires.add(self)

    def data_received(self, data: bytes) -> None:
        """Count, and hold or pass on what came."""
        self._owner.count(len(data))
        if self._peer is not None:
            self._peer.transport.write(data)
        elif not self._is_deaf:
            self._held.append(data)
            self._held_bytes += len(data)
            if self._held_bytes > _HELD_MAX_BYTES:
                self.transport.pause_reading()
            _wake(self._news)

    def pause_writing(self) -> None:
        """Have the source wait: too much has not been sent yet."""
        if self._peer is not None:
            self._peer.transport.pause_reading()
        else:
            self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """Have the source go on."""
        if self._peer is not None:
            self._peer.transport.resume_reading()
        _wake(self._writable)
        self._writable = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody of the end; it was in good order if ``exc`` is ``None``."""
        self._is_lost = True
        self._error = exc
        self._owner.wires.discard(self)
        _wake(self._news)
        _wake(self._writable)
        if self._peer is not None:
            if exc is None:
                self._peer.close()
            else:
                self._peer.abort()


def splice(one: Wire, other: Wire) -> None:
    """Make a tunnel of both; ``read`` tells of its end, and of nothing else."""
    one.flow_into(other)
    other.flow_into(one)


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
