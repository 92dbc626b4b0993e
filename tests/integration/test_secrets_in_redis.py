"""Of a caller's secrets nothing is left in a real Redis once the job has ended."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis

from api.app import create_app
from api.settings import ApiSettings
from farm.backends.assembly import assemble
from farm.jobs.errors import DnsError
from farm.jobs.models import Job
from farm.jobs.service import JobService
from tests.support.builders import NOON
from tests.support.redis_contents import everything_in

PASSWORD = "hunter2-hunter2"
COOKIES = [{"name": "session", "value": PASSWORD}]
SECRETS: dict[str, Any] = {
    "extra_http_headers": {"Authorization": PASSWORD},
    "cookies": COOKIES,
    "http_credentials": {"username": "ann", "password": PASSWORD},
    "storage_state": {"cookies": COOKIES},
}
SPEC = {"kind": "screenshot", "url": "http://page.test/"}
WEBHOOK_SECRET = "whsec_" + "c2VjcmV0" * 4


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def service(redis_url: str) -> JobService:
    return assemble(redis_url, None, waiters_max=0)


@pytest.fixture
def client(service: JobService) -> FlaskClient:
    return create_app(ApiSettings(), service).test_client()


def submitted(client: FlaskClient, service: JobService, **fields: Any) -> Job:
    headers = {"Idempotency-Key": "once"}
    answer = client.post("/v1/jobs", json={**SPEC, **SECRETS, **fields}, headers=headers)
    assert answer.status_code == 202
    return service.get(answer.get_json()["id"])


def claim(service: JobService, job: Job) -> Job:
    claimed = job.claimed("w/1", NOON, redeliveries=0)
    assert service.ledger.swap(claimed)
    return claimed


@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled while it ran", "cancelled"])
def test_116_nothing_of_a_secret_is_left_once_the_job_has_ended(
    redis: Redis, service: JobService, client: FlaskClient, end: str
) -> None:
    job = submitted(client, service)
    assert PASSWORD in everything_in(redis), "else this would look for nothing"
    if end != "cancelled":
        job = claim(service, job)
    if end == "succeeded":
        assert service.ledger.swap(job.succeeded(NOON, artifacts=[], report={}))
    elif end == "failed":
        assert service.ledger.swap(job.failed(DnsError("No such host."), NOON))
    else:
        assert client.delete(f"/v1/jobs/{job.id}").status_code == 202
    assert PASSWORD not in everything_in(redis)


def test_an_attempt_that_is_given_back_still_has_them(
    redis: Redis, service: JobService, client: FlaskClient
) -> None:
    job = claim(service, submitted(client, service))
    assert service.ledger.swap(job.after_loss(NOON))
    assert service.get(job.id).spec == job.spec
    assert service.ledger.swap(claim(service, service.get(job.id)).cancelled(NOON))
    assert PASSWORD not in everything_in(redis)


def test_a_retry_brings_them_back_for_as_long_as_it_is_open(
    redis: Redis, service: JobService, client: FlaskClient
) -> None:
    job = submitted(client, service)
    client.delete(f"/v1/jobs/{job.id}")
    assert client.post(f"/v1/jobs/{job.id}/retry").status_code == 409
    assert client.post(f"/v1/jobs/{job.id}/retry", json=SECRETS).status_code == 202
    again = claim(service, service.get(job.id))
    assert again.spec == job.spec
    assert service.ledger.swap(again.succeeded(NOON, artifacts=[], report={}))
    assert PASSWORD not in everything_in(redis)


def test_116_what_signs_a_webhook_goes_with_the_record(
    redis: Redis, service: JobService, client: FlaskClient
) -> None:
    hook = {"webhook_url": "https://hooks.test/", "webhook_secret": WEBHOOK_SECRET}
    job = submitted(client, service, **hook)
    client.delete(f"/v1/jobs/{job.id}")
    assert WEBHOOK_SECRET in everything_in(redis), "the webhook is yet to be signed"
    assert client.delete(f"/v1/jobs/{job.id}").status_code == 204
    assert WEBHOOK_SECRET not in everything_in(redis)
