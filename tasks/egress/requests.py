"""What a client asks for."""

import re
from dataclasses import dataclass

import h11

from tasks.egress.framing import Body, Chunked, Malformed, Sized
from tasks.egress.heads import CHUNKED, ENCODING, LENGTH, Headers, end_to_end, values, written
from tasks.egress.target import Target, of_connect, of_request

_MAX_BYTES = 64 * 1024
_END = b"\r\n\r\n"
# What parsers take differently: lines that end otherwise, lines that go on, control bytes.
_LOOSE = re.compile(rb"(?<!\r)\n|\r(?!\n)|\n[ \t]|[\0-\x08\x0b\x0c\x0e-\x1f\x7f]")
_VERSIONS = frozenset({b"1.0", b"1.1"})
_REPEATABLE = frozenset({b"GET", b"HEAD", b"OPTIONS"})


@dataclass(frozen=True)
class Request:
    """One request."""

    method: bytes
    target: Target
    head: bytes
    """What the server gets to read."""
    body: Body
    is_old: bool
    """Whether the client speaks HTTP/1.0, which knows no chunks."""
    stays: bool
    """Whether the client may ask for more by the same connection."""
    waits: bool
    """Whether the client sends the body only when it is told to."""

    @property
    def is_tunnel(self) -> bool:
        """Whether it is for a connection and nothing more."""
        return self.method == b"CONNECT"

    @property
    def is_repeatable(self) -> bool:
        """Whether it may be sent again if nothing came of the first time."""
        return self.body.is_over and self.method in _REPEATABLE


def head_end(data: bytes) -> int | None:
    """Return where the head ends that ``data`` begins with; ``None``: it is not all there.

    Raises:
        Malformed: It is too long, or written as no honest client writes.
    """
    found = data.find(_END)
    # Of the last end of line only half may have come.
    end = found + len(_END) if found >= 0 else len(data) - data.endswith(b"\r")
    if end > _MAX_BYTES or _LOOSE.search(data, 0, end):
        raise Malformed
    return end if found >= 0 else None


def parse(head: bytes) -> Request:
    """Return the request with this head, whose body is still to come.

    Raises:
        Malformed: It is none, or could be read in two ways.
    """
    http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_BYTES)
    http.receive_data(head)
    try:
        read = http.next_event()
        if not isinstance(read, h11.Request) or read.http_version not in _VERSIONS:
            raise Malformed
        is_tunnel = read.method == b"CONNECT"
        target = of_connect(read.target) if is_tunnel else of_request(read.target)
    except (h11.RemoteProtocolError, ValueError) as error:
        raise Malformed from error
    headers = read.headers.raw_items()
    frame, body = _body(headers)
    if is_tunnel and not body.is_over:
        raise Malformed
    line = b"%b %b HTTP/1.1" % (read.method, target.path)
    leaves = b"close" in values(headers, b"connection")
    return Request(
        method=read.method,
        target=target,
        head=written(line, [(b"Host", target.authority), *end_to_end(headers), *frame]),
        body=body,
        is_old=read.http_version == b"1.0",
        stays=read.http_version != b"1.0" and not leaves,
        waits=b"100-continue" in values(headers, b"expect"),
    )


def _body(headers: Headers) -> tuple[Headers, Body]:
    """Return the fields about the body, of which h11 has seen that they can be understood."""
    sizes, encodings = values(headers, LENGTH), values(headers, ENCODING)
    if sizes and encodings:
        raise Malformed
    if encodings:
        return [CHUNKED], Chunked(chunked=True)
    if sizes:
        return [(b"Content-Length", sizes[0])], Sized(int(sizes[0]))
    return [], Sized(0)
