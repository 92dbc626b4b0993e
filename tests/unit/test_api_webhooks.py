"""Webhooks as the API shows them."""

import base64
from datetime import timedelta
from typing import Any

import httpx
import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.settings import ApiSettings
from farm.client.http import FarmClient
from farm.jobs.deliveries import Answer, Delivery
from farm.jobs.errors import DnsError
from farm.jobs.listing import JobFilter
from farm.jobs.models import Job
from farm.jobs.specs.base import secret_bytes
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


ON_COMPLETE: dict[str, Any] = {"on_complete": {"webhook_url": "https://hooks.test/batch"}}
PENDING = {"state": "pending", "attempts": 0, "last_error": None}
GONE = Answer(error="http_410", is_final=True)


def submit_batch(client: FlaskClient, *, count: int = 2, **options: Any) -> str:
    items = [f"http://page.test/{number}" for number in range(count)]
    body = {"defaults": {"kind": "screenshot"}, "items": items, **options}
    answer = client.post("/v1/batches", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.get_json()["id"])


def fail_batch(farm: MemoryFarm, batch_id: str) -> None:
    for job in farm.service.listed(JobFilter(batch=batch_id), None, 10).jobs:
        fail(farm, job)


def give_up_batch(farm: MemoryFarm, batch_id: str) -> None:
    (notice,) = farm.notices.latest([farm.batches.get(batch_id)]).values()
    before = Delivery(revision=notice.revision)
    assert farm.notices.record(notice, before.after(GONE, NOON, jitter=0))


def test_a_batch_says_how_it_stands_with_its_webhook(farm: MemoryFarm, client: FlaskClient) -> None:
    batch_id = submit_batch(client, **ON_COMPLETE)
    path = f"/v1/batches/{batch_id}"
    assert client.get(path).get_json()["webhook"] == PENDING
    fail_batch(farm, batch_id)
    assert client.get(path).get_json()["webhook"] == PENDING
    give_up_batch(farm, batch_id)
    found = client.get(path).get_json()
    assert found["webhook"] == {"state": "failed", "attempts": 1, "last_error": "http_410"}
    assert client.get("/v1/batches").get_json()["items"] == [found]


def test_a_batch_without_one_says_null(client: FlaskClient) -> None:
    batch_id = submit_batch(client)
    assert client.get(f"/v1/batches/{batch_id}").get_json()["webhook"] is None


def test_a_batchs_webhook_is_delivered_again(farm: MemoryFarm, client: FlaskClient) -> None:
    batch_id = submit_batch(client, **ON_COMPLETE)
    fail_batch(farm, batch_id)
    give_up_batch(farm, batch_id)
    headers = {"Idempotency-Key": "again"}
    for is_replay in (None, "true"):
        answer = client.post(f"/v1/batches/{batch_id}/webhook", headers=headers)
        assert (answer.status_code, answer.get_json()["webhook"]) == (202, PENDING)
        assert answer.headers.get("Idempotency-Replayed") == is_replay
    (notice,) = farm.notices.take(NOON, NOON, 10)
    assert (notice.standing.batch.id, notice.event) == (batch_id, "finished")


def test_a_batch_with_nothing_to_tell_is_told_of_to_nobody(client: FlaskClient) -> None:
    for options, code in (({}, "nothing_to_deliver"), (ON_COMPLETE, "not_finished")):
        batch_id = submit_batch(client, **options)
        answer = client.post(f"/v1/batches/{batch_id}/webhook")
        assert (answer.status_code, answer.get_json()["code"]) == (409, code)
    answer = client.post("/v1/batches/nope/webhook")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "unknown_batch")


