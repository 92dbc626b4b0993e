"""One result for all who ask for the same: seen by the site, whose pages count their loads."""

from typing import Any
from uuid import uuid4

import pytest
from redis import Redis

from dev.stack import Stack
from farm.client.http import FarmClient
from farm.jobs.states import JobState
from farm.jobs.views import JobView
from tests.support.site import Site

TERMINAL_S = 60


@pytest.fixture
def path() -> str:
    """A page that nobody has asked for before."""
    return f"/colours?{uuid4().hex}"


def run_job(client: FarmClient, site: Site, path: str, **fields: Any) -> JobView:
    spec = {"kind": "screenshot", "url": site.url(path), "cache_ttl": 600, **fields}
    job = client.wait(client.submit(spec), timeout_s=TERMINAL_S)
    assert job.state is JobState.SUCCEEDED
    return job


def test_the_second_request_does_not_load_the_page_again(
    client: FarmClient, site: Site, path: str
) -> None:
    first = run_job(client, site, path)
    second = run_job(client, site, path, tags=["again"], viewport={"width": 1280, "height": 800})
    assert site.seen(path) == 1
    assert (first.cached, second.cached) == (False, True)
    assert second.id != first.id
    assert second.report is not None
    assert 0 <= second.report["cache_age_s"] < TERMINAL_S
    assert client.result(second.id) == client.result(first.id)


def test_fresh_loads_it_and_so_does_another_spec(client: FarmClient, site: Site, path: str) -> None:
    run_job(client, site, path)
    assert not run_job(client, site, path, fresh=True).cached
    assert site.seen(path) == 2
    assert not run_job(client, site, path, full_page=True).cached
    assert site.seen(path) == 3


def test_a_picture_outlives_the_job_that_made_it(client: FarmClient, site: Site, path: str) -> None:
    first = run_job(client, site, path)
    picture = client.result(first.id)
    second = run_job(client, site, path)
    assert client.cancel(first.id) is None
    assert client.result(second.id) == picture
    assert run_job(client, site, path).cached
    assert site.seen(path) == 1


def test_an_evicted_picture_is_made_anew(
    farm: Stack, client: FarmClient, site: Site, path: str
) -> None:
    first = run_job(client, site, path)
    with Redis.from_url(farm.redis_url) as redis:
        for key in list(redis.scan_iter(f"farm:artifact:{first.id}.*")):
            redis.delete(key)
    second = run_job(client, site, path)
    assert not second.cached
    assert site.seen(path) == 2
    assert client.result(second.id)


def test_those_that_ask_while_it_is_loading_get_the_same_picture(
    client: FarmClient, site: Site, path: str
) -> None:
    path = f"{path}&wait=2"
    spec = {"kind": "screenshot", "url": site.url(path), "cache_ttl": 600}
    jobs = [client.submit(spec) for _ in range(3)]
    ended = [client.wait(job, timeout_s=TERMINAL_S) for job in jobs]
    assert [job.state for job in ended] == [JobState.SUCCEEDED] * 3
    assert sorted(job.cached for job in ended) == [False, True, True]
    assert len({client.result(job.id) for job in ended}) == 1
    assert site.seen(path) == 1
