"""The manifest of a folder: what was asked of the farm for it, and what became of each item.

It is a file of JSON lines that only grows, so that it is right whatever ends the process:

- ``request``: written, and on the disk, before items are handed in; repeating it is safe, as
  its ``key`` is the request's idempotency key.
- ``batch``: the id of the batch that came of a request.
- ``item``: what became of one item. The last line of an item counts, and none that stands
  before the last request that it is in.

A line that is torn, or not understood, is passed over: what it said is then asked of the farm.
"""

import json
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from farm.jobs.states import JobState
from farm.jobs.views import Time

FILE_NAME = "manifest.jsonl"


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True)


class SavedFile(_Line):
    """One artifact in the folder."""

    artifact: str
    path: str
    """Below the folder, with ``/`` between its parts."""
    sha256: str


class ItemError(_Line):
    """Why an item has no result: the failure's code, or that of the farm's refusal."""

    code: str
    message: str


class RequestLine(_Line):
    """Items that were about to be handed in together."""

    type: Literal["request"] = "request"
    key: str
    items: tuple[str, ...]
    """Hashes of their specs, in the order in which they were sent."""


class BatchLine(_Line):
    """The batch that a request has become."""

    type: Literal["batch"] = "batch"
    key: str
    batch_id: str


class ItemLine(_Line):
    """What became of one item."""

    type: Literal["item"] = "item"
    item: str
    """The hash of its spec."""
    url: str | None = None
    job_id: str | None = None
    """``None`` if the farm did not take it."""
    batch_id: str | None = None
    state: JobState
    path: str
    """Of its result, whether it is there or not."""
    files: tuple[SavedFile, ...] = ()
    """The result first."""
    error: ItemError | None = None
    finished_at: Time | None = None


_LINES: TypeAdapter[RequestLine | BatchLine | ItemLine] = TypeAdapter(
    Annotated[RequestLine | BatchLine | ItemLine, Field(discriminator="type")]
)


class Manifest:
    """What a folder's manifest says, and the pen to write on. Threads may share it."""

    def __init__(self, file: BinaryIO) -> None:
        """Read ``file``, open for reading and appending, and go on at its end."""
        self.items: dict[str, ItemLine] = {}
        self.requests: dict[str, RequestLine] = {}
        """By key."""
        self.batches: dict[str, str] = {}
        """Ids by the key of their request."""
        self.asked: dict[str, str] = {}
        """The keys of the last requests by the items that were in them."""
        self._file = file
        self._lock = threading.Lock()
        written = b"\n"
        for written in file:
            self._read(written)
        if not written.endswith(b"\n"):
            file.write(b"\n")  # Else the next line would be lost with the torn one.

    def begin(self, key: str, items: Sequence[str]) -> None:
        """Note a request; once this returns, it is on the disk."""
        self._write(RequestLine(key=key, items=tuple(items)))
        os.fsync(self._file.fileno())

    def accepted(self, key: str, batch_id: str) -> None:
        """Note the batch that a request has become."""
        self._write(BatchLine(key=key, batch_id=batch_id))

    def forget(self) -> None:
        """Go on as if nothing were written; the file keeps it."""
        self.items, self.requests, self.batches, self.asked = {}, {}, {}, {}

    def record(self, line: ItemLine) -> None:
        """Note what became of an item."""
        self._write(line)

    def _read(self, written: bytes) -> None:
        try:
            self._note(_LINES.validate_json(written))
        except ValidationError:
            return

    def _note(self, line: RequestLine | BatchLine | ItemLine) -> None:
        match line:
            case RequestLine():
                self.requests[line.key] = line
                for item in line.items:
                    self.asked[item] = line.key
                    self.items.pop(item, None)  # What was said before was of another job.
            case BatchLine():
                self.batches[line.key] = line.batch_id
            case ItemLine():
                self.items[line.item] = line

    def _write(self, line: RequestLine | BatchLine | ItemLine) -> None:
        shown = line.model_dump(mode="json", exclude_none=True)
        text = json.dumps(shown, ensure_ascii=False) + "\n"
        with self._lock:
            # Half a surrogate pair, which a page's text may have, has no UTF-8.
            self._file.write(text.encode(errors="replace"))
            self._file.flush()
            self._note(line)


@contextmanager
def opened(folder: Path) -> Iterator[Manifest]:
    """Open the manifest of ``folder`` for the block; there is one now.

    Raises:
        OSError: It cannot be read or written, or another process has it open.
    """
    with (folder / FILE_NAME).open("a+b") as file:
        if not _is_ours(file):
            raise OSError(f"Another farm command writes to {str(folder)!r} now.")
        file.seek(0)
        yield Manifest(file)
        file.flush()
        os.fsync(file.fileno())


if sys.platform == "win32":
    import msvcrt

    _FAR_AWAY = (1 << 31) - 1
    """What is locked cannot be read by others, so it is a byte that is not there; the furthest."""

    def _is_ours(file: BinaryIO) -> bool:
        """Return whether no other process has ``file`` open; it is locked until it is closed."""
        file.seek(_FAR_AWAY)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _is_ours(file: BinaryIO) -> bool:
        """Return whether no other process has ``file`` open; it is locked until it is closed."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True  # A network's folder that knows no locks.
        return True
