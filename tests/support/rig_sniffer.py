"""Every connection that is tried and every datagram that is sent in this network."""

import socket
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from tests.support.rig_owners import Protocol
from tests.support.waiting import until

_ALL_PROTOCOLS = 0x0003  # ETH_P_ALL
_IPV4, _IPV6 = 0x0800, 0x86DD
_OUTGOING = 4  # PACKET_OUTGOING; on loopback each packet is seen coming in, too
_PROTOCOLS: dict[int, Protocol] = {6: "tcp", 17: "udp"}
_SYN, _ACK = 0x02, 0x10
_HEAD_BYTES = 128
_STATISTICS = 6  # PACKET_STATISTICS
_SOL_PACKET = 263
_BUFFER_BYTES = 64 << 20
_MARKER = ("192.0.2.9", 9)
"""Where the sniffer's own datagrams go. Once it has seen one, it has seen all before it."""


@dataclass(frozen=True)
class Packet:
    """The first packet of a connection, or a datagram."""

    protocol: Protocol
    source_port: int
    address: str
    """Where it goes."""
    port: int

    def __str__(self) -> str:
        return f"{self.protocol} {self.address}:{self.port}"


class Sniffer:
    """Records from its making on, on all interfaces."""

    def __init__(self) -> None:
        self._packets: list[Packet] = []
        self._last_at = time.monotonic()
        self._marker_seen = threading.Event()
        self._marker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_PROTOCOLS))
        raw.setsockopt(socket.SOL_SOCKET, 33, _BUFFER_BYTES)  # SO_RCVBUFFORCE
        self._socket = raw
        threading.Thread(target=self._listen, name="sniffer", daemon=True).start()

    def mark(self) -> int:
        """Return a point in time for ``since``."""
        self._catch_up()
        return len(self._packets)

    def since(self, mark: int) -> Sequence[Packet]:
        """Return the packets since ``mark``. None was missed."""
        self._catch_up()
        lost = struct.unpack("II", self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 8))[1]
        assert lost == 0, f"the sniffer was too slow for {lost} packets"
        return tuple(self._packets[mark:])

    def wait_for_rest(self, rest_s: float) -> None:
        """Return once nothing was sent for ``rest_s`` seconds."""
        began = time.monotonic()

        def rests() -> bool:
            self._catch_up()
            return time.monotonic() - max(began, self._last_at) > rest_s

        until(rests, f"nothing is sent for {rest_s:g} s")

    def _catch_up(self) -> None:
        self._marker_seen.clear()
        self._marker.sendto(b"", _MARKER)
        assert self._marker_seen.wait(20), "the sniffer does not catch up"

    def _listen(self) -> None:
        while True:
            head, (_, kind, direction, *_) = self._socket.recvfrom(_HEAD_BYTES)
            found = _parsed(kind, head) if direction == _OUTGOING else None
            if found is None:
                continue
            if (found.address, found.port) == _MARKER:
                self._marker_seen.set()
                continue
            self._packets.append(found)
            self._last_at = time.monotonic()


def _parsed(kind: int, head: bytes) -> Packet | None:
    """Return what ``head``, from the network layer on, is the head of, if that matters."""
    if kind == _IPV4:
        number, at, address = head[9], (head[0] & 15) * 4, head[16:20]
    elif kind == _IPV6:
        # Extension headers do not come before the transport's in what is sent here.
        number, at, address = head[6], 40, head[24:40]
    else:
        return None
    protocol = _PROTOCOLS.get(number)
    is_later = protocol == "tcp" and head[at + 13] & (_SYN | _ACK) != _SYN
    if protocol is None or is_later:
        return None
    source_port, port = struct.unpack_from(">HH", head, at)
    return Packet(protocol, source_port, str(ip_address(address)), port)
