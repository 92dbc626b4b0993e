"""Webhooks as the API shows them."""

import base64
from typing import Any

import httpx
from flask.testing import FlaskClient

from api.app import create_app
from api.settings import ApiSettings
from farm.client.http import FarmClient
from farm.jobs.deliveries import Delivery
from farm.jobs.errors import DnsError
from farm.jobs.models import Job
from tests.support.builders import NOON, MemoryFarm
from tests.support.keyed import KeyedFarm

HOOK: dict[str, Any] = {
    "webhook_url": "https://hooks.test/",
    "webhook_secret": "whsec_" + base64.b64encode(b"hunter2" * 4).decode(),
}


def fail(farm: MemoryFarm, job: Job) -> Job:
    failed = job.failed(DnsError("Gone."), NOON)
    assert farm.ledger.swap(failed)
    return failed


def give_up(farm: MemoryFarm, job: Job) -> None:
    farm.deliveries.record(
        job, Delivery(revision=job.revision, state="failed", attempts=6, last_error="http_500")
    )


def test_a_job_says_how_it_stands_with_its_webhook(farm: MemoryFarm, client: FlaskClient) -> None:
    job = farm.submit(**HOOK)
    pending = {"state": "pending", "attempts": 0, "last_error": None}
    assert client.get(f"/v1/jobs/{job.id}").get_json()["webhook"] == pending
    give_up(farm, fail(farm, job))
    found = client.get(f"/v1/jobs/{job.id}").get_json()
    assert found["webhook"] == {"state": "failed", "attempts": 6, "last_error": "http_500"}
    assert found["spec"]["webhook_secret"] == "***"
    assert client.get("/v1/jobs").get_json()["items"] == [found]


def test_a_job_without_one_says_null(farm: MemoryFarm, client: FlaskClient) -> None:
    job = farm.submit()
    assert client.get(f"/v1/jobs/{job.id}").get_json()["webhook"] is None


def test_the_etag_changes_with_the_webhook(farm: MemoryFarm, client: FlaskClient) -> None:
    job = fail(farm, farm.submit(**HOOK))
    before = client.get(f"/v1/jobs/{job.id}").headers["ETag"]
    same = client.get(f"/v1/jobs/{job.id}", headers={"If-None-Match": before})
    give_up(farm, job)
    after = client.get(f"/v1/jobs/{job.id}", headers={"If-None-Match": before})
    assert (same.status_code, after.status_code) == (304, 200)


def test_an_ended_jobs_webhook_is_delivered_again(farm: MemoryFarm, client: FlaskClient) -> None:
    job = fail(farm, farm.submit(**HOOK))
    give_up(farm, job)
    answer = client.post(f"/v1/jobs/{job.id}/webhook")
    assert answer.status_code == 202
    assert answer.get_json()["webhook"] == {"state": "pending", "attempts": 0, "last_error": None}
    assert farm.deliveries.take(NOON, NOON, 1) == [job]


def test_an_open_jobs_webhook_is_not(farm: MemoryFarm, client: FlaskClient) -> None:
    answer = client.post(f"/v1/jobs/{farm.submit(**HOOK).id}/webhook")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "not_finished")


def test_the_client_has_it_delivered_again(farm: MemoryFarm) -> None:
    job = fail(farm, farm.submit(**HOOK))
    give_up(farm, job)
    transport = httpx.WSGITransport(create_app(ApiSettings(), farm.service))
    with FarmClient("http://localhost:8000", "", transport=transport) as client:
        webhook = client.deliver_again(job.id).webhook
    assert webhook is not None
    assert (webhook.state, webhook.attempts) == ("pending", 0)


def test_anothers_webhook_is_unknown() -> None:
    farm = KeyedFarm()
    one, other = farm.holder(), farm.holder()
    job_id = one.submit(**HOOK).get_json()["id"]
    answer = other.call("POST", f"/v1/jobs/{job_id}/webhook")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "unknown_job")
