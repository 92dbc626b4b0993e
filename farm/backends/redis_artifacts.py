"""Artifacts in Redis, in chunks small enough not to hold up other commands.

Keys, all with one expiry::

    farm:artifact:{owner}:{name}       the manifest, JSON; written last
    farm:artifact:{owner}:{name}:{n}   chunk n, from 0

A Redis of their own may be given to them, with a limit to its memory and the policy
``volatile-ttl``: when it is full, what would have expired first goes first. So every key
has an expiry from its first moment, and none of an artifact's keys stays after the others.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import cast

from redis import Redis

from farm.backends.chunks import Counted, rechunk
from farm.backends.redis_connection import redis_errors
from farm.backends.redis_scripts import script
from farm.jobs.errors import ArtifactEvicted, BackendUnavailable
from farm.jobs.models import Artifact

CHUNK_BYTES = 256 * 1024
"""Larger values hold up every other client of Redis while they are copied."""


_OUTLIVE_MS = 60_000
"""Who begins to read just before the end may read to the end."""


class _Manifest(Artifact):
    chunks: int


class RedisArtifacts:
    """``ArtifactStore`` over one Redis."""

    def __init__(self, client: Redis) -> None:
        """Keep bytes with ``client``."""
        self._client = client
        self._keep = script(client, "keep")

    def put(
        self, owner: str, name: str, media_type: str, chunks: Iterable[bytes], *, ttl_s: int
    ) -> Artifact:
        """See ``ArtifactStore.put``."""
        key = _key(owner, name)
        counted = Counted(chunks)
        count = 0
        last: bytes | None = None  # It goes with the manifest: most artifacts have no other.
        try:
            for chunk in rechunk(counted, CHUNK_BYTES):
                if last is not None:
                    with redis_errors():
                        self._client.set(f"{key}:{count - 1}", last, ex=ttl_s)
                count += 1
                last = chunk
            artifact = counted.artifact(name, media_type)
            manifest = _Manifest(**artifact.model_dump(), chunks=count)
            with redis_errors(), self._client.pipeline() as pipe:
                # The first chunks may be old by now, and must not go before the manifest.
                pipe.set(key, manifest.model_dump_json(), ex=ttl_s)
                for chunk_key in _chunk_keys(key, count - 1):
                    pipe.expire(chunk_key, ttl_s)
                if last is not None:
                    pipe.set(f"{key}:{count - 1}", last, ex=ttl_s)
                pipe.execute()
        except BaseException:
            # The first error is the one to tell of; what stays here expires by itself.
            with suppress(BackendUnavailable), redis_errors():
                self._client.unlink(*_chunk_keys(key, count + 1))
            raise
        return artifact

    def find(self, owner: str, name: str) -> Artifact | None:
        """See ``ArtifactStore.find``."""
        manifest = self._manifest(owner, name)
        return manifest and Artifact(**manifest.model_dump(exclude={"chunks"}))

    def read(self, owner: str, name: str) -> Iterator[bytes]:
        """See ``ArtifactStore.read``; says before the first byte if one is missing."""
        key = _key(owner, name)
        with redis_errors(), self._client.pipeline(transaction=False) as pipe:
            pipe.get(key)
            pipe.pttl(key)
            pipe.get(f"{key}:0")  # Most artifacts have no other chunk.
            stored, left_ms, first = pipe.execute()
        if stored is None:
            raise ArtifactEvicted(name)
        chunk_keys = _chunk_keys(key, _Manifest.model_validate_json(stored).chunks)
        if not chunk_keys:
            return iter(())
        others = chunk_keys[1:]
        if first is None or not self._hold(others, left_ms):
            raise ArtifactEvicted(name)
        return self._chunks(name, first, others)

    def place(self, owner: str, name: str, path: Path) -> None:
        """See ``ArtifactStore.place``."""
        with path.open("wb") as file:
            file.writelines(self.read(owner, name))

    @redis_errors()
    def expire(self, owner: str, name: str, ttl_s: int) -> None:
        """See ``ArtifactStore.expire``."""
        manifest = self._manifest(owner, name)
        if manifest is None:
            return
        key = _key(owner, name)
        with self._client.pipeline() as pipe:
            for each in [key, *_chunk_keys(key, manifest.chunks)]:
                pipe.expire(each, ttl_s)
            pipe.execute()

    @redis_errors()
    def keep(self, owner: str, name: str, ttl_s: int) -> bool:
        """See ``ArtifactStore.keep``."""
        manifest = self._manifest(owner, name)
        if manifest is None:
            return False
        key = _key(owner, name)
        keys = [key, *_chunk_keys(key, manifest.chunks)]
        return bool(self._keep(keys=keys, args=[ttl_s * 1000]))

    @redis_errors()
    def ping(self) -> None:
        """See ``ArtifactStore.ping``."""
        self._client.ping()

    def sweep(self) -> None:
        """See ``ArtifactStore.sweep``; Redis does it by itself."""

    @redis_errors()
    def _hold(self, keys: list[str], left_ms: int) -> bool:
        """Have chunks that expire in ``left_ms`` outlive their being read; say if all are there."""
        if not keys:
            return True
        if left_ms >= _OUTLIVE_MS:
            return self._client.exists(*keys) == len(keys)
        with self._client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.pexpire(key, _OUTLIVE_MS)
            return all(pipe.execute())

    def _chunks(self, name: str, chunk: bytes, keys: list[str]) -> Iterator[bytes]:
        """Yield ``chunk``, and those under ``keys``."""
        for key in keys:
            yield chunk
            with redis_errors():
                stored = cast("bytes | None", self._client.get(key))
            if stored is None:
                raise ArtifactEvicted(name)
            chunk = stored
        yield chunk

    @redis_errors()
    def _manifest(self, owner: str, name: str) -> _Manifest | None:
        stored = cast("bytes | None", self._client.get(_key(owner, name)))
        return None if stored is None else _Manifest.model_validate_json(stored)


def _key(owner: str, name: str) -> str:
    return f"farm:artifact:{owner}:{name}"


def _chunk_keys(key: str, count: int) -> list[str]:
    return [f"{key}:{number}" for number in range(count)]
