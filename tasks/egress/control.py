"""The connection by which one child of a worker orders its sessions at the gate."""

import json
import select
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from farm.jobs.errors import BackendUnavailable

_ANSWER_S = 5.0
_SILENCE_S, _PROBES = 5, 3
"""After so long without a word the other side is asked whether it is there, so many times."""


@dataclass(frozen=True)
class Remote:
    """Where a gate in a container of its own takes orders, from whoever has its secret."""

    host: str
    port: int
    secret: str = field(repr=False)


Place: TypeAlias = Path | Remote
"""Where a gate takes orders: a socket of this machine's, or a port of another's."""


class Control:
    """One connection to where the gate takes orders, and with it one port of the proxy."""

    def __init__(self, place: Place) -> None:
        """Connect.

        Raises:
            OSError: Nobody is there, or does not let us in.
        """
        self._socket = _connected(place)
        self._answers = self._socket.makefile("rb")
        try:
            if isinstance(place, Remote):
                self._socket.sendall(json.dumps({"hello": place.secret}).encode() + b"\n")
            self.port = self._greeted()
            # The very one that answered: a name may have several addresses.
            there = "127.0.0.1" if isinstance(place, Path) else self._socket.getpeername()[0]
        except OSError:
            self.close()
            raise
        self.proxy = f"http://{f'[{there}]' if ':' in there else there}:{self.port}"
        """Address of the proxy."""

    @property
    def is_lost(self) -> bool:
        """Whether one side has hung up: the gate says nothing unasked."""
        if self._socket.fileno() < 0:
            return True
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))

    def order(self, name: str, **details: object) -> dict[str, Any]:
        """Return the answer to an order.

        Raises:
            BackendUnavailable: There is none.
        """
        try:
            self._socket.sendall(json.dumps({name: details}).encode() + b"\n")
            return self._answer()
        except OSError as error:
            self.close()
            raise BackendUnavailable("The gate is away.") from error

    def close(self) -> None:
        """Hang up."""
        self._answers.close()
        self._socket.close()

    def _greeted(self) -> int:
        """Return the port that we are greeted with.

        Raises:
            OSError: It is no gate that answers.
        """
        try:
            return int(self._answer()["port"])
        except (KeyError, TypeError, ValueError) as error:
            raise ConnectionRefusedError("somebody else is there") from error

    def _answer(self) -> dict[str, Any]:
        line = self._answers.readline()
        if not line.endswith(b"\n"):
            raise ConnectionResetError("the gate hung up")
        answer: dict[str, Any] = json.loads(line)
        return answer


class _Options(Protocol):
    def setsockopt(self, level: int, name: int, value: int, /) -> None: ...


def notice_its_end(connection: _Options) -> None:
    """Have a connection break within half a minute once the other machine has gone away."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
        connection.setsockopt(socket.IPPROTO_TCP, option, _SILENCE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)


def _connected(place: Place) -> socket.socket:
    if isinstance(place, Remote):
        connection = socket.create_connection((place.host, place.port), _ANSWER_S)
        notice_its_end(connection)
        return connection
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(_ANSWER_S)
    try:
        connection.connect(str(place))
    except OSError:
        connection.close()
        raise
    return connection
