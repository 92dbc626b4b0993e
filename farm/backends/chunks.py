"""Bytes on their way into a store."""

import hashlib
from collections.abc import Iterable, Iterator

from farm.jobs.models import Artifact


class Counted:
    """Chunks that pass by: how much they come to, and what broke them off."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        """Let ``chunks`` pass, once."""
        self._chunks = chunks
        self._sha256 = hashlib.sha256()
        self._size_bytes = 0
        self.error: Exception | None = None
        """What the chunks raised; ``None`` while they have not."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield each chunk as it is."""
        try:
            for chunk in self._chunks:
                self._sha256.update(chunk)
                self._size_bytes += len(chunk)
                yield chunk
        except Exception as error:
            self.error = error
            raise

    def artifact(self, name: str, media_type: str) -> Artifact:
        """Return what has passed, as an artifact."""
        return Artifact(
            name=name,
            media_type=media_type,
            size_bytes=self._size_bytes,
            sha256=self._sha256.hexdigest(),
        )


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
