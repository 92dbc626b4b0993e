"""The promises of ``WorkerDirectory``, kept by every implementation."""

from collections.abc import Iterator

import pytest

from farm.backends.memory import MemoryWorkers
from farm.backends.redis_connection import connect
from farm.backends.redis_workers import RedisWorkers
from farm.jobs.ports import WorkerDirectory
from farm.jobs.workers import BrowserCheck
from tests.support.builders import NOON, a_child, a_worker
from tests.support.waiting import until


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def directory(request: pytest.FixtureRequest) -> Iterator[WorkerDirectory]:
    if request.param == "memory":
        yield MemoryWorkers()
        return
    with connect(request.getfixturevalue("redis_url")) as client:
        yield RedisWorkers(client)


def test_nobody_is_alive_at_first(directory: WorkerDirectory) -> None:
    assert directory.alive() == []
    assert directory.last_browser_check() is None


def test_who_beats_is_alive_until_it_leaves(directory: WorkerDirectory) -> None:
    pages, media = a_worker("pages@a", "pages"), a_worker("media@a", "media")
    directory.beat(pages, ttl_s=60)
    directory.beat(media, ttl_s=60)
    assert directory.alive() == [media, pages]
    directory.leave(media.name)
    assert directory.alive() == [pages]


def test_a_worker_is_listed_with_the_children_that_beat_for_it(directory: WorkerDirectory) -> None:
    pages, media = a_worker("pages@a", "pages"), a_worker("media@a", "media")
    for worker in (pages, media):
        directory.beat(worker, ttl_s=60)
    for pid in (12, 9, 10):
        directory.child_beat(pages.id, a_child(pid), ttl_s=60)
    directory.child_beat("somebody.else", a_child(11), ttl_s=60)
    directory.child_left(pages.id, 10)
    assert directory.alive() == [
        media,
        pages.model_copy(update={"children": (a_child(9), a_child(12))}),
    ]


def test_the_newest_browser_check_is_kept(directory: WorkerDirectory) -> None:
    for version in ("1", "2"):
        check = BrowserCheck(at=NOON, worker="w", version=version, sandbox=True)
        directory.browser_opened(check)
        assert directory.last_browser_check() == check


@pytest.mark.redis
def test_who_stops_beating_is_gone(redis_url: str) -> None:
    with connect(redis_url) as client:
        directory = RedisWorkers(client)
        directory.beat(a_worker(), ttl_s=1)
        until(lambda: not directory.alive(), "the beat has expired")
        assert client.exists("farm:workers") == 0


@pytest.mark.redis
def test_a_child_that_stops_beating_is_gone(redis_url: str) -> None:
    with connect(redis_url) as client:
        directory = RedisWorkers(client)
        worker = a_worker()
        directory.beat(worker, ttl_s=60)
        directory.child_beat(worker.id, a_child(1), ttl_s=1)
        until(lambda: directory.alive() == [worker], "the child's beat has expired")
        directory.child_beat(worker.id, a_child(2), ttl_s=60)
        directory.child_beat(worker.id, a_child(1), ttl_s=1)
        until(lambda: len(directory.alive()[0].children) == 1, "the same beside a living one")
        assert client.smembers(f"farm:children:{worker.id}") == {b"2"}
