"""How far a body goes (RFC 9112, 6.3), in requests and in answers."""

import re
from typing import Protocol

_LINE_END = b"\r\n"
_SIZE = rb"(?P<size>[0-9a-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n"
_FIRST_SIZE = re.compile(_SIZE, re.IGNORECASE)
_NEXT_SIZE = re.compile(_LINE_END + _SIZE, re.IGNORECASE)
_TRAILERS = re.compile(rb"(?:[^\r\n]+\r\n)*\r\n")
_LINES_MAX_BYTES = 16 * 1024
"""Of a chunk's size with its extensions, and of all trailers."""
_LAST_CHUNK = b"0\r\n\r\n"


class Malformed(Exception):
    """A message that breaks off, or whose end nobody can tell."""


class Body(Protocol):
    """A body on its way from one side to the other."""

    is_over: bool
    surplus: bytes
    """What came behind its end."""

    def take(self, data: bytes) -> bytes:
        """Return what is to be sent on for ``data``.

        Raises:
            Malformed: It is no part of such a body.
        """

    def end(self) -> bytes:
        """Return what is to be sent on when the connection ends.

        Raises:
            Malformed: The body has not ended.
        """


class Sized:
    """A body of known size; 0 if there is none."""

    def __init__(self, size_bytes: int) -> None:
        """Expect so much."""
        self._left_bytes = size_bytes
        self.is_over = size_bytes == 0
        self.surplus = b""

    def take(self, data: bytes) -> bytes:
        """See ``Body``."""
        if len(data) >= self._left_bytes:
            self.is_over = True
            self.surplus = data[self._left_bytes :]
            data = data[: self._left_bytes]
        self._left_bytes -= len(data)
        return data

    def end(self) -> bytes:
        """See ``Body``."""
        raise Malformed


class Unsized:
    """A body that goes on until the connection ends; only an answer has such a one."""

    surplus = b""

    def __init__(self, *, chunked: bool) -> None:
        """Send it on in chunks, so that its end can be told, or as it is."""
        self._chunked = chunked
        self.is_over = False

    def take(self, data: bytes) -> bytes:
        """See ``Body``."""
        return _chunk(data) if self._chunked else data

    def end(self) -> bytes:
        """See ``Body``."""
        self.is_over = True
        return _LAST_CHUNK if self._chunked else b""


class Chunked:
    """A body in chunks. Those that go on have sizes of the gate's own; trailers are dropped."""

    def __init__(self, *, chunked: bool) -> None:
        """Send it on in chunks again, or as it is."""
        self._chunked = chunked
        self._expected = _FIRST_SIZE
        self._held = b""
        """Of what is expected, a part."""
        self._left_bytes = 0
        """Of the present chunk."""
        self.is_over = False
        self.surplus = b""

    def take(self, data: bytes) -> bytes:
        """See ``Body``."""
        data, at = self._held + data, 0
        pieces: list[bytes] = []
        while at < len(data) and not self.is_over:
            if self._left_bytes:
                pieces.append(data[at : at + self._left_bytes])
                at += len(pieces[-1])
                self._left_bytes -= len(pieces[-1])
            elif match := self._expected.match(data, at):
                at = match.end()
                self._expect(int(match["size"], 16) if match.re is not _TRAILERS else None)
            else:
                break
        self._held, self.surplus = (b"", data[at:]) if self.is_over else (data[at:], b"")
        if len(self._held) > _LINES_MAX_BYTES or (
            self._expected is not _TRAILERS and b"\n" in self._held[len(_LINE_END) :]
        ):
            raise Malformed
        whole = b"".join(pieces)
        if not self._chunked:
            return whole
        return _chunk(whole) + (_LAST_CHUNK if self.is_over else b"")

    def end(self) -> bytes:
        """See ``Body``."""
        raise Malformed

    def _expect(self, size_bytes: int | None) -> None:
        """Go on behind a size; behind the trailers if it is ``None``."""
        if size_bytes is None:
            self.is_over = True
        else:
            self._left_bytes = size_bytes
            self._expected = _NEXT_SIZE if size_bytes else _TRAILERS


def _chunk(data: bytes) -> bytes:
    """Return ``data`` as a chunk; of nothing there is none, for it would be the last."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
