"""The rig: a network in which each address is ours, and everyone who can tell of a leak."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from tests.support.certificates import make_certificate
from tests.support.rig_dns import Addresses, NameServer
from tests.support.rig_namespace import NAME_SERVER, enter_own_network
from tests.support.rig_origins import PLAIN_PORTS, TLS_PORTS, Hit, Origins
from tests.support.rig_owners import listened_ports
from tests.support.rig_sniffer import Packet, Sniffer

PUBLIC_ADDRESS = "93.184.216.34"
PUBLIC_ADDRESS_6 = "2606:2800:220:1:248:1893:25c8:1946"
INSIDE = "10.0.0.5"
METADATA = "169.254.169.254"

NAMES: Mapping[str, Addresses] = {
    "localhost": ("127.0.0.1", "::1"),
    "public.test": (PUBLIC_ADDRESS,),
    "other.test": ("93.184.216.35",),
    "dual.test": (PUBLIC_ADDRESS, PUBLIC_ADDRESS_6),
    "six.test": (PUBLIC_ADDRESS_6,),
    "redirect.test": (PUBLIC_ADDRESS,),
    "inside.test": (INSIDE,),
    "mixed.test": (PUBLIC_ADDRESS, INSIDE),
    "mixed6.test": (PUBLIC_ADDRESS, "fd00:ec2::254"),
    # The first who asks is told the truth.
    "rebind.test": lambda before: (PUBLIC_ADDRESS,) if before % 2 == 0 else (INSIDE,),
    "leak.test": (PUBLIC_ADDRESS,),
    "metadata.google.internal": (METADATA,),
}
PUBLIC = frozenset({PUBLIC_ADDRESS, PUBLIC_ADDRESS_6, "93.184.216.35"})
"""The only addresses of the table that may be reached."""

# What `tests/egress/pages/vectors.html` tries beside what is loaded over HTTP.
CONNECTIONS = {
    "tcp 10.0.0.5:80",
    "tcp 10.0.0.5:8088",
    "tcp 10.0.0.5:8443",
    "tcp 10.0.0.6:3478",
    "tcp 10.0.0.6:5349",
    "tcp 10.8.8.9:8889",
    "tcp 127.0.0.1:6379",
    "tcp 127.0.0.1:8088",
    "tcp 169.254.169.254:80",
    "tcp ::1:8443",
    "tcp fd00:ec2::254:80",
}
DATAGRAMS = {
    "udp 10.0.0.5:3478",
    "udp 10.0.0.6:3478",
    "udp 10.8.8.8:8888",
    "udp 127.0.0.1:3479",
    "udp 127.0.0.1:8888",
    "udp 224.0.0.251:5353",
}
LOOKED_UP = {"stun.leak.test", "turn.leak.test", "ice.leak.test"}

_WEB = frozenset({*PLAIN_PORTS, *TLS_PORTS})
_BROWSERS = ("chrom", "headless", "ffprobe", "ffmpeg", "node")
"""How the names of those begin that must not speak but to the gate."""


@dataclass
class Watch:
    """What has happened since its making."""

    rig: "Rig"
    _packet: int = field(init=False)
    _hit: int = field(init=False)
    _query: int = field(init=False)

    def __post_init__(self) -> None:
        self._packet = self.rig.sniffer.mark()
        self._hit = len(self.rig.origins.hits)
        self._query = len(self.rig.names.queries)

    def packets(self) -> Sequence[Packet]:
        """Return every first packet of a connection and every datagram so far."""
        return self.rig.sniffer.since(self._packet)

    def sent(self) -> set[str]:
        """Return where the packets go: ``udp 10.0.0.5:3478``."""
        return {str(each) for each in self.packets()}

    def hits(self) -> Sequence[Hit]:
        return tuple(self.rig.origins.hits[self._hit :])

    def paths(self) -> set[str]:
        """Return what was asked for, without query."""
        return {hit.path.partition("?")[0] for hit in self.hits() if hit.path}

    def asked(self) -> set[str]:
        """Return the names that were looked up."""
        return {query.name for query in self.rig.names.queries[self._query :]}

    def asked_by_browsers(self) -> set[str]:
        """Return the names that were looked up by one of those that ask the gate instead."""
        queries = self.rig.names.queries[self._query :]
        return {each.name for each in queries if each.owner.startswith(_BROWSERS)}

    def leaks(self, *allowed: tuple[str, int], rest_s: float = 0.1) -> set[str]:
        """Return what has leaked once nothing was sent for ``rest_s``; see ``leaks_so_far``.

        By default enough where the pages that might send something are closed.
        """
        self.rig.sniffer.wait_for_rest(rest_s)
        return self.leaks_so_far(*allowed)

    def leaks_so_far(self, *allowed: tuple[str, int]) -> set[str]:
        """Return what has left, or has tried to, other than by the gate.

        Fine are a connection to what listens on loopback and is none of the rig's web
        servers (the gate itself, Redis), a question to the name server, and a connection
        to a public address or an ``allowed`` pair of address and port, all that unless it
        is by a browser or an ffprobe.
        """
        control = listened_ports() - _WEB
        found = {str(each) for each in self.packets() if not _is_fine(each, control, allowed)}
        found |= {
            f"{hit.owner} -> {hit.address}:{hit.port}"
            for hit in self.hits()
            if hit.owner.startswith(_BROWSERS)
        }
        return found | {f"browser asks for {name}" for name in self.asked_by_browsers()}


@dataclass(frozen=True)
class Rig:
    """All of it."""

    names: NameServer
    origins: Origins
    sniffer: Sniffer

    def watch(self) -> Watch:
        """Return what happens from now on."""
        return Watch(self)


def build_rig(folder: Path) -> Rig:
    """Put this process into a network of its own, for good, and people it.

    Raises:
        NoNamespace: This process may not have one.
    """
    certificate = make_certificate(folder, "self-signed")
    enter_own_network(folder)
    # From here on threads may be started: all of them, and all processes, are inside.
    return Rig(NameServer(NAME_SERVER, NAMES), Origins(certificate), Sniffer())


def _is_fine(packet: Packet, control: frozenset[int], allowed: Sequence[tuple[str, int]]) -> bool:
    if packet.protocol == "udp":
        return packet.address == NAME_SERVER and 53 in {packet.source_port, packet.port}
    if (packet.address, packet.port) in allowed:
        return True
    if ip_address(packet.address).is_loopback:
        return packet.port in control
    return packet.address in PUBLIC and packet.port in _WEB