def test_webhooks_that_were_given_up_are_listed_together(
    farm: MemoryFarm, client: FlaskClient
) -> None:
    batch_id = submit_batch(client, count=1, **ON_COMPLETE)
    fail_batch(farm, batch_id)
    give_up_batch(farm, batch_id)
    job = fail(farm, farm.submit(**HOOK))
    later = NOON + timedelta(milliseconds=1)
    farm.deliveries.record(job, Delivery(revision=job.revision).after(GONE, later, jitter=0))
    of_job, of_batch = client.get("/v1/webhooks/failed").get_json()["items"]
    assert of_job == {
        "type": "job.failed",
        "job_id": job.id,
        "batch_id": None,
        "webhook_url": "https://hooks.test/",
        "attempts": 1,
        "last_error": "http_410",
        "failed_at": "2026-01-01T12:00:00.001Z",
        "links": {"self": f"/v1/jobs/{job.id}", "deliver": f"/v1/jobs/{job.id}/webhook"},
    }
    assert (of_batch["type"], of_batch["batch_id"]) == ("batch.finished", batch_id)
    assert "hunter2" not in client.get("/v1/webhooks/failed").text
    first = client.get("/v1/webhooks/failed?limit=1").get_json()
    assert first["items"] == [of_job]
    last = client.get(f"/v1/webhooks/failed?limit=1&cursor={first['next']}").get_json()
    assert (last["items"], last["next"]) == ([of_batch], None)
    for each in (of_job, of_batch):
        assert client.post(each["links"]["deliver"]).status_code == 202
    assert client.get("/v1/webhooks/failed").get_json() == {"items": [], "next": None}


def test_anothers_given_up_webhooks_are_not_listed() -> None:
    farm = KeyedFarm()
    one, other = farm.holder(), farm.holder()
    job = fail(farm, farm.ledger.get(one.submit(**HOOK).get_json()["id"]))
    farm.deliveries.record(job, Delivery(revision=job.revision).after(GONE, NOON, jitter=0))
    assert len(one.get("/v1/webhooks/failed").get_json()["items"]) == 1
    assert other.get("/v1/webhooks/failed").get_json()["items"] == []


SECRETS = "/v1/webhooks/secret"


def rotate(client: FlaskClient, key: str | None = None, **wanted: int) -> list[dict[str, Any]]:
    headers = {} if key is None else {"Idempotency-Key": key}
    answer = client.post(SECRETS, json=wanted, headers=headers)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.get_json()["secrets"]
    assert client.get(SECRETS).get_json()["secrets"] == found
    return found


def test_a_new_secret_takes_the_place_of_the_one_before_in_its_time(
    farm: MemoryFarm, client: FlaskClient
) -> None:
    assert client.get(SECRETS).get_json() == {"secrets": []}
    (first,) = rotate(client)
    assert first["until"] is None
    assert len(secret_bytes(first["secret"])) == 32
    second, before = rotate(client, overlap=3600)
    assert second["secret"] != first["secret"]
    assert before == {**first, "until": "2026-01-01T13:00:00.000Z"}
    farm.clock.advance(3600)
    assert client.get(SECRETS).get_json()["secrets"] == [second]


def test_a_secret_that_has_leaked_ends_at_once_and_those_before_it_too(client: FlaskClient) -> None:
    for _ in range(3):
        rotate(client)
    (alone,) = rotate(client, overlap=0)
    assert alone["until"] is None


def test_of_many_secrets_few_sign(client: FlaskClient) -> None:
    made = [rotate(client)[0]["secret"] for _ in range(9)]
    found = [each["secret"] for each in rotate(client)]
    assert found[1:] == made[:-5:-1]


def test_110_the_same_request_twice_makes_one_secret(client: FlaskClient) -> None:
    first = rotate(client, key="once", overlap=60)
    assert rotate(client, key="once", overlap=60) == first
    answer = client.post(SECRETS, json={"overlap": 61}, headers={"Idempotency-Key": "once"})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "idempotency_conflict")


@pytest.mark.parametrize("overlap", [-1, 604_801, "60", 1.5, None])
def test_an_overlap_that_is_none_is_422_naming_it(client: FlaskClient, overlap: object) -> None:
    answer = client.post(SECRETS, json={"overlap": overlap})
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == "overlap"
    assert client.get(SECRETS).get_json() == {"secrets": []}


def test_each_key_has_secrets_of_its_own() -> None:
    farm = KeyedFarm()
    one, other, reader = farm.holder(), farm.holder(), farm.holder("jobs:read")
    assert one.call("POST", SECRETS, json={}).status_code == 200
    assert len(one.get(SECRETS).get_json()["secrets"]) == 1
    assert other.get(SECRETS).get_json()["secrets"] == []
    assert reader.get(SECRETS).status_code == 403
