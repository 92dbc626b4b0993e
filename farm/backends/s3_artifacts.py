"""Artifacts as objects of a bucket. Redis knows which object has what, and until when.

Keys::

    farm:object:{owner}:{name}   the manifest, JSON; written last, expires with the artifact
    farm:objects                 sorted set: each object there may be, by when it is deleted,
                                 in milliseconds since 1970

Each ``put`` makes an object with a name of its own, so nothing that is read or deleted is
ever another's. An object is listed before its first byte is sent and until it is deleted:
no crash leaves one that nobody knows of. Requests to the bucket are made where bytes are
stored, read, or deleted by the sweep; all else is Redis's.
"""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, cast

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store
from redis import Redis

from farm.backends.buckets import Bucket
from farm.backends.chunks import Counted, rechunk
from farm.backends.redis_connection import redis_errors
from farm.backends.redis_scripts import script
from farm.jobs.errors import ArtifactEvicted, BackendUnavailable
from farm.jobs.models import Artifact
from farm.jobs.ports import Clock

if TYPE_CHECKING:
    from obstore.store import S3Config  # It is not there at run time.

PIECE_BYTES = 1024 * 1024
"""What one request reads: no connection waits for a slow reader, and little is held."""
PART_BYTES = 5 * 1024 * 1024
"""The least that S3 takes as a part of an upload; what is smaller is sent in one request."""
_PARTS_AT_ONCE = 2

_CONNECT_S, _REQUEST_S = 2, 10
"""For a connection, and for a whole request: a part must be through within the second."""
_RETRIES = 1

_LISTED_AS = "farm:objects"
_UPLOAD_MAX_MS = 24 * 3600 * 1000
"""An object that is still not whole after a day is deleted: its writer died."""
_OUTLIVE_MS = 60_000
"""Who begins to read just before the end may read to the end."""
_DELETED_AT_ONCE, _DELETIONS_MAX = 1000, 10
"""What one request deletes, S3's own limit; and how many of them one sweep makes."""
_REFUSALS = (PermissionDeniedError, UnauthenticatedError)


class _Manifest(Artifact):
    stored_as: str


