"""Idempotency keys in a real Redis, where processes race."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from werkzeug.test import TestResponse

from api.app import create_app
from api.settings import ApiSettings
from farm.backends.assembly import assemble
from farm.backends.redis_connection import connect
from farm.jobs.errors import DnsError
from farm.jobs.service import JobService
from tests.support.builders import NOON

SPEC = {"kind": "screenshot", "url": "http://page.test/"}
KEY = {"Idempotency-Key": "order 7"}
MANY = 20


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def farms(redis_url: str) -> list[JobService]:
    """One farm, as two processes have it."""
    clients = [connect(redis_url) for _ in range(2)]
    return [assemble(redis_url, None, waiters_max=0, client=client) for client in clients]


@pytest.fixture
def apps(farms: list[JobService]) -> list[Flask]:
    return [create_app(ApiSettings(), farm) for farm in farms]


def at_once(apps: list[Flask], path: str, **sent: Any) -> list[TestResponse]:
    """Return the answers to the same request of many callers, sent in the same moment."""
    start = Barrier(MANY)

    def post(number: int) -> TestResponse:
        client = apps[number % len(apps)].test_client()
        start.wait(10)
        return client.post(path, headers=KEY, **sent)

    with ThreadPoolExecutor(MANY) as pool:
        return list(pool.map(post, range(MANY)))


def said(answers: list[TestResponse]) -> Counter[tuple[int, str | None]]:
    return Counter(
        (answer.status_code, answer.headers.get("Idempotency-Replayed")) for answer in answers
    )


def fail(farm: JobService, job_id: str) -> None:
    claimed = farm.ledger.get(job_id).claimed("worker-1", NOON, redeliveries=0)
    assert farm.ledger.swap(claimed)
    assert farm.ledger.swap(claimed.failed(DnsError("No such host."), NOON))


def test_110_twenty_at_once_are_one_job(apps: list[Flask], redis: Redis) -> None:
    answers = at_once(apps, "/v1/jobs", json=SPEC)
    assert said(answers) == {(202, None): 1, (202, "true"): MANY - 1}
    assert len({answer.get_json()["id"] for answer in answers}) == 1
    assert len(apps[0].test_client().get("/v1/jobs").get_json()["items"]) == 1
    assert redis.zcard("farm:queued:pages") == 1
    assert redis.get("farm:number") == b"1"


def test_110_twenty_retries_at_once_are_one(apps: list[Flask], farms: list[JobService]) -> None:
    job_id = apps[0].test_client().post("/v1/jobs", json=SPEC).get_json()["id"]
    fail(farms[0], job_id)
    answers = at_once(apps, f"/v1/jobs/{job_id}/retry")
    assert said(answers) == {(202, None): 1, (202, "true"): MANY - 1}
    assert farms[0].ledger.get(job_id).retries == 1


def test_110_twenty_uploads_at_once_are_one(apps: list[Flask], redis: Redis) -> None:
    answers = at_once(apps, "/v1/uploads", data=b"abc" * 100_000)
    assert said(answers) == {(201, None): 1, (201, "true"): MANY - 1}
    (upload_id,) = {answer.get_json()["id"] for answer in answers}
    kept = {key.split(b":")[2].decode() for key in redis.scan_iter("farm:artifact:*")}
    assert kept == {upload_id}


def test_a_job_past_its_retention_is_410_and_not_made_anew(
    apps: list[Flask], farms: list[JobService], redis: Redis
) -> None:
    client = apps[0].test_client()
    job_id = client.post("/v1/jobs", json=SPEC, headers=KEY).get_json()["id"]
    fail(farms[0], job_id)
    redis.delete(f"farm:job:{job_id}")  # As its expiry does.
    answer = client.post("/v1/jobs", json=SPEC, headers=KEY)
    assert (answer.status_code, answer.get_json()["code"]) == (410, "job_expired")
    assert not redis.exists(f"farm:job:{job_id}")


def test_all_that_is_kept_of_a_key_expires(apps: list[Flask], redis: Redis) -> None:
    client = apps[0].test_client()
    job_id = client.post("/v1/jobs", json=SPEC, headers=KEY).get_json()["id"]
    for _ in range(2):  # Cancelled, then forgotten.
        client.delete(f"/v1/jobs/{job_id}")
    assert client.post("/v1/jobs", json=SPEC, headers=KEY).status_code == 410
    kept = [*redis.scan_iter("farm:reserved:*"), *redis.scan_iter("farm:spent:*")]
    assert len(kept) == 2
    assert all(0 < redis.ttl(key) <= 24 * 3600 for key in kept)
