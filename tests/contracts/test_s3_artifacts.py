"""What ``S3Artifacts`` promises beyond the port."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

import httpx
import obstore
import pytest
from redis import Redis

from farm.backends.buckets import Bucket
from farm.backends.memory import ManualClock
from farm.backends.redis_connection import connect
from farm.backends.s3_artifacts import PART_BYTES, PIECE_BYTES, S3Artifacts
from farm.jobs.errors import ArtifactEvicted, BackendUnavailable
from tests.support.buckets import objects, plain
from tests.support.neighbours import free_port, s3_server

pytestmark = pytest.mark.redis

DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def client(redis_url: str) -> Iterator[Redis]:
    with connect(redis_url) as client:
        yield client


@pytest.fixture
def store(bucket: Bucket, client: Redis, clock: ManualClock) -> S3Artifacts:
    return S3Artifacts(bucket, client, clock)


def put(store: S3Artifacts, owner: str = "job.1", *, ttl_s: int = 3600) -> None:
    store.put(owner, "a", "text/plain", [b"one"], ttl_s=ttl_s)


def parts_on_their_way(bucket: Bucket) -> int:
    return httpx.get(f"{bucket.endpoint}/{bucket.name}?uploads").text.count("<Upload>")


@contextmanager
def server_that_says(status: int) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_PUT(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_more_than_a_part_is_sent_in_parts_and_read_in_pieces(
    store: S3Artifacts, bucket: Bucket
) -> None:
    content = bytes(range(256)) * (2 * PART_BYTES // 256 + 1)
    pieces = [content[:100_000], content[100_000:]]
    assert store.put("u", "a", "video/mp4", pieces, ttl_s=60).size_bytes == len(content)
    read = list(store.read("u", "a"))
    assert b"".join(read) == content
    assert max(map(len, read)) == PIECE_BYTES
    assert parts_on_their_way(bucket) == 0


def test_the_names_of_objects_say_nothing_and_stay_below_the_prefix(
    store: S3Artifacts, bucket: Bucket
) -> None:
    put(store, "secret-id")
    (name,) = objects(bucket)
    assert name.startswith("farm/")
    assert "secret-id" not in name


@pytest.mark.parametrize("size", [100, 3 * PART_BYTES], ids=["in one request", "in parts"])
@pytest.mark.parametrize("error", [ConnectionResetError, FileNotFoundError, KeyError])
def test_an_error_of_whoever_sends_goes_on_as_it_is_and_nothing_is_left(
    store: S3Artifacts, bucket: Bucket, client: Redis, size: int, error: type[Exception]
) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x" * size
        raise error

    with pytest.raises(error):
        store.put("u", "a", "video/mp4", broken(), ttl_s=60)
    assert store.find("u", "a") is None
    store.sweep()
    assert objects(bucket) == []
    assert parts_on_their_way(bucket) == 0
    assert client.keys() == []


def test_what_is_dropped_leaves_the_bucket_with_the_next_sweep(
    store: S3Artifacts, bucket: Bucket, client: Redis
) -> None:
    put(store, "dropped")
    put(store, "kept")
    store.expire("dropped", "a", 0)
    store.sweep()
    assert len(objects(bucket)) == client.zcard("farm:objects") == 1
    assert b"".join(store.read("kept", "a")) == b"one"


def test_a_sweep_deletes_what_expired_a_minute_ago_and_nothing_else(
    store: S3Artifacts, bucket: Bucket, clock: ManualClock
) -> None:
    put(store, "short", ttl_s=60)
    put(store, "long", ttl_s=3600)
    put(store, "kept", ttl_s=60)
    assert store.keep("kept", "a", 3600)
    clock.advance(119)
    store.sweep()
    assert len(objects(bucket)) == 3  # Who began to read it may read to its end.
    clock.advance(1)
    store.sweep()
    assert len(objects(bucket)) == 2
    assert store.find("long", "a") is not None
    assert store.find("kept", "a") is not None


def test_what_is_put_again_does_not_share_its_object(
    store: S3Artifacts, bucket: Bucket, clock: ManualClock
) -> None:
    put(store, ttl_s=60)
    put(store, ttl_s=3600)
    clock.advance(120)
    store.sweep()
    assert len(objects(bucket)) == 1
    assert b"".join(store.read("job.1", "a")) == b"one"


def test_one_sweep_deletes_thousands(store: S3Artifacts, client: Redis) -> None:
    client.zadd("farm:objects", {f"never-there-{number}": 0 for number in range(2500)})
    store.sweep()
    assert client.zcard("farm:objects") == 0


def test_an_object_is_listed_for_deletion_before_its_first_byte(
    store: S3Artifacts, client: Redis, clock: ManualClock
) -> None:
    seen: list[object] = []

    def names() -> list[bytes]:
        return cast("list[bytes]", client.zrange("farm:objects", 0, -1))

    def chunks() -> Iterator[bytes]:
        seen.extend(client.zscore("farm:objects", each) for each in names())
        yield b"x"

    store.put("u", "a", "video/mp4", chunks(), ttl_s=60)
    assert seen == [clock.now().timestamp() * 1000 + DAY_MS]


def test_an_object_that_others_deleted_is_an_eviction(store: S3Artifacts, bucket: Bucket) -> None:
    store.put("u", "a", "video/mp4", [b"x" * 2 * PIECE_BYTES], ttl_s=60)
    begun = store.read("u", "a")
    obstore.delete(plain(bucket), objects(bucket))
    with pytest.raises(ArtifactEvicted):
        store.read("u", "a")  # Before the first byte.
    with pytest.raises(ArtifactEvicted):
        list(begun)
    assert not store.keep("u", "a", 60)


def test_a_server_that_is_away_is_said_to_be_away_and_used_again_when_it_is_back(
    bucket: Bucket, client: Redis, clock: ManualClock
) -> None:
    port = free_port()
    store = S3Artifacts(replace(bucket, endpoint=f"http://127.0.0.1:{port}"), client, clock)
    with s3_server(port) as url:
        httpx.put(f"{url}/{bucket.name}").raise_for_status()
        put(store)
        store.ping()
    for use in (store.ping, lambda: put(store), lambda: store.read("job.1", "a"), store.sweep):
        client.zadd("farm:objects", {"due": 0})
        with pytest.raises(BackendUnavailable):
            use()
    with s3_server(port) as url:
        httpx.put(f"{url}/{bucket.name}").raise_for_status()
        store.sweep()
        put(store)
        assert b"".join(store.read("job.1", "a")) == b"one"


def test_a_bucket_that_is_not_there_is_no_eviction(
    store: S3Artifacts, bucket: Bucket, client: Redis, clock: ManualClock
) -> None:
    put(store)
    lost = S3Artifacts(replace(bucket, name="nowhere"), client, clock)
    for use in (lost.ping, lambda: put(lost, "job.2"), lambda: lost.read("job.1", "a")):
        with pytest.raises(BackendUnavailable, match="does not exist"):
            use()


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_is_said_to_be(
    bucket: Bucket, client: Redis, clock: ManualClock, status: int
) -> None:
    with server_that_says(status) as url:
        store = S3Artifacts(replace(bucket, endpoint=url), client, clock)
        for use in (store.ping, lambda: put(store)):
            with pytest.raises(BackendUnavailable, match="refuses the key"):
                use()
