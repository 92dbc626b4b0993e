"""Where a farm is and how it is asked: what both clients make of address, key and variables."""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import httpx

from farm.client.calls import Call
from farm.client.errors import Misconfigured

DEFAULT_URL = "http://127.0.0.1:8000"

_CONNECT_TIMEOUT_MAX_S = 5.0


@dataclass(frozen=True)
class Address:
    """One farm, and what goes with each request to it."""

    url: httpx.URL
    headers: Mapping[str, str]
    timeout_s: float
    key_in_clear: bool
    """Whether the key crosses a network unencrypted."""

    @classmethod
    def of(cls, url: str | None, key: str | None, timeout_s: float) -> Self:
        """Return the farm at ``url``; ``None`` for either means the variable of that name.

        Raises:
            Misconfigured: Address or key cannot be used.
        """
        environment = os.environ  # noqa: TID251 — the client's two variables are read here alone
        found = _checked_url(url or environment.get("FARM_URL") or DEFAULT_URL)
        key = (environment.get("FARM_KEY") if key is None else key) or None
        headers = {"User-Agent": "renderfarm-client"}
        if key is not None:
            headers["Authorization"] = f"Bearer {_checked_key(key)}"
        in_clear = key is not None and found.scheme == "http" and not _is_near(found)
        return cls(found, headers, timeout_s, in_clear)

    @property
    def heeds_proxies(self) -> bool:
        """Whether proxy variables count: a company's knows nothing of a farm on this machine."""
        return not _is_near(self.url)

    def timeout_of(self, call: Call) -> httpx.Timeout:
        """Return how long each part of ``call`` may take."""
        connect_s = min(self.timeout_s, _CONNECT_TIMEOUT_MAX_S)
        return httpx.Timeout(self.timeout_s + call.wait_s, connect=connect_s)

    def __str__(self) -> str:
        return str(self.url).rstrip("/")


def _checked_url(url: str) -> httpx.URL:
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise Misconfigured(f"The farm's address is not a URL: {error}.") from error
    if address.scheme not in ("http", "https") or not address.host:
        raise Misconfigured(
            f"The farm's address must be like http://127.0.0.1:8000, which {url!r} is not."
        )
    if address.userinfo or address.query or address.fragment:
        raise Misconfigured("The farm's address must have no user name, query or fragment.")
    return address


def _checked_key(key: str) -> str:
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise Misconfigured("The farm's key has a character that no key has; was it copied whole?")
    return key


def _is_near(address: httpx.URL) -> bool:
    if address.host == "localhost" or address.host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(address.host).is_loopback
    except ValueError:
        return False
