"""The promises of ``ArtifactStore``, kept by every implementation."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
from redis import Redis

from farm.backends.clock import SystemClock
from farm.backends.folder_artifacts import FolderArtifacts
from farm.backends.memory import MemoryArtifacts
from farm.backends.redis_artifacts import CHUNK_BYTES, RedisArtifacts
from farm.backends.redis_connection import connect
from farm.backends.s3_artifacts import S3Artifacts
from farm.jobs.errors import ArtifactEvicted, PayloadTooLarge
from farm.jobs.ports import ArtifactStore
from tests.support.waiting import until

_OVER_REDIS = [pytest.param(name, marks=pytest.mark.redis) for name in ("redis", "s3")]


@pytest.fixture(params=["memory", "folder", *_OVER_REDIS])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ArtifactStore]:
    if request.param == "memory":
        yield MemoryArtifacts()
        return
    if request.param == "folder":
        yield FolderArtifacts(tmp_path, SystemClock())
        return
    with connect(request.getfixturevalue("redis_url")) as client:
        if request.param == "s3":
            yield S3Artifacts(request.getfixturevalue("bucket"), client, SystemClock())
            return
        yield RedisArtifacts(client)


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_bytes_come_back_as_they_were(store: ArtifactStore, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    pieces = [content[:100_000], content[100_000:]]
    artifact = store.put("job.1", "a.png", "image/png", pieces, ttl_s=60)
    assert artifact.size_bytes == size
    assert artifact.sha256 == hashlib.sha256(content).hexdigest()
    assert artifact.media_type == "image/png"
    assert store.find("job.1", "a.png") == artifact
    assert b"".join(store.read("job.1", "a.png")) == content


def test_what_was_never_stored_is_not_found(store: ArtifactStore) -> None:
    assert store.find("job.1", "a.png") is None
    with pytest.raises(ArtifactEvicted):
        store.read("job.1", "a.png")  # Before anybody is told that it is there.


@pytest.mark.parametrize("owner", ["", ".", "../../etc", "/etc/passwd", "a\0b", "夏", "n" * 500])
def test_any_words_may_be_asked_for(store: ArtifactStore, owner: str) -> None:
    assert store.find(owner, "a") is None
    store.expire(owner, "a", 60)
    store.expire(owner, "a", 0)
    store.put(owner, "a", "text/plain", [b"one"], ttl_s=60)
    assert b"".join(store.read(owner, "a")) == b"one"


def test_the_bytes_can_be_had_as_a_file(store: ArtifactStore, tmp_path: Path) -> None:
    content = b"x" * (CHUNK_BYTES + 1)
    store.put("job.1", "a", "text/plain", [content], ttl_s=60)
    file = tmp_path / "a"
    store.place("job.1", "a", file)
    assert file.read_bytes() == content
    file.unlink()
    assert store.find("job.1", "a") is not None


def test_what_is_not_there_cannot_be_had_as_a_file(store: ArtifactStore, tmp_path: Path) -> None:
    with pytest.raises(ArtifactEvicted):
        store.place("job.1", "a", tmp_path / "a")


def test_owners_do_not_share_names(store: ArtifactStore) -> None:
    store.put("job.1", "a", "text/plain", [b"one"], ttl_s=60)
    store.put("job.2", "a", "text/plain", [b"two"], ttl_s=60)
    assert b"".join(store.read("job.1", "a")) == b"one"


def test_dropped_bytes_are_gone(store: ArtifactStore) -> None:
    store.put("job.1", "a", "text/plain", [b"one"], ttl_s=60)
    store.expire("job.1", "a", 0)
    assert store.find("job.1", "a") is None


def test_another_expiry_and_a_sweep_leave_what_is_kept(store: ArtifactStore) -> None:
    artifact = store.put("job.1", "a", "text/plain", [b"one"], ttl_s=60)
    store.expire("job.1", "a", 120)
    store.sweep()
    assert store.find("job.1", "a") == artifact
    assert b"".join(store.read("job.1", "a")) == b"one"


def test_when_the_bytes_break_off_nothing_is_left(store: ArtifactStore) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x" * (2 * CHUNK_BYTES)
        raise PayloadTooLarge("too large")

    with pytest.raises(PayloadTooLarge):
        store.put("job.1", "a", "text/plain", broken(), ttl_s=60)
    assert store.find("job.1", "a") is None


@pytest.mark.redis
def test_redis_keeps_nothing_of_what_broke_off_and_expires_all_else(redis_url: str) -> None:
    with connect(redis_url) as client, Redis.from_url(redis_url) as plain:
        store = RedisArtifacts(client)

        def broken() -> Iterator[bytes]:
            yield b"x" * (2 * CHUNK_BYTES)
            raise PayloadTooLarge("too large")

        with pytest.raises(PayloadTooLarge):
            store.put("job.1", "a", "text/plain", broken(), ttl_s=60)
        assert plain.keys() == []
        store.put("job.1", "b", "text/plain", [b"x" * (CHUNK_BYTES + 1)], ttl_s=60)
        keys = plain.keys()
        assert len(keys) == 3
        assert all(0 < plain.ttl(key) <= 60 for key in keys)


@pytest.mark.redis
def test_who_begins_to_read_before_the_end_may_read_to_the_end(redis_url: str) -> None:
    with connect(redis_url) as client:
        store = RedisArtifacts(client)
        store.put("job.1", "a", "text/plain", [b"x" * CHUNK_BYTES, b"y"], ttl_s=1)
        chunks = store.read("job.1", "a")
        assert next(chunks) == b"x" * CHUNK_BYTES
        until(lambda: store.find("job.1", "a") is None, "it has expired")
        assert list(chunks) == [b"y"]


@pytest.mark.redis
def test_a_missing_chunk_is_an_eviction_and_not_a_short_file(redis_url: str) -> None:
    with connect(redis_url) as client:
        store = RedisArtifacts(client)
        store.put("job.1", "a", "text/plain", [b"x" * (2 * CHUNK_BYTES)], ttl_s=60)
        begun = store.read("job.1", "a")
        client.delete("farm:artifact:job.1:a:1")
        with pytest.raises(ArtifactEvicted):
            store.read("job.1", "a")  # Before the first byte.
        with pytest.raises(ArtifactEvicted):
            list(begun)


@pytest.mark.redis
def test_a_full_memory_forgets_the_oldest_and_refuses_nothing(redis_url: str) -> None:
    content, count = bytes(1 << 20), 120
    with _limited(redis_url, "40mb") as plain, connect(redis_url) as client:
        store = RedisArtifacts(client)
        for number in range(count):
            store.put(f"job.{number}", "a", "text/plain", [content], ttl_s=3600)
        assert plain.info("memory")["used_memory"] < 42 << 20
        kept = [number for number in range(count) if _reads(store, f"job.{number}", content)]
    assert len(kept) > 20
    assert kept[0] > count / 2
    assert kept[-1] == count - 1


@contextmanager
def _limited(redis_url: str, memory: str) -> Iterator[Redis]:
    usual = {"maxmemory": "0", "maxmemory-policy": "noeviction"}
    with Redis.from_url(redis_url) as plain:
        try:
            plain.config_set("maxmemory", memory)
            plain.config_set("maxmemory-policy", "volatile-ttl")
            yield plain
        finally:
            plain.flushall()
            for name, value in usual.items():
                plain.config_set(name, value)


def _reads(store: ArtifactStore, owner: str, content: bytes) -> bool:
    """Return whether the artifact is there, whole; fail if it is there in part."""
    try:
        chunks = store.read(owner, "a")
    except ArtifactEvicted:
        return False
    assert b"".join(chunks) == content
    return True


def test_bytes_are_kept_for_longer_and_never_for_less(store: ArtifactStore) -> None:
    store.put("job.1", "a", "text/plain", [b"x" * (CHUNK_BYTES + 1)], ttl_s=2)
    assert store.keep("job.1", "a", 60)
    assert store.keep("job.1", "a", 1)
    store.put("job.2", "a", "text/plain", [b"gone first"], ttl_s=1)
    if not isinstance(store, MemoryArtifacts):  # In memory nothing expires.
        until(lambda: store.find("job.2", "a") is None, "what was put later is gone", timeout_s=5)
        assert not store.keep("job.2", "a", 60)
    assert b"".join(store.read("job.1", "a")) == b"x" * (CHUNK_BYTES + 1)


def test_what_is_not_there_cannot_be_kept(store: ArtifactStore) -> None:
    assert not store.keep("job.1", "a", 60)
    store.put("job.1", "a", "text/plain", [b"one"], ttl_s=60)
    assert not store.keep("job.1", "b", 60)
    store.expire("job.1", "a", 0)
    assert not store.keep("job.1", "a", 60)


@pytest.mark.redis
def test_what_is_not_whole_is_not_there_to_be_kept(redis_url: str) -> None:
    with connect(redis_url) as client:
        store = RedisArtifacts(client)
        store.put("job.1", "a", "text/plain", [b"x" * (CHUNK_BYTES + 1)], ttl_s=60)
        client.delete("farm:artifact:job.1:a:1")
        assert not store.keep("job.1", "a", 60)


@pytest.mark.redis
def test_every_key_of_what_is_kept_stays_as_long(redis_url: str) -> None:
    with connect(redis_url) as client:
        store = RedisArtifacts(client)
        store.put("job.1", "a", "text/plain", [b"x" * (CHUNK_BYTES + 1)], ttl_s=60)
        store.keep("job.1", "a", 600)
        store.keep("job.1", "a", 30)
        left = [cast("int", client.ttl(key)) for key in client.keys("farm:artifact:*")]
        assert len(left) == 3
        assert min(left) > 590
