"""Which process a connection or a datagram came from."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

Protocol = Literal["tcp", "udp"]

_PROC = Path("/proc")
_LISTENS = "0A"
"""State of a listening socket in ``/proc/net/tcp`` (include/net/tcp_states.h)."""


def owner_of(protocol: Protocol, port: int, server_port: int) -> str:
    """Return the name of the process that sends from ``port`` to ``server_port``.

    Reliable while the sender still waits for an answer; ``"?"`` if it is gone.
    """
    for local_port, remote_port, _, inode in _sockets(protocol):
        # A socket for datagrams need not be connected to where it sends.
        if local_port == port and remote_port in {server_port, 0} and inode != "0":
            return _holder_of(inode)
    return "?"


def listened_ports() -> frozenset[int]:
    """Return the TCP ports that anything in this network listens on, at whatever address."""
    return frozenset(port for port, _, state, _ in _sockets("tcp") if state == _LISTENS)


def _sockets(protocol: Protocol) -> Iterator[tuple[int, int, str, str]]:
    """Give local port, remote port, state and inode of each socket of this network."""
    for name in (protocol, f"{protocol}6"):
        for line in (_PROC / "self" / "net" / name).read_text().splitlines()[1:]:
            _, local, remote, state, *rest = line.split()
            yield _port(local), _port(remote), state, rest[5]


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)


def _holder_of(inode: str) -> str:
    here = (_PROC / "self" / "ns" / "net").stat().st_ino
    wanted = f"socket:[{inode}]"
    for process in _PROC.iterdir():
        if not process.name.isdigit():
            continue
        with suppress(OSError):  # It may have ended.
            if (process / "ns" / "net").stat().st_ino != here:
                continue
            if any(str(each.readlink()) == wanted for each in (process / "fd").iterdir()):
                return (process / "comm").read_text().strip()
    return "?"
