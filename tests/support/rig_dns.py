"""The name server of the rig: a table of names, and a log of who asked for what."""

import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from tests.support.rig_owners import owner_of

Addresses = Sequence[str] | Callable[[int], Sequence[str]]
"""What a name stands for; a function is given how often it was asked before."""

_PORT = 53
_TYPES: Mapping[int, str] = {1: "A", 28: "AAAA", 65: "HTTPS"}
_VERSIONS = {4: 1, 6: 28}
"""The type of record for an address of that version."""
_ANSWER, _NO_SUCH_NAME = 0x8180, 0x8183  # RFC 1035, 4.1.1: response, recursion on both sides


@dataclass(frozen=True)
class Query:
    """One question."""

    name: str
    type: str
    owner: str
    """Name of the process that asked."""


class NameServer:
    """Answers from ``table`` with a TTL of 0; NXDOMAIN for what is not in it.

    A name of the table stands for the names below it too: each of them is counted by
    itself, so a test can have a fresh one.
    """

    def __init__(self, address: str, table: Mapping[str, Addresses]) -> None:
        self.queries: list[Query] = []
        self._table = table
        self._asked: Counter[tuple[str, int]] = Counter()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, _PORT))
        threading.Thread(target=self._serve, name="dns", daemon=True).start()

    def _serve(self) -> None:
        while True:
            packet, client = self._socket.recvfrom(4096)
            self._socket.sendto(self._answer(packet, client[1]), client)

    def _answer(self, packet: bytes, port: int) -> bytes:
        labels, end = [], 12
        while length := packet[end]:
            labels.append(packet[end + 1 : end + 1 + length].decode("ascii", "replace"))
            end += 1 + length
        name = ".".join(labels).lower()
        (kind,) = struct.unpack_from(">H", packet, end + 1)
        # Whoever asked waits for the answer, so its socket is still there.
        owner = owner_of("udp", port, _PORT)
        self.queries.append(Query(name, _TYPES.get(kind, str(kind)), owner))
        found = self._look_up(name, kind)
        records = [
            b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(each.packed)) + each.packed
            for each in map(ip_address, found or ())
            if _VERSIONS[each.version] == kind
        ]
        code = _NO_SUCH_NAME if found is None else _ANSWER
        head = packet[:2] + struct.pack(">HHHHH", code, 1, len(records), 0, 0)
        return head + packet[12 : end + 5] + b"".join(records)

    def _look_up(self, name: str, kind: int) -> Sequence[str] | None:
        labels = name.split(".")
        for at in range(len(labels)):
            if (entry := self._table.get(".".join(labels[at:]))) is not None:
                before = self._asked[name, kind]
                self._asked[name, kind] += 1
                return entry(before) if callable(entry) else entry
        return None
