"""What the address of a server says: whether it is one, where that is, who gets in."""

from ipaddress import ip_address
from typing import Annotated
from urllib.parse import SplitResult, parse_qs, urlsplit

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from farm.backends.sentinels import Sentinels

_PORTS = {
    "redis": 6379,
    "rediss": 6379,
    "amqp": 5672,
    "amqps": 5671,
    "http": 80,
    "https": 443,
}
"""Where a server is whose address does not say it."""


def _check_sentinels(url: str) -> str:
    try:
        Sentinels.of(url)
    except ValueError as error:
        raise PydanticCustomError("sentinels", "{why}", {"why": str(error)}) from None
    return url


RedisUrl = Annotated[
    str, Field(pattern=r"^(redis|rediss|unix|sentinel)://"), AfterValidator(_check_sentinels)
]
"""Address of a Redis, or of the Sentinels that know it."""


def places(address: str) -> list[str]:
    """Return each server as ``host:port``; nothing of one that is a file."""
    sentinels = Sentinels.of(address)
    if sentinels is not None:
        return [f"{host}:{port}" for host, port in sentinels.hosts]
    url = urlsplit(address)
    return [f"{_host(url)}:{url.port or _PORTS[url.scheme]}"] if url.hostname else []


def _host(url: SplitResult) -> str:
    return f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname or ""


def is_open_to_others(redis_url: str) -> bool:
    """Return whether the address has no password, and is not this machine's."""
    sentinels = Sentinels.of(redis_url)
    if sentinels is not None:
        return sentinels.password is None and not all(_is_here(host) for host, _ in sentinels.hosts)
    url = urlsplit(redis_url)
    if url.scheme == "unix" or url.password or "password" in parse_qs(url.query):
        return False
    return not _is_here(url.hostname or "localhost")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
