"""Keys and counts in a real Redis, shared by processes and cheap for each request."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis

from api.app import create_app
from api.settings import ApiSettings
from farm.backends.assembly import assemble
from farm.backends.redis_connection import connect
from farm.jobs.key_service import KNOWN_FOR_S
from tests.support.waiting import until

SPEC = {"kind": "screenshot", "url": "http://page.test/"}
ALL = ["keys", "jobs:read", "jobs:write"]


def process(redis_url: str, **settings: Any) -> Flask:
    """Return the API as one process has it."""
    client = connect(redis_url)
    service = assemble(redis_url, None, waiters_max=0, client=client)
    return create_app(ApiSettings(**settings), service, client.connection_pool)


def first_key(app: Flask) -> dict[str, str]:
    made = app.test_client().post("/v1/keys", json={"name": "operator", "scopes": ALL})
    return bearer(made.get_json()["key"])


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


def commands(redis: Redis) -> int:
    """Return how many commands Redis has served, but for those that this asks with."""
    stats: dict[str, Any] = redis.info("commandstats")
    return sum(each["calls"] for name, each in stats.items() if name != "cmdstat_info")


def test_a_key_of_one_process_is_good_in_the_other_and_out_within_a_second(redis_url: str) -> None:
    one, other = process(redis_url), process(redis_url)
    client = other.test_client()
    assert client.get("/v1/jobs").status_code == 200
    operator = first_key(one)
    assert client.get("/v1/jobs", headers=operator).status_code == 200
    until(lambda: client.get("/v1/jobs").status_code == 401, "keys are on", timeout_s=1)
    made = one.test_client().post("/v1/keys", json={"name": "shop"}, headers=operator).get_json()
    assert client.get("/v1/jobs", headers=bearer(made["key"])).status_code == 200
    one.test_client().delete(f"/v1/keys/{made['id']}", headers=operator)

    def is_out() -> bool:
        return client.get("/v1/jobs", headers=bearer(made["key"])).status_code == 401

    until(is_out, "the key is out", timeout_s=1)


def test_redis_holds_no_key_s_secret(redis_url: str, redis: Redis) -> None:
    secret = first_key(process(redis_url))["Authorization"][-43:]
    found = str(redis.hgetall("door:keys"))
    assert "secret_sha256" in found
    assert secret not in found


def reads(client: FlaskClient, headers: dict[str, str], job_id: str) -> None:
    for _ in range(50):
        assert client.get(f"/v1/jobs/{job_id}", headers=headers).status_code == 200


def test_a_request_with_a_key_costs_redis_no_command_more(redis_url: str, redis: Redis) -> None:
    app = process(redis_url)
    client = app.test_client()
    operator = first_key(app)
    job_id = client.post("/v1/jobs", json=SPEC, headers=operator).get_json()["id"]
    reads(client, operator, job_id)
    before = commands(redis)
    reads(client, operator, job_id)
    # One reads the job. The keys are read once, or twice on a very slow machine.
    assert commands(redis) - before <= 50 + 2 + 2 / KNOWN_FOR_S


def test_processes_count_requests_together(redis_url: str, redis: Redis) -> None:
    one, other = (process(redis_url, requests_per_minute=3).test_client() for _ in range(2))
    answers = [each.get("/v1/jobs").status_code for each in (one, other, one, other, one)]
    assert answers == [200, 200, 200, 429, 429]
    kept = [key for key in redis.scan_iter() if key.startswith(b"door:rates")]
    assert kept
    assert all(0 < redis.pttl(key) <= 120_000 for key in kept)


def test_108_processes_count_wrong_keys_together(redis_url: str) -> None:
    one, other = process(redis_url), process(redis_url)
    first_key(one)
    answers = [each.test_client().get("/v1/jobs").status_code for each in [one, other] * 11]
    assert answers == [*[401] * 20, 429, 429]
