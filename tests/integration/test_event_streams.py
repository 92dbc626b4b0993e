"""Events through gunicorn: threads and places that come free, and a real browser's EventSource."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest
from playwright.sync_api import Browser
from redis import Redis

from farm.backends.assembly import assemble
from farm.backends.redis_connection import connect
from farm.jobs.models import Job
from farm.jobs.service import JobService
from tests.support.builders import NOON, a_spec
from tests.support.doors import Door, door
from tests.support.waiting import until

PLACES = 2
NO_PLACE = "retry: 5000"


class Farm:
    """The API with two places, and the rules over the same Redis."""

    def __init__(self, door: Door, service: JobService) -> None:
        self.door = door
        self.service = service
        self.http = httpx.Client(base_url=door.url, trust_env=False, timeout=20)

    def submit(self) -> Job:
        return self.service.submit(a_spec())

    def run(self, job: Job) -> Job:
        running = job.claimed("worker-1", NOON, redeliveries=0)
        assert self.service.ledger.swap(running)
        return running

    def end(self, job: Job) -> None:
        assert self.service.ledger.swap(job.cancelled(self.service.clock.now()))

    @contextmanager
    def following(self, job: Job) -> Iterator[Iterator[str]]:
        path = f"/v1/jobs/{job.id}/events"
        with self.http.stream("GET", path) as answer:
            assert answer.status_code == 200
            yield answer.iter_lines()

    def has_place(self, job: Job) -> bool:
        with self.following(job) as lines:
            return next(lines) != NO_PLACE


@pytest.fixture
def farm(redis_url: str) -> Iterator[Farm]:
    with connect(redis_url) as client, door(redis_url, FARM_WAITERS_MAX=str(PLACES)) as served:
        service = assemble(redis_url, None, waiters_max=0, client=client)
        farm = Farm(served, service)
        with farm.http:
            yield farm


def states(lines: Iterator[str]) -> list[str]:
    return [line.partition('"state":"')[2].split('"')[0] for line in lines if "data: " in line]


def test_each_change_is_told_at_once(farm: Farm) -> None:
    job = farm.submit()
    with farm.following(job) as lines:
        until(lambda: "queued" in next(lines), "the first state is told")
        running = farm.run(job)
        began = time.monotonic()
        until(lambda: "running" in next(lines), "the second state is told")
        farm.end(running)
        assert states(lines) == ["cancelled"]
        assert time.monotonic() - began < 2


def test_clients_that_vanish_free_their_places(farm: Farm) -> None:
    job = farm.submit()
    with farm.following(job) as first, farm.following(job) as second:
        assert {next(first), next(second)} == {"retry: 2000"}
        assert not farm.has_place(job)
        assert farm.http.get("/healthz").is_success
    until(lambda: farm.has_place(job), "a place is free", 15)


def test_a_farm_that_stops_does_not_wait_for_those_who_follow(farm: Farm) -> None:
    with farm.following(farm.submit()) as lines:
        next(lines)
        began = time.monotonic()
        farm.door.master.terminate()
        with suppress(httpx.RemoteProtocolError):
            list(lines)
        farm.door.master.wait(20)
        assert time.monotonic() - began < 15


def test_a_redis_that_is_restarted_ends_no_stream(farm: Farm, redis_url: str) -> None:
    job = farm.submit()
    with farm.following(job) as lines:
        until(lambda: "queued" in next(lines), "the first state is told")
        with Redis.from_url(redis_url) as redis:
            redis.client_kill_filter(skipme=True)
        farm.end(job)
        assert states(lines) == ["cancelled"]


def test_a_browser_s_eventsource_follows_comes_back_and_stops(
    farm: Farm, chromium: Browser
) -> None:
    job = farm.submit()
    with chromium.new_page() as page:
        page.goto(f"{farm.door.url}/healthz")
        page.evaluate(
            """path => {
                window.told = [];
                window.source = new EventSource(path);
                source.addEventListener("state", event =>
                    told.push([event.lastEventId, JSON.parse(event.data).state]));
            }""",
            f"/v1/jobs/{job.id}/events",
        )
        page.wait_for_function("told.length == 1")
        farm.end(farm.run(job))
        page.wait_for_function("source.readyState == EventSource.CLOSED")
        told = page.evaluate("told")
        assert told[0] == ["1", "queued"]
        assert told[-1] == ["3", "cancelled"]
        assert len(told) == len({number for number, _ in told})
