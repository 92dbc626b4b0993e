"""The client finds jobs again, queues them once more, and asks after the farm itself."""

import json
from inspect import getdoc
from itertools import islice

import httpx
import pytest

from api.app import create_app
from api.settings import ApiSettings
from farm.client.endpoints import Endpoints
from farm.client.errors import RequestInvalid, RequestRefused
from farm.client.http import FarmClient
from farm.jobs.listing import PAGE_MAX, JobFilter
from farm.jobs.states import JobState
from tests.support.builders import MemoryFarm, a_worker
from tests.support.fake_farm import DNS_ERROR, FakeFarm, problem


@pytest.fixture
def farm() -> FakeFarm:
    return FakeFarm()


@pytest.fixture
def client(farm: FakeFarm) -> FarmClient:
    return farm.client(key="")


def test_a_page_of_jobs_is_asked_for_by_what_they_must_have(
    farm: FakeFarm, client: FarmClient
) -> None:
    farm.add_job()
    lost = farm.add_job(tags=["shop"], failure={**DNS_ERROR, "code": "worker_lost"})
    page = client.jobs(state="failed", tag="shop", error="worker_lost", limit=7)
    assert [job.id for job in page.items] == [lost]
    assert page.next is None
    assert dict(farm.requests[0].url.params) == {
        "state": "failed",
        "tag": "shop",
        "error": "worker_lost",
        "limit": "7",
    }


def test_the_next_page_is_asked_for_by_the_cursor(farm: FakeFarm, client: FarmClient) -> None:
    for _ in range(3):
        farm.add_job()
    first = client.jobs(limit=2)
    second = client.jobs(limit=2, cursor=first.next)
    assert [job.id for job in (*first.items, *second.items)] == ["job-3", "job-2", "job-1"]


def test_every_page_is_gone_through_and_each_as_it_is_needed(
    farm: FakeFarm, client: FarmClient
) -> None:
    farm.page_max = 2
    for _ in range(5):
        farm.add_job()
    assert [job.id for job in islice(client.all_jobs(kind="screenshot"), 2)] == ["job-5", "job-4"]
    assert len(farm.requests) == 1
    assert len(list(client.all_jobs())) == 5
    assert len(farm.requests) == 4
    assert farm.requests[0].url.params["limit"] == str(PAGE_MAX)


def test_an_empty_page_before_the_end_is_not_the_end(farm: FakeFarm, client: FarmClient) -> None:
    farm.add_job()
    farm.troubles = [httpx.Response(200, json={"items": [], "next": "1"})]
    assert [job.id for job in client.all_jobs()] == ["job-1"]


def test_a_wrong_question_names_the_field(farm: FakeFarm, client: FarmClient) -> None:
    errors = [{"field": "state", "message": "must be one of ..."}]
    farm.troubles = [problem(422, "invalid_spec", "state: wrong", errors=errors)]
    with pytest.raises(RequestInvalid) as caught:
        client.jobs(state="done")
    assert [error.field for error in caught.value.errors] == ["state"]


def test_the_client_names_every_field_that_jobs_can_be_asked_by() -> None:
    said = getdoc(Endpoints.jobs) or ""
    assert [name for name in JobFilter.model_fields if f"``{name}``" not in said] == []


def test_a_job_is_queued_again(farm: FakeFarm, client: FarmClient) -> None:
    farm.failure = DNS_ERROR
    job = client.retry(farm.add_job())
    assert (job.state, job.attempt, job.retries) == (JobState.QUEUED, 0, 1)
    assert [failure.code for failure in job.previous_failures] == ["dns_error"]
    assert farm.asked == ["POST /v1/jobs/job-1/retry"]
    assert farm.requests[0].content == b""


def test_a_job_is_queued_again_with_the_secrets_it_had(farm: FakeFarm, client: FarmClient) -> None:
    farm.failure = DNS_ERROR
    secrets = {"cookies": [{"name": "session", "value": "hunter2"}]}
    client.retry(farm.add_job(), secrets=secrets)
    assert json.loads(farm.requests[0].content) == secrets


def test_a_job_with_nothing_to_retry_is_told_by_its_code(
    farm: FakeFarm, client: FarmClient
) -> None:
    with pytest.raises(RequestInvalid) as caught:
        client.retry(farm.add_job())
    assert caught.value.code == "nothing_to_retry"


def test_a_full_farm_is_tried_again_when_it_says(farm: FakeFarm, client: FarmClient) -> None:
    farm.troubles = [problem(429, "queue_full", "Full.", headers={"Retry-After": "7"})]
    client.submit({"kind": "screenshot", "url": "https://example.com/"})
    assert len(farm.requests) == 2
    assert 7 <= farm.naps[0] <= 8


def test_a_full_farm_that_asks_for_more_than_half_a_minute_is_told_to_the_caller(
    farm: FakeFarm, client: FarmClient
) -> None:
    farm.troubles = [problem(429, "queue_full", "Full.", headers={"Retry-After": "60"})]
    with pytest.raises(RequestRefused) as caught:
        client.submit({"kind": "screenshot", "url": "https://example.com/"})
    assert (caught.value.code, caught.value.retry_after_s) == ("queue_full", 60)
    assert farm.naps == []


def test_pressure_is_told_queue_by_queue(client: FarmClient) -> None:
    found = client.pressure()
    assert (found.accepting, found.queues["pages"].queued) == (False, 20_000)
    assert found.queues["media"].oldest_wait_s is None


def test_the_door_and_the_client_mean_the_same() -> None:
    farm = MemoryFarm()
    farm.workers.beat(a_worker(), ttl_s=60)
    jobs = [farm.submit(tags=["shop"]) for _ in range(3)]
    farm.service.cancel_or_forget(jobs[0].id)
    app = create_app(ApiSettings(), farm.service)
    with FarmClient("http://localhost:8000", "", transport=httpx.WSGITransport(app)) as client:
        page = client.jobs(tag="shop", host="page.test", limit=1)
        rest = client.jobs(tag="shop", host="page.test", cursor=page.next)
        assert [job.id for job in (*page.items, *rest.items)] == [job.id for job in jobs[::-1]]
        assert [job.id for job in client.all_jobs(state="cancelled")] == [jobs[0].id]
        assert client.retry(jobs[0].id).retries == 1
        assert client.pressure().queues["pages"].queued == 3
        assert [worker.name for worker in client.workers().items] == ["pages@host"]


def test_workers_are_told_with_their_children(client: FarmClient) -> None:
    media, pages = client.workers().items
    assert media.children == ()
    waiting, running = pages.children
    assert waiting.job is None
    assert running.job is not None
    assert running.job.id == "job-7"
