"""The grammar of the operator's rules: which hosts, and which of their ports.

``10.20.0.0/16``, ``10.20.0.0/16:443``, ``grafana.corp.example:3000-3010``,
``*.wiki.corp.example``, ``fd00:1::/32``, ``[fd00:1::/32]:443``; commas between them.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv6Network, ip_network

from tasks.egress.addresses import Address, Network

_RULE = re.compile(
    r"""
    (?: \[ (?P<six> [0-9a-f:./]+ ) \] | (?P<host> [^\[\]:]+ ) )
    (?: : (?P<ports> [0-9-]+ ) )?
    """,
    re.VERBOSE | re.ASCII,
)
_NAME = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?", re.ASCII)
_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", re.ASCII)
_PORT_MAX = 65_535
_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


@dataclass(frozen=True)
class Rule:
    """One entry: a network or a name, and ports of it."""

    text: str
    network: Network | None = None
    name: str | None = None
    """In lower case; ``*.corp.example`` stands for all below ``corp.example``."""
    ports: range | None = None
    """``None``: all."""

    def covers(self, port: int) -> bool:
        """Return whether the rule is about ``port``, of whatever host."""
        return self.ports is None or port in self.ports

    def names(self, host: str, port: int) -> bool:
        """Return whether the rule has this name, which is in lower case without a final dot."""
        if self.name is None or not self.covers(port):
            return False
        if self.name.startswith("*"):
            return host.endswith(self.name[1:])
        return host == self.name

    def has(self, address: Address, port: int) -> bool:
        """Return whether the rule's network has ``address``."""
        return self.network is not None and address in self.network and self.covers(port)

    @property
    def is_of_loopback(self) -> bool:
        """Whether the rule means this very machine."""
        if self.network is not None:
            return any(
                self.network.version == each.version and self.network.overlaps(each)
                for each in _LOOPBACK
            )
        return self.name is not None and f".{self.name}".endswith(".localhost")


def parse_rules(text: str) -> tuple[Rule, ...]:
    """Return the rules in ``text``, of which there may be none.

    Raises:
        ValueError: The message names the first entry that is none, and says why.
    """
    entries = [entry.strip().lower() for entry in text.split(",")]
    return tuple(_parse_rule(entry) for entry in entries if entry)


def parse_allowed(text: str) -> tuple[Rule, ...]:
    """Return the rules in ``text``, which open something and so must be narrow.

    Raises:
        ValueError: As above, or an entry opens everything, or this very machine.
    """
    rules = parse_rules(text)
    for rule in rules:
        if rule.network is not None and rule.network.prefixlen == 0:
            raise ValueError(f"{rule.text!r} would open every address; name smaller networks")
        if rule.is_of_loopback and rule.ports is None:
            raise ValueError(f"{rule.text!r} is this machine itself; name a port: {rule.text}:3000")
    return rules


def parse_ports(text: str) -> tuple[range, ...]:
    """Return the ports in ``text``: numbers and ranges with commas between them.

    Raises:
        ValueError: There is none, or one that is no port.
    """
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    if not entries:
        raise ValueError("must name a port, such as 80,443")
    return tuple(_ports(entry, entry) for entry in entries)


def _parse_rule(text: str) -> Rule:
    if text.count(":") > 1 and not text.startswith("["):
        return Rule(text, network=_network(text, text))
    match = _RULE.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{text!r} is neither a network nor a host, each with a port or without: "
            "10.20.0.0/16:443, wiki.example, *.wiki.example:8000-8010, [fd00:1::/32]:443"
        )
    ports = _ports(match["ports"], text) if match["ports"] else None
    host = match["six"] or match["host"]
    if match["six"] or re.fullmatch(r"[0-9./]+", host):
        return Rule(text, network=_network(host, text), ports=ports)
    if not _NAME.fullmatch(host) or ".." in host:
        raise ValueError(f"{text!r} does not name a host; *.wiki.example is all below one")
    return Rule(text, name=host, ports=ports)


def _network(network: str, text: str) -> Network:
    try:
        found = ip_network(network)
    except ValueError as error:
        raise ValueError(f"{text!r} is no network: {error}") from None
    if isinstance(found, IPv6Network) and found[0].ipv4_mapped:
        raise ValueError(f"{text!r} is a network of IPv4; write it as one")
    return found


def _ports(ports: str, text: str) -> range:
    match = _PORTS.fullmatch(ports)
    if match is None:
        raise ValueError(f"{text!r} is no port")
    first, last = int(match[1]), int(match[2] or match[1])
    if not 1 <= first <= last <= _PORT_MAX:
        raise ValueError(f"{text!r}: ports go from 1 to {_PORT_MAX}, the lower one first")
    return range(first, last + 1)
