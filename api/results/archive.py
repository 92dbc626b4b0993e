"""A zip of all artifacts, of which no more than a piece is ever held.

Written by the standard library, which can write where it cannot go back: sizes and
checksums then follow the bytes, and zip64 is used where it is needed.
"""

import io
import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from api.results.names import file_name
from api.results.pieces import PIECE_BYTES
from farm.jobs.errors import ArtifactEvicted
from farm.jobs.models import Artifact, Job

MANIFEST = "manifest.jsonl"
Read = Callable[[Job, Artifact], Iterator[bytes]]

_PACKED = ("text/", "application/json")
"""Beginnings of media types that get smaller; pictures and PDFs do not."""
_READABLE = 0o644 << 16


def archive(
    jobs: Iterable[Job],
    read: Read,
    pages: Mapping[str, Callable[[], Iterable[bytes]]],
    now: datetime,
) -> Iterator[bytes]:
    """Yield a zip with the artifacts of ``jobs``, then ``pages``, then a manifest.

    The manifest has a line for each job. An artifact whose bytes are gone, be it in the
    middle of them, is not in the zip; the manifest says so.

    Args:
        jobs: Read once, in their order.
        read: Returns an artifact's bytes; raises ``ArtifactEvicted`` where they are gone.
        pages: Further files by name, made when it is their turn.
        now: The time of what has none of its own, in UTC.
    """
    sink = _Sink()
    manifest = bytearray()
    with ZipFile(sink, "w") as target:
        for job in jobs:
            kept = []
            for artifact in job.artifacts:
                info = _info(file_name(job, artifact), job.finished_at or now, artifact.media_type)
                chunks = partial(read, job, artifact)
                is_whole = yield from _written(target, sink, info, chunks)
                kept.append(_entry(artifact, info.filename, is_whole=is_whole))
            manifest += _line(job, kept)
        for name, page in pages.items():
            yield from _written(target, sink, _info(name, now, "text/"), page)
        manifest_info = _info(MANIFEST, now, "text/")
        yield from _written(target, sink, manifest_info, lambda: [bytes(manifest)])
    yield sink.taken()


class _Sink(io.RawIOBase):
    """Where the zip is written to, and taken from."""

    def __init__(self) -> None:
        super().__init__()
        self.held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer
        self.held += data
        return len(data)

    def taken(self) -> bytes:
        taken = bytes(self.held)
        self.held.clear()
        return taken


def _written(
    target: ZipFile, sink: _Sink, info: ZipInfo, chunks: Callable[[], Iterable[bytes]]
) -> Generator[bytes, None, bool]:
    """Write a file into the zip; return whether its bytes were there to the end."""
    is_whole = True
    with target.open(info, "w") as file:
        try:
            for chunk in chunks():
                file.write(chunk)
                if len(sink.held) >= PIECE_BYTES:
                    yield sink.taken()
        except ArtifactEvicted:
            is_whole = False
    if not is_whole:
        # What was written of it stays, but the directory at the end does not lead there.
        del target.infolist()[-1]
    return is_whole


def _info(path: str, at: datetime, media_type: str) -> ZipInfo:
    info = ZipInfo(path, at.timetuple()[:6])
    info.compress_type = ZIP_DEFLATED if media_type.startswith(_PACKED) else ZIP_STORED
    info.external_attr = _READABLE
    return info


def _line(job: Job, files: Sequence[Mapping[str, object]]) -> bytes:
    said = {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "url": job.spec.url,
        "tags": job.tags,
        "metadata": job.spec.metadata,
        "failure": job.failure and {"code": job.failure.code, "message": job.failure.message},
        "files": files,
    }
    return f"{json.dumps(said)}\n".encode()


def _entry(artifact: Artifact, path: str, *, is_whole: bool) -> Mapping[str, object]:
    return {**artifact.model_dump(), "path": path if is_whole else None, "evicted": not is_whole}
