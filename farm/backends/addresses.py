"""Where the servers of an address are."""

from urllib.parse import SplitResult, urlsplit

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


def places(address: str) -> list[str]:
    """Return each server as ``host:port``; nothing of one that is a file."""
    sentinels = Sentinels.of(address)
    if sentinels is not None:
        return [f"{host}:{port}" for host, port in sentinels.hosts]
    url = urlsplit(address)
    return [f"{_host(url)}:{url.port or _PORTS[url.scheme]}"] if url.hostname else []


def _host(url: SplitResult) -> str:
    return f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname or ""