class S3Artifacts:
    """``ArtifactStore`` over one bucket."""

    def __init__(self, bucket: Bucket, client: Redis, clock: Clock) -> None:
        """Keep bytes in ``bucket``, and what is known of them with ``client``."""
        self._bucket = bucket
        self._client = client
        self._clock = clock
        self._keep = script(client, "keep")

    @cached_property
    def _store(self) -> S3Store:
        # At the first use: its threads do not survive a fork.
        bucket = self._bucket
        config: S3Config = {"region": bucket.region}
        if bucket.endpoint is not None:
            config["endpoint"] = bucket.endpoint
        if bucket.access_key is not None and bucket.secret_key is not None:
            config["access_key_id"] = bucket.access_key
            config["secret_access_key"] = bucket.secret_key
        return S3Store(
            bucket.name,
            prefix=bucket.prefix or None,
            config=config,
            client_options={
                "allow_http": True,
                "connect_timeout": timedelta(seconds=_CONNECT_S),
                "timeout": timedelta(seconds=_REQUEST_S),
            },
            retry_config={
                "max_retries": _RETRIES,
                "retry_timeout": timedelta(seconds=_REQUEST_S),
            },
        )

    def put(
        self, owner: str, name: str, media_type: str, chunks: Iterable[bytes], *, ttl_s: int
    ) -> Artifact:
        """See ``ArtifactStore.put``."""
        new = secrets.token_hex(16)
        self._list(new, _UPLOAD_MAX_MS)
        counted = Counted(chunks)
        try:
            self._send(new, counted)
            artifact = counted.artifact(name, media_type)
            manifest = _Manifest(**artifact.model_dump(), stored_as=new)
            with redis_errors(), self._client.pipeline() as pipe:
                pipe.set(_key(owner, name), manifest.model_dump_json(), ex=ttl_s)
                pipe.zadd(_LISTED_AS, {new: self._in(ttl_s * 1000 + _OUTLIVE_MS)})
                pipe.execute()
        except BaseException:
            # The first error is the one to tell of; the sweep sees to what stays here.
            with suppress(BackendUnavailable):
                self._list(new, 0)
            raise
        return artifact

    def find(self, owner: str, name: str) -> Artifact | None:
        """See ``ArtifactStore.find``."""
        manifest = self._manifest(owner, name)
        return manifest and Artifact(**manifest.model_dump(exclude={"stored_as"}))

    def read(self, owner: str, name: str) -> Iterator[bytes]:
        """See ``ArtifactStore.read``; says before the first byte if they are not there."""
        manifest = self._manifest(owner, name)
        if manifest is None:
            raise ArtifactEvicted(name)
        pieces = self._pieces(manifest)
        return chain([next(pieces, b"")], pieces)

    def place(self, owner: str, name: str, path: Path) -> None:
        """See ``ArtifactStore.place``."""
        with path.open("wb") as file:
            file.writelines(self.read(owner, name))

    @redis_errors()
    def expire(self, owner: str, name: str, ttl_s: int) -> None:
        """See ``ArtifactStore.expire``; the next sweep deletes what is dropped now."""
        manifest = self._manifest(owner, name)
        if manifest is None:
            return
        with self._client.pipeline() as pipe:
            pipe.expire(_key(owner, name), ttl_s)
            ends_in_ms = ttl_s * 1000 + _OUTLIVE_MS if ttl_s else 0
            pipe.zadd(_LISTED_AS, {manifest.stored_as: self._in(ends_in_ms)})
            pipe.execute()

    def keep(self, owner: str, name: str, ttl_s: int) -> bool:
        """See ``ArtifactStore.keep``."""
        manifest = self._manifest(owner, name)
        if manifest is None or not self._is_whole(manifest):
            return False
        with redis_errors():
            until = self._in(ttl_s * 1000 + _OUTLIVE_MS)
            # First, lest it is deleted while its manifest stands.
            self._client.zadd(_LISTED_AS, {manifest.stored_as: until}, gt=True)
            return bool(self._keep(keys=[_key(owner, name)], args=[ttl_s * 1000]))

    def ping(self) -> None:
        """See ``ArtifactStore.ping``; of Redis and of the bucket."""
        with redis_errors():
            self._client.ping()
        with _bucket_errors():
            next(iter(obstore.list(self._store, "ping", chunk_size=1)), None)

    def sweep(self) -> None:
        """See ``ArtifactStore.sweep``; knows what to delete without looking into the bucket."""
        for _ in range(_DELETIONS_MAX):
            with redis_errors():
                over = self._client.zrangebyscore(
                    _LISTED_AS, 0, self._in(0), start=0, num=_DELETED_AT_ONCE
                )
            names = [name.decode() for name in cast("list[bytes]", over)]
            if not names:
                return
            with _bucket_errors():
                obstore.delete(self._store, names)
            with redis_errors():
                self._client.zrem(_LISTED_AS, *names)

    def _in(self, ms: int) -> int:
        return round(self._clock.now().timestamp() * 1000) + ms

    @redis_errors()
    def _list(self, name: str, ends_in_ms: int) -> None:
        self._client.zadd(_LISTED_AS, {name: self._in(ends_in_ms)})

    def _send(self, name: str, counted: Counted) -> None:
        parts = rechunk(counted, PART_BYTES)
        first = next(parts, b"")
        second = next(parts, None)
        try:
            with _bucket_errors():
                if second is None:
                    obstore.put(self._store, name, first, use_multipart=False)
                else:
                    obstore.put(
                        self._store,
                        name,
                        chain([first, second], parts),
                        chunk_size=PART_BYTES,
                        max_concurrency=_PARTS_AT_ONCE,
                    )
        except Exception:
            if counted.error is not None:
                raise counted.error from None
            raise

    def _pieces(self, manifest: _Manifest) -> Iterator[bytes]:
        for start in range(0, manifest.size_bytes, PIECE_BYTES):
            length = min(PIECE_BYTES, manifest.size_bytes - start)
            with _bucket_errors():
                try:
                    piece = obstore.get_range(
                        self._store, manifest.stored_as, start=start, length=length
                    )
                except FileNotFoundError as error:
                    raise _evicted_or_gone(manifest, error) from None
            yield bytes(piece)

    def _is_whole(self, manifest: _Manifest) -> bool:
        with _bucket_errors(), suppress(FileNotFoundError):
            return obstore.head(self._store, manifest.stored_as)["size"] == manifest.size_bytes
        return False

    @redis_errors()
    def _manifest(self, owner: str, name: str) -> _Manifest | None:
        stored = cast("bytes | None", self._client.get(_key(owner, name)))
        return None if stored is None else _Manifest.model_validate_json(stored)


def _evicted_or_gone(manifest: _Manifest, error: FileNotFoundError) -> Exception:
    # obstore has one error for an object that is not there and for a bucket that is not.
    return error if "NoSuchBucket" in str(error) else ArtifactEvicted(manifest.name)


def _key(owner: str, name: str) -> str:
    return f"farm:object:{owner}:{name}"


@contextmanager
def _bucket_errors() -> Iterator[None]:
    """Turn what obstore raises into ``BackendUnavailable``; it has tried again by then."""
    try:
        yield
    except (BaseError, OSError) as error:
        # Listing raises one error for all; the status of the answer stands in its text.
        said = str(error)
        if isinstance(error, FileNotFoundError) or "404 Not Found" in said:
            why = "does not exist"
        elif isinstance(error, _REFUSALS) or "403 Forbidden" in said or "401 Unauth" in said:
            why = "refuses the key"
        else:
            why = "cannot be used"
        raise BackendUnavailable(f"The bucket for artifacts {why}.") from error
