"""What a server answers, on its way to the client."""

import re
from collections.abc import Iterator, Sequence

from tasks.egress.framing import Body, Chunked, Malformed, Sized, Unsized
from tasks.egress.heads import CHUNKED, ENCODING, LENGTH, Headers, end_to_end, values, written
from tasks.egress.requests import Request

_HEAD_MAX_BYTES = 256 * 1024
"""Chromium takes as much."""
_HEAD_END = re.compile(rb"\n\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) +([1-9][0-9]{2})(?: ([^\r\0]*))?")
_FIELD_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_SIZE = re.compile(rb"[0-9]{1,18}")

_FINAL = 200
_WITHOUT_BODY = frozenset({204, 304})
_NO_ANSWERS = frozenset({101, 407})
"""Of a protocol that nobody asked for, and of a proxy, for which a browser would take us."""


class Answer:
    """The answer to one request: takes what the server sends, gives what the client gets.

    It is as lenient as browsers are where that can do no harm: fields that it does not
    understand it leaves out.
    """

    def __init__(self, request: Request) -> None:
        """Wait for the answer to ``request``."""
        self._request = request
        self._head = bytearray()
        """As far as it has come."""
        self._body: Body | None = None
        self._server_stays = False
        self.client_stays = False
        """Whether the client has been told that it may ask for more."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more belongs to it."""
        return self._body is not None and self._body.is_over

    @property
    def server_stays(self) -> bool:
        """Whether the server, which has said all, can be asked for more."""
        return self._server_stays and self._body is not None and not self._body.surplus

    def take(self, data: bytes) -> bytes:
        """Return what the client gets for ``data``; nothing before the head is whole.

        Raises:
            Malformed: It is no answer, or its end cannot be told.
        """
        if self._body is not None:
            return self._body.take(data)
        start = max(0, len(self._head) - 2)  # The end may have come by half.
        self._head += data
        while end := _HEAD_END.search(self._head, start):
            head = bytes(self._head[: end.start()])
            del self._head[: end.end()]
            start = 0
            if begun := self._begin(head):
                out, self._body = begun
                return out + self._body.take(bytes(self._head))
        if len(self._head) > _HEAD_MAX_BYTES:
            raise Malformed
        return b""

    def end(self) -> bytes:
        """Return what the client gets because the server has closed.

        Raises:
            Malformed: The answer is not whole.
        """
        if self._body is None:
            raise Malformed
        return self._body.end()

    def _begin(self, head: bytes) -> tuple[bytes, Body] | None:
        """Return the head for the client and the body; ``None``: another head is to come."""
        lines = _FOLD.sub(b" ", head).split(b"\n")
        status = _STATUS_LINE.fullmatch(lines[0].rstrip(b"\r"))
        if status is None or int(status[2]) in _NO_ANSWERS:
            raise Malformed
        if int(status[2]) < _FINAL:
            return None
        headers = list(_fields(lines[1:]))
        frame, body = self._frame(int(status[2]), headers)
        self._server_stays = status[1] == b"1" and b"close" not in values(headers, b"connection")
        self.client_stays = self._request.stays and self._request.body.is_over
        if not self.client_stays:
            frame = [*frame, (b"Connection", b"close")]
        line = b"HTTP/1.1 %b %b" % (status[2], status[3] or b"")
        return written(line, [*end_to_end(headers), *frame]), body

    def _frame(self, status: int, headers: Headers) -> tuple[Headers, Body]:
        """Return the fields about the body, and the body (RFC 9112, 6.3)."""
        sizes, encodings = set(values(headers, LENGTH)), values(headers, ENCODING)
        chunked = not self._request.is_old
        if encodings and encodings != [b"chunked"]:
            raise Malformed
        if len(sizes) > 1 or not all(_SIZE.fullmatch(size) for size in sizes):
            raise Malformed
        sized = [(b"Content-Length", size) for size in sizes if not encodings]
        if self._request.method == b"HEAD" or status in _WITHOUT_BODY:
            return sized, Sized(0)
        if sized:
            return sized, Sized(int(sized[0][1]))
        body = Chunked(chunked=chunked) if encodings else Unsized(chunked=chunked)
        return [CHUNKED] if chunked else [], body


def _fields(lines: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    for line in lines:
        name, colon, value = line.partition(b":")
        value = value.strip(b" \t\r")
        if colon and _FIELD_NAME.fullmatch(name) and b"\r" not in value and b"\0" not in value:
            yield name, value
