"""The grammar of what a client may ask the gate for: narrower than any parser behind it."""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address

_HOST = rb"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?)"
_PORT = rb"[0-9]{1,5}"
_CONNECT = re.compile(_HOST + rb":(?P<port>" + _PORT + rb")", re.IGNORECASE)
# The rest goes to a server as it came. Browsers do not encode all of it, and none of it
# is read here; but it cannot end the line, or belong to the host.
_ABSOLUTE = re.compile(
    rb"http://(?P<authority>" + _HOST + rb"(?::(?P<port>" + _PORT + rb"))?)(?P<rest>[/?][!-~]*)?",
    re.IGNORECASE,
)
_OF_URL = re.compile(
    rb"(?P<scheme>https?)://" + _HOST + rb"(?::(?P<port>" + _PORT + rb"))?(?:[/?#].*)?",
    re.IGNORECASE,
)
_HOST_MAX = 254
_PORT_MAX = 65_535


@dataclass(frozen=True)
class Target:
    """Where a request is to go."""

    host: str
    """In lower case, without brackets and a final dot."""
    port: int
    authority: bytes = b""
    """As the client wrote it, for the ``Host`` header."""
    path: bytes = b""
    """With the query: what is asked of the server."""


def of_connect(target: bytes) -> Target:
    """Return where ``CONNECT target`` leads.

    Raises:
        ValueError: It is not ``host:port``.
    """
    match = _CONNECT.fullmatch(target)
    if match is None:
        raise ValueError("not host:port")
    return Target(_host(match["host"]), _port(match["port"]))


def of_request(target: bytes) -> Target:
    """Return where a request for ``target`` leads.

    Raises:
        ValueError: It is not an absolute ``http`` address.
    """
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        raise ValueError("not an absolute http address")
    rest = match["rest"] or b"/"
    path = rest if rest.startswith(b"/") else b"/" + rest
    port = _port(match["port"] or b"80")
    return Target(_host(match["host"]), port, match["authority"].lower(), path)


def of_url(url: str) -> tuple[str, int]:
    """Return host and port of a URL that the farm has normalised.

    Raises:
        ValueError: It is none.
    """
    match = _OF_URL.fullmatch(url.encode())
    if match is None:
        raise ValueError("not an absolute http or https address")
    default = b"443" if match["scheme"].lower() == b"https" else b"80"
    return _host(match["host"]), _port(match["port"] or default)


def _host(text: bytes) -> str:
    host = text.decode("ascii").lower()
    if host.startswith("["):
        try:
            return IPv6Address(host[1:-1]).compressed
        except AddressValueError:
            raise ValueError("no address in the brackets") from None
    if len(host) > _HOST_MAX:
        raise ValueError("too long for a host")
    return host.removesuffix(".")


def _port(text: bytes) -> int:
    port = int(text)
    if not 1 <= port <= _PORT_MAX:
        raise ValueError("no such port")
    return port
