"""What the gate lets through: pure rules, without a socket.

In order, the first that speaks wins: what nobody may open (metadata, link-local, the
farm's own services), the operator's `deny`, the operator's `allow`, and by default
public addresses at a few ports.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from enum import StrEnum
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_network

from tasks.egress.addresses import Address, faces, is_never_a_target, is_public, unmapped
from tasks.egress.rules import Rule, parse_allowed, parse_ports, parse_rules

DEFAULT_PORTS = "80,443,8080,8443"

_METADATA_NAMES = frozenset({"metadata.google.internal"})
_LOCAL_SUFFIXES = (
    *(".localhost", ".local", ".internal", ".intranet", ".lan", ".home.arpa"),
    ".cluster.local",
)
# The last label of what some resolvers take for an address: 127.1, 0x7f.1, 0177.0.0.1.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)


class Zone(StrEnum):
    """Where a target lies."""

    PUBLIC = "public"
    INTERNAL = "internal"
    """Open because the operator's `allow` says so, and for no other reason."""


class Policy:
    """Judges targets. Hosts are in lower case, without brackets and a final dot."""

    def __init__(
        self, allow: str = "", deny: str = "", ports: str = DEFAULT_PORTS, own: str = ""
    ) -> None:
        """Take the rules from texts; see ``tasks.egress.rules``.

        Args:
            allow: What the operator opens beyond the default. A name may lie at a
                private address then, which is not opened itself.
            deny: What the operator closes.
            ports: Those of public addresses.
            own: Hosts and ports of the farm's own services. Loopback means this machine.

        Raises:
            ValueError: One of them is wrong; the message says which entry, and why.
        """
        self._allow = parse_allowed(allow)
        self._own = tuple(_own_rules(own))
        self._deny = parse_rules(deny)
        self._ports = parse_ports(ports)

    def may_look_up(self, host: str, port: int, *, internal: bool) -> bool:
        """Return whether anybody may be asked for the addresses of the name ``host``.

        If not, the target is forbidden, and takes no longer for a name that exists.

        Args:
            host: A name, no address.
            port: Where it is to be reached.
            internal: Whether internal targets would do.
        """
        if host in _METADATA_NAMES or _NUMBER.fullmatch(host.rpartition(".")[2]):
            return False
        if any(rule.names(host, port) for rule in (*self._own, *self._deny)):
            return False
        if internal and any(rule.names(host, port) for rule in self._allow):
            return True
        if _is_local(host):
            return False
        return self._is_open(port) or (
            internal and any(rule.network and rule.covers(port) for rule in self._allow)
        )

    def zone(
        self, host: str, port: int, addresses: Iterable[Address], own: Collection[Address] = ()
    ) -> Zone | None:
        """Return where ``host`` lies, all of whose addresses are given; ``None``: forbidden.

        Args:
            host: A name that may be looked up, or an address.
            port: Where it is to be reached.
            addresses: Unmapped. One that is forbidden forbids all.
            own: Addresses of ``own_names(port)``.
        """
        zones = {self._zone_of(host, port, address, own) for address in addresses}
        if not zones or None in zones:
            return None
        return Zone.INTERNAL if Zone.INTERNAL in zones else Zone.PUBLIC

    def own_names(self, port: int) -> list[str]:
        """Return the names that the farm's own services with this port have."""
        names = [rule.name for rule in self._own if rule.covers(port)]
        return [name for name in names if name and not name.startswith("*")]

    def _zone_of(
        self, host: str, port: int, address: Address, own: Collection[Address]
    ) -> Zone | None:
        closed = (*self._own, *self._deny)
        for face in faces(address):
            if is_never_a_target(face) or face in own:
                return None
            if any(rule.has(face, port) for rule in closed):
                return None
        if is_public(address) and self._is_open(port) and not _is_local(host):
            return Zone.PUBLIC
        # This very machine is opened port by port.
        rules = [rule for rule in self._allow if rule.ports or not address.is_loopback]
        if any(rule.has(address, port) or rule.names(host, port) for rule in rules):
            return Zone.INTERNAL
        return None

    def _is_open(self, port: int) -> bool:
        return any(port in ports for ports in self._ports)


def literal(host: str) -> Address | None:
    """Return the address that ``host`` is, unmapped; ``None`` for a name.

    Nothing but the one strict spelling is an address; the other spellings that
    resolvers know are names that may not be looked up.
    """
    try:
        return unmapped(IPv6Address(host) if ":" in host else IPv4Address(host))
    except AddressValueError:
        return None


def _is_local(host: str) -> bool:
    """Return whether the name ``host`` is one of those that lie within a network."""
    return literal(host) is None and ("." not in host or host.endswith(_LOCAL_SUFFIXES))


def _own_rules(text: str) -> Iterable[Rule]:
    for rule in parse_rules(text):
        yield rule
        if rule.is_of_loopback:
            for network in ("127.0.0.0/8", "::1/128"):
                yield replace(rule, name=None, network=ip_network(network))
