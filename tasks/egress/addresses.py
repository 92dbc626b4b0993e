"""Which addresses are public, by a table of our own.

``ipaddress`` has a table too, but its ``is_global`` differs between releases of Python,
and takes the metadata service of two clouds and all of multicast for public.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_NOT_PUBLIC = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",  # carriers' NAT
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",  # of protocols; Oracle's metadata among them
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",
            "240.0.0.0/4",
            "168.63.129.16/32",  # Azure's wire server
            "2001::/23",  # of protocols; Teredo among them
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4
            "3fff::/20",  # documentation
        ),
    )
)
_PUBLIC_SIX = IPv6Network("2000::/3")
"""All of IPv6 that is handed out. Outside lie NAT64, the mapped, the local, multicast."""

_NEVER = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",  # Linux takes it for loopback
            "169.254.0.0/16",  # link-local, and the metadata of most clouds
            "168.63.129.16/32",  # Azure's
            "192.0.0.192/32",  # Oracle's
            "100.100.100.200/32",  # Alibaba's
            "224.0.0.0/4",
            "240.0.0.0/4",
            "::/128",
            "fe80::/10",
            "fd00:ec2::254/128",  # Amazon's
            "ff00::/8",
        ),
    )
)
_LAST_FOUR = tuple(map(IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "::/96")))
"""NAT64, and the first transition of all: the last four bytes are an IPv4 address."""


def unmapped(address: Address) -> Address:
    """Return ``address``, or the IPv4 one that it is in the clothes of IPv6."""
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def is_public(address: Address) -> bool:
    """Return whether ``address``, which must be unmapped, belongs to the open internet."""
    if isinstance(address, IPv6Address) and address not in _PUBLIC_SIX:
        return False
    return not any(address in network for network in _NOT_PUBLIC)


def is_never_a_target(address: Address) -> bool:
    """Return whether no operator may open ``address``: metadata, link-local, nobody's."""
    return any(address in network for network in _NEVER)


def faces(address: Address) -> Iterator[Address]:
    """Yield ``address`` and every IPv4 address that a translator may make of it."""
    yield address
    if isinstance(address, IPv6Address):
        if address.sixtofour:
            yield address.sixtofour
        if address.teredo:
            yield from address.teredo
        if any(address in network for network in _LAST_FOUR) and not address.is_loopback:
            yield IPv4Address(int(address) & 0xFFFF_FFFF)
