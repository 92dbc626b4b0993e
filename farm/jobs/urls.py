"""The URL grammar: what may be asked for, and its one normalised spelling.

Parsers disagree about odd URLs, and each disagreement is a hole. So this grammar
is narrower than both Python's and Chromium's: what passes here means the same to
both. The normalised form is what is stored, shown and loaded.
"""

import ipaddress
import re

MAX_URL_LENGTH = 8192
"""Characters after normalising; the longest address that common servers accept."""

_PORT_MAX = 65_535
_HOST_LENGTH_MAX = 253  # RFC 1035, without the final dot

_DEFAULT_PORTS = {"http": 80, "https": 443}

# RFC 3986's characters, without those that no well-formed URL has. Fragments are
# kept: a single-page app shows another page for another fragment.
_URL = re.compile(
    r"""
    (?P<scheme>https?)://
    (?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)
    (?::(?P<port>[0-9]{0,5}))?
    (?P<rest>(?:[/?\#][!\#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]*)?)
    """,
    # ASCII: else the letters that fold to an ASCII one would pass for it.
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE | re.ASCII)
# The last label of a host that is meant as a number (WHATWG URL, "ends in a number").
_NUMBER = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)", re.IGNORECASE | re.ASCII)


def normalise_url(url: str) -> str:
    """Return the one spelling of ``url`` that the farm stores and loads.

    Scheme and host come back in lower case, a default port is dropped, an empty
    path becomes ``/``.

    Raises:
        ValueError: ``url`` is not an absolute http or https URL that every parser
            reads alike. The message says what is wrong with it.
    """
    if "://" not in url or url.split("://", 1)[0].lower() not in _DEFAULT_PORTS:
        raise ValueError("must start with http:// or https://")
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError(_why_refused(url))
    scheme = match["scheme"].lower()
    host = _normalise_host(match["host"].lower())
    port = _parse_port(match["port"])
    rest = match["rest"]
    netloc = host if port in (None, _DEFAULT_PORTS[scheme]) else f"{host}:{port}"
    path = rest if rest.startswith("/") else f"/{rest}"
    normalised = f"{scheme}://{netloc}{path}"
    if len(normalised) > MAX_URL_LENGTH:
        raise ValueError(f"longer than {MAX_URL_LENGTH} characters")
    return normalised


def _why_refused(url: str) -> str:
    authority = re.split(r"[/?#]", url.split("://", 1)[1], maxsplit=1)[0]
    if not authority:
        return "has no host"
    if "@" in authority:
        return "must not carry a user name or password"
    if not url.isascii():
        return "must be ASCII: percent-encode the path, write the host name in its xn-- form"
    return "has a character or a host that no valid URL has"


def _parse_port(port: str | None) -> int | None:
    if not port:
        return None
    if not 1 <= int(port) <= _PORT_MAX:
        raise ValueError(f"the port must be from 1 to {_PORT_MAX}")
    return int(port)


def _normalise_host(host: str) -> str:
    if host.startswith("["):
        return f"[{ipaddress.IPv6Address(host[1:-1]).compressed}]"
    name = host.removesuffix(".")
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return str(ipaddress.IPv4Address(name))
    if len(name) > _HOST_LENGTH_MAX or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("has a host name that no valid URL has")
    return host
