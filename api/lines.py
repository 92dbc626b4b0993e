"""The lines of a body, one after the other as they come, however long or broken they are."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LINE_MAX_BYTES = 4 * 1024 * 1024
"""Room for the largest page that a spec may hold, in most spellings that JSON has for it."""


@dataclass(frozen=True)
class Line:
    """One line, without its end."""

    number: int
    """From 1."""
    text: str
    error: str | None = None
    """Why it could not be read; then there is no text."""


def lines(chunks: Iterable[bytes]) -> Iterator[Line]:
    """Yield each line of a UTF-8 text; one that is too long is never held whole."""
    for number, line in enumerate(_raw(chunks), 1):
        if line is None:
            yield Line(number, "", f"is longer than {LINE_MAX_BYTES} bytes")
            continue
        try:
            # What is called UTF-8 with a signature begins with a mark, on the first line.
            encoding = "utf-8-sig" if number == 1 else "utf-8"
            yield Line(number, line.removesuffix(b"\r").decode(encoding))
        except UnicodeDecodeError:
            yield Line(number, "", "is not UTF-8")


def _raw(chunks: Iterable[bytes]) -> Iterator[bytes | None]:
    """Yield each line as it is; ``None`` for one that is too long."""
    rest: bytes | None = b""
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        if rest is not None:
            rest += first
        for line in others:
            yield rest if rest is not None and len(rest) <= LINE_MAX_BYTES else None
            rest = line
        if rest is not None and len(rest) > LINE_MAX_BYTES:
            rest = None
    if rest != b"":
        yield rest
