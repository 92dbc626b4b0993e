"""Bytes on their way into a store."""

import hashlib
from collections.abc import Iterable, Iterator


class Counted:
    """Chunks that pass by: how much they come to, and what broke them off."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        """Let ``chunks`` pass, once."""
        self._chunks = chunks
        self._sha256 = hashlib.sha256()
        self.size_bytes = 0
        self.error: Exception | None = None
        """What the chunks raised; ``None`` while they have not."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield each chunk as it is."""
        try:
            for chunk in self._chunks:
                self._sha256.update(chunk)
                self.size_bytes += len(chunk)
                yield chunk
        except Exception as error:
            self.error = error
            raise

    @property
    def sha256(self) -> str:
        """The hash of what has passed, in hexadecimal digits."""
        return self._sha256.hexdigest()


def rechunk(chunks: Iterable[bytes], size_bytes: int) -> Iterator[bytes]:
    """Yield the same bytes in pieces of ``size_bytes``; the last may be shorter.

    Each byte is copied once, however large a chunk is, and never more than one piece
    of them is held.
    """
    pending = bytearray()
    for chunk in chunks:
        view = memoryview(chunk)
        while view:
            wanted = size_bytes - len(pending)
            part, view = view[:wanted], view[wanted:]
            if len(part) == size_bytes:
                yield bytes(part)
                continue
            pending += part
            if len(pending) == size_bytes:
                yield bytes(pending)
                pending.clear()
    if pending:
        yield bytes(pending)
