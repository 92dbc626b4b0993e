"""A batch over a real Redis, whose API dies in the middle of taking it."""

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from redis import Redis

from api.app import create_app
from api.settings import ApiSettings
from farm.backends.assembly import assemble
from farm.backends.redis_connection import connect
from farm.jobs.batches.service import Batches
from farm.jobs.listing import JobFilter
from farm.jobs.service import JobService, Limits
from tasks.dispatcher.batches import BatchKeeper
from tests.support.dying_acceptance import LINES, submitted

URLS = [f"https://host-{number % 7}.test/{number}" for number in range(1000)]


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def farm(redis_url: str) -> JobService:
    return assemble(redis_url, None, waiters_max=0, client=connect(redis_url))


def die(redis_url: str, when: str) -> None:
    command = [sys.executable, "-m", "tests.support.dying_acceptance", redis_url, when]
    assert subprocess.run(command, check=False, timeout=60).returncode == -signal.SIGKILL


def taken(farm: JobService) -> Counter[str | None]:
    """Return how often each URL is given out, until nothing waits any more."""
    found: Counter[str | None] = Counter()
    while jobs := farm.ledger.take_turns("pages", 100, farm.clock.now()):
        for job in jobs:
            found[job.spec.url] += 1
            farm.ledger.swap(job.cancelled(farm.clock.now()))
    return found


def test_of_a_batch_that_was_never_whole_nobody_sees_anything(
    farm: JobService, redis: Redis, redis_url: str
) -> None:
    die(redis_url, "before")
    assert Batches(farm).listed(None, 10).batches == ()
    assert farm.listed(JobFilter(), None, 10).jobs == ()
    assert farm.pressure()["pages"].queued == 0
    BatchKeeper(farm).step()
    assert farm.listed(JobFilter(), None, 10).jobs == ()
    (draft,) = redis.scan_iter("farm:draft:*")
    assert 0 < redis.ttl(draft) <= 600
    # Its caller asks again, with the same key.
    batch_id = submitted(farm)
    assert Batches(farm).get(batch_id).progress.queued == LINES
    assert set(taken(farm).values()) == {1}


def test_what_has_become_a_batch_is_filed_to_its_end(
    farm: JobService, redis: Redis, redis_url: str
) -> None:
    die(redis_url, "after")
    (standing,) = Batches(farm).listed(None, 10).batches
    assert (standing.progress.queued, standing.progress.total) == (LINES, LINES)
    assert 0 < farm.pressure()["pages"].queued < LINES
    # Its caller asks again before the dispatcher has come to it.
    assert submitted(farm) == standing.batch.id
    BatchKeeper(farm).step()
    assert farm.pressure()["pages"].queued == LINES
    assert not list(redis.scan_iter("farm:unfiled:*"))
    assert not list(redis.scan_iter("farm:chunks:*"))
    found = taken(farm)
    assert (len(found), set(found.values())) == (LINES, {1})
    assert Batches(farm).get(standing.batch.id).progress.cancelled == LINES


def test_any_number_may_file_a_batch_at_once(redis_url: str, farm: JobService) -> None:
    die(redis_url, "after")
    farms = [assemble(redis_url, None, waiters_max=0) for _ in range(4)]
    start = Barrier(len(farms))

    def step(each: JobService) -> None:
        start.wait()
        BatchKeeper(each).step()

    with ThreadPoolExecutor(len(farms)) as pool:
        list(pool.map(step, farms))
    found = taken(farm)
    assert (len(found), set(found.values())) == (LINES, {1})


def test_of_many_requests_with_one_key_one_makes_the_batch(
    redis_url: str, farm: JobService, redis: Redis
) -> None:
    apps = [create_app(ApiSettings(), assemble(redis_url, None, waiters_max=0)) for _ in range(2)]
    many = 6
    start = Barrier(many)
    body = "\n".join([*URLS, "nonsense"])

    def post(number: int) -> Any:
        client = apps[number % len(apps)].test_client()
        start.wait()
        return client.post(
            "/v1/batches?kind=pdf",
            data=body,
            content_type="text/plain",
            headers={"Idempotency-Key": "k"},
        )

    with ThreadPoolExecutor(many) as pool:
        answers = list(pool.map(post, range(many)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json["id"] for answer in answers}) == 1
    assert {len(answer.json["rejected"]) for answer in answers} == {1}
    replays = Counter("Idempotency-Replayed" in answer.headers for answer in answers)
    assert replays == {False: 1, True: many - 1}
    assert not list(redis.scan_iter("farm:draft:*"))
    assert farm.pressure()["pages"].queued == len(URLS)


def test_quotas_hold_however_many_batches_come_at_once(redis_url: str, farm: JobService) -> None:
    settings = ApiSettings(open_jobs_max=2500)
    apps = []
    for _ in range(2):
        service = assemble(redis_url, None, waiters_max=0)
        limits = Limits(owner_max=settings.open_jobs_max)
        apps.append(create_app(settings, replace(service, limits=limits)))
    many = 6
    start = Barrier(many)

    def post(number: int) -> int:
        client = apps[number % len(apps)].test_client()
        start.wait()
        body = "\n".join(URLS)
        return client.post("/v1/batches?kind=pdf", data=body, content_type="text/plain").status_code

    with ThreadPoolExecutor(many) as pool:
        answers = Counter(pool.map(post, range(many)))
    assert answers == {202: 2, 429: many - 2}
    assert farm.pressure()["pages"].queued == 2 * len(URLS)


def test_how_far_a_batch_is_costs_one_read_whatever_its_size(
    farm: JobService, redis: Redis
) -> None:
    batch_id = submitted(farm)
    farm.batches.get(batch_id)  # It may have to connect first.
    redis.config_resetstat()
    assert farm.batches.get(batch_id).progress.total == LINES
    stats = redis.info("commandstats")
    calls = {name: found["calls"] for name, found in stats.items() if "config" not in name}
    assert {name: count for name, count in calls.items() if "info" not in name} == {
        "cmdstat_hgetall": 1
    }
