"""Pieces that are worth sending."""

from collections.abc import Iterable, Iterator

PIECE_BYTES = 64 * 1024


def gathered(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in pieces of ``PIECE_BYTES`` or more; the last may be shorter."""
    held = bytearray()
    for part in parts:
        held += part
        if len(held) >= PIECE_BYTES:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)
