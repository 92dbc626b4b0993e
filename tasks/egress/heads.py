"""Header fields, as one who stands between client and server sees them (RFC 9110, 7.6)."""

from collections.abc import Iterable

Headers = list[tuple[bytes, bytes]]
"""Names as they were spelled, and values."""

LENGTH = b"content-length"
ENCODING = b"transfer-encoding"
CHUNKED = (b"Transfer-Encoding", b"chunked")
_HOP_BY_HOP = frozenset(
    {
        *(b"connection", b"keep-alive", b"te", b"trailer", ENCODING, b"upgrade"),
        b"expect",  # the gate itself says that it waits for the body
        b"host",  # the target says it
        b"x-farm-gate",  # from elsewhere it would be a lie
    }
)


def values(headers: Headers, name: bytes) -> list[bytes]:
    """Return the members of all fields of this lower-case name, in lower case."""
    return [
        member.strip()
        for found, value in headers
        if found.lower() == name
        for member in value.lower().split(b",")
    ]


def end_to_end(headers: Headers) -> Headers:
    """Return the fields that are meant for the other end, without any about the body's frame."""
    dropped = _HOP_BY_HOP.union(values(headers, b"connection"), {LENGTH})
    return [
        field
        for field in headers
        if (name := field[0].lower()) not in dropped and not name.startswith(b"proxy-")
    ]


def written(first_line: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a head as it is sent."""
    fields = [b"%b: %b\r\n" % field for field in headers]
    return b"%b\r\n%b\r\n" % (first_line, b"".join(fields))
