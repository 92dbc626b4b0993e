"""Artifacts as files of one folder: for bytes that are too many for Redis's memory.

Every process that shares them sees the folder under a path of its own; one that only
reads may have it read-only. Files, each private to the farm's user::

    {hash}                  the bytes
    {hash}.json             the manifest; written last, dropped first
    {hash}[.json].*.part    either of them on its way

``{hash}`` is the SHA-256 of owner and name: nothing that a caller says becomes a path.
"""

import errno
import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from farm.backends.chunks import Counted
from farm.jobs.errors import ArtifactEvicted, BackendUnavailable
from farm.jobs.models import Artifact
from farm.jobs.ports import Clock

_CHUNK_BYTES = 256 * 1024
_OUTLIVE = timedelta(seconds=60)
"""Who begins to read just before the end may read to the end."""
_BROKEN_AFTER = timedelta(hours=1)
"""How long nobody must have written to a file that is not whole: its writer is dead then."""
_OURS = re.compile(r"[0-9a-f]{64}(\.json)?(\.[0-9a-f]{8}\.part)?")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class _Manifest(Artifact):
    expires_at: datetime


class FolderArtifacts:
    """``ArtifactStore`` over one folder, which must exist."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        """Keep bytes in ``folder``, and judge their expiry by ``clock``."""
        self._folder = folder.absolute()
        self._clock = clock

    def put(
        self, owner: str, name: str, media_type: str, chunks: Iterable[bytes], *, ttl_s: int
    ) -> Artifact:
        """See ``ArtifactStore.put``."""
        path = self._path(owner, name)
        counted = Counted(chunks)
        with _new_file(path) as file:
            for chunk in counted:
                with _folder_errors():
                    file.write(chunk)
        artifact = counted.artifact(name, media_type)
        try:
            self._describe(path, artifact, ttl_s)
        except BaseException:
            _remove(path)
            raise
        return artifact

    def find(self, owner: str, name: str) -> Artifact | None:
        """See ``ArtifactStore.find``."""
        manifest = self._manifest(self._path(owner, name))
        return manifest and _artifact_of(manifest)

    def read(self, owner: str, name: str) -> Iterator[bytes]:
        """See ``ArtifactStore.read``."""
        return _chunks(self._whole(owner, name), name)

    def place(self, owner: str, name: str, path: Path) -> None:
        """See ``ArtifactStore.place``; a symbolic link, which may lead to another disk."""
        path.symlink_to(self._whole(owner, name))

    def expire(self, owner: str, name: str, ttl_s: int) -> None:
        """See ``ArtifactStore.expire``."""
        path = self._path(owner, name)
        if ttl_s == 0:
            _remove(path)
        elif manifest := self._manifest(path):
            ttl = timedelta(seconds=ttl_s)
            # Each probe of a file has it kept for longer: not worth a new file each time.
            if abs(self._clock.now() + ttl - manifest.expires_at) > ttl / 1000:
                self._describe(path, _artifact_of(manifest), ttl_s)

    def keep(self, owner: str, name: str, ttl_s: int) -> bool:
        """See ``ArtifactStore.keep``."""
        try:
            path = self._whole(owner, name)
        except ArtifactEvicted:
            return False
        manifest = self._manifest(path)
        if manifest and manifest.expires_at < self._clock.now() + timedelta(seconds=ttl_s):
            self.expire(owner, name, ttl_s)
        return manifest is not None

    def ping(self) -> None:
        """See ``ArtifactStore.ping``; a folder has no server that could be away."""

    def sweep(self) -> None:
        """See ``ArtifactStore.sweep``; leaves files alone that are none of the store's."""
        with _folder_errors():
            for path in self._folder.iterdir():
                # Another process may remove it first.
                with suppress(FileNotFoundError):
                    if not _OURS.fullmatch(path.name) or not self._is_over(path):
                        continue
                    if path.suffix == ".part":
                        path.unlink()
                    else:
                        _remove(path.with_suffix(""))

    def _path(self, owner: str, name: str) -> Path:
        key = f"{owner}\0{name}".encode(errors="backslashreplace")
        return self._folder / hashlib.sha256(key).hexdigest()

    def _manifest(self, path: Path) -> _Manifest | None:
        with _folder_errors(), suppress(FileNotFoundError):
            manifest = _read_manifest(_manifest_of(path))
            if manifest and manifest.expires_at > self._clock.now():
                return manifest
        return None

    def _describe(self, path: Path, artifact: Artifact, ttl_s: int) -> None:
        expires_at = self._clock.now() + timedelta(seconds=ttl_s)
        manifest = _Manifest(**artifact.model_dump(), expires_at=expires_at)
        with _new_file(_manifest_of(path)) as file, _folder_errors():
            file.write(manifest.model_dump_json().encode())

    def _whole(self, owner: str, name: str) -> Path:
        path = self._path(owner, name)
        manifest = self._manifest(path)
        with _folder_errors(), suppress(FileNotFoundError):
            # Nothing is synced: after a loss of power a file may be shorter than it was.
            if manifest and path.stat().st_size == manifest.size_bytes:
                return path
        raise ArtifactEvicted(name)

    def _is_over(self, path: Path) -> bool:
        now = self._clock.now()
        if path.suffix == ".json":
            manifest = _read_manifest(path)
            if manifest:
                return manifest.expires_at + _OUTLIVE <= now
        elif not path.suffix and _manifest_of(path).exists():
            return False
        return now.timestamp() - path.stat().st_mtime > _BROKEN_AFTER.total_seconds()


def _chunks(path: Path, name: str) -> Iterator[bytes]:
    with _folder_errors():
        try:
            file = path.open("rb")
        except FileNotFoundError:
            raise ArtifactEvicted(name) from None
        with file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk


def _artifact_of(manifest: _Manifest) -> Artifact:
    return Artifact(**manifest.model_dump(exclude={"expires_at"}))


def _manifest_of(path: Path) -> Path:
    return path.with_suffix(".json")


def _read_manifest(path: Path) -> _Manifest | None:
    """Return what stands in ``path``; ``None`` if that is no manifest, as after a crash."""
    try:
        return _Manifest.model_validate_json(path.read_bytes())
    except ValidationError:
        return None


def _remove(path: Path) -> None:
    with _folder_errors():
        _manifest_of(path).unlink(missing_ok=True)
        path.unlink(missing_ok=True)


@contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    """Give a private file, which becomes ``path`` when the block ends well, and else goes."""
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with _folder_errors():
            part.touch(mode=0o600, exist_ok=False)
            file = part.open("wb")
        try:
            yield file
        finally:
            with _folder_errors():
                file.close()
        with _folder_errors():
            part.replace(path)
    except BaseException:
        with suppress(OSError):  # The first error is the one to tell of; the sweep sees to this.
            part.unlink(missing_ok=True)
        raise


@contextmanager
def _folder_errors() -> Iterator[None]:
    """Turn what the system says of the folder into ``BackendUnavailable``."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise BackendUnavailable("The disk for uploads is full.") from error
        raise BackendUnavailable("The folder for uploads cannot be used.") from error
