"""A caller's secrets leave with the end of the job, and come back with a retry alone."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from farm.jobs.errors import BrowserCrashed, DnsError
from farm.jobs.models import Job
from farm.jobs.specs.secrets import SECRET_FIELDS
from farm.jobs.states import JobState
from tests.support.builders import NOON, MemoryFarm, a_job, a_spec
from tests.support.keyed import KeyedFarm

PASSWORD = "hunter2"
COOKIES = [{"name": "session", "value": PASSWORD}]
SECRETS: dict[str, Any] = {
    "extra_http_headers": {"Authorization": PASSWORD},
    "cookies": COOKIES,
    "http_credentials": {"username": "ann", "password": PASSWORD},
    "storage_state": {"cookies": COOKIES, "origins": []},
}
WEBHOOK = {"webhook_url": "https://hooks.test/", "webhook_secret": "whsec_" + "c2VjcmV0" * 4}


def running(**fields: Any) -> Job:
    return a_job(spec=a_spec(full_page=True, **fields)).claimed("w", NOON, redeliveries=0)


def fail(farm: MemoryFarm, job: Job) -> None:
    claimed = job.claimed("w", NOON, redeliveries=0)
    assert farm.ledger.swap(claimed)
    assert farm.ledger.swap(claimed.failed(DnsError("No such host."), NOON))


def test_these_are_the_secrets_of_all_kinds() -> None:
    assert set(SECRET_FIELDS) == {*SECRETS, "headers"}


@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled"])
def test_whatever_the_end_no_secret_outlives_it(end: str) -> None:
    job = running(**SECRETS)
    ended = {
        "succeeded": job.succeeded(NOON, artifacts=[], report={}),
        "failed": job.failed(DnsError("No such host."), NOON),
        "cancelled": job.cancelled(NOON),
    }[end]
    assert PASSWORD in job.model_dump_json()
    assert PASSWORD not in ended.model_dump_json(exclude_unset=True)
    assert ended.spec == a_spec(full_page=True)
    assert ended.spec.model_fields_set == a_spec(full_page=True).model_fields_set
    assert set(ended.dropped_secrets) == set(SECRETS)


def test_a_job_that_is_given_back_has_its_secrets_for_the_next_attempt() -> None:
    job = running(**SECRETS)
    for back in (
        job.given_back(NOON, counted=False),
        job.after_loss(NOON),
        job.after_loss(NOON, BrowserCrashed("It crashed.")),
    ):
        assert back.state is JobState.QUEUED
        assert back.spec == job.spec
    last = a_job(spec=a_spec(max_attempts=1, **SECRETS)).claimed("w", NOON, redeliveries=0)
    assert PASSWORD not in last.after_loss(NOON).model_dump_json()


def test_what_signs_the_webhook_stays_for_its_attempts_come_after_the_end() -> None:
    ended = running(**WEBHOOK, cookies=COOKIES).cancelled(NOON)
    assert ended.spec.webhook_secret == WEBHOOK["webhook_secret"]
    assert ended.dropped_secrets == ("cookies",)


def test_an_ended_job_still_says_what_it_was_given(farm: MemoryFarm, client: FlaskClient) -> None:
    job = farm.submit(**SECRETS, full_page=True)
    before = client.get(f"/v1/jobs/{job.id}").get_json()["spec"]
    fail(farm, job)
    assert client.get(f"/v1/jobs/{job.id}").get_json()["spec"] == before
    assert {name: before[name] for name in SECRETS} == dict.fromkeys(SECRETS, "***")


def test_a_retry_without_the_secrets_names_them_and_queues_nothing(
    farm: MemoryFarm, client: FlaskClient
) -> None:
    job = farm.submit(**SECRETS)
    fail(farm, job)
    given = {"cookies": COOKIES, "storage_state": None}
    answer = client.post(f"/v1/jobs/{job.id}/retry", json=given)
    problem = answer.get_json()
    assert (answer.status_code, problem["code"]) == (409, "secrets_needed")
    named = [error["field"] for error in problem["errors"]]
    assert named == ["extra_http_headers", "http_credentials", "storage_state"]
    assert farm.service.get(job.id).state is JobState.FAILED


def test_a_retry_with_them_is_the_same_job_as_before(farm: MemoryFarm, client: FlaskClient) -> None:
    job = farm.submit(**SECRETS, **WEBHOOK, full_page=True, viewport={"width": 100, "height": 90})
    fail(farm, job)
    answer = client.post(f"/v1/jobs/{job.id}/retry", json=SECRETS)
    assert (answer.status_code, answer.get_json()["state"]) == (202, "queued")
    assert PASSWORD not in answer.text
    again = farm.service.get(job.id)
    assert again.spec == job.spec
    assert again.spec.model_fields_set == job.spec.model_fields_set
    assert again.dropped_secrets == ()
    fail(farm, again)
    assert PASSWORD not in farm.ledger.get(job.id).model_dump_json()


def test_a_probe_s_headers_come_again_as_well(farm: MemoryFarm, client: FlaskClient) -> None:
    headers = {"Authorization": PASSWORD}
    job = farm.submit(kind="probe", url="http://media.test/a.mp4", headers=headers)
    fail(farm, job)
    assert client.post(f"/v1/jobs/{job.id}/retry").status_code == 409
    answer = client.post(f"/v1/jobs/{job.id}/retry", json={"headers": headers})
    assert answer.status_code == 202
    assert farm.service.get(job.id).spec == job.spec


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"cookies": [{"name": "a", "value": "b;c"}]}, "cookies.0.value"),
        ({"cookies": [{"name": "a", "value": "b", "domain": "com"}]}, "cookies"),
        ({"cookies": COOKIES, "url": "http://elsewhere.test/"}, "url"),
        ({"cookies": COOKIES, "extra_http_headers": {"X-A": "b"}}, "extra_http_headers"),
    ],
)
def test_a_wrong_secret_is_422_and_leaves_the_job_as_it_was(
    farm: MemoryFarm, client: FlaskClient, wrong: dict[str, Any], field: str
) -> None:
    job = farm.submit(cookies=COOKIES)
    fail(farm, job)
    before = farm.service.get(job.id)
    answer = client.post(f"/v1/jobs/{job.id}/retry", json=wrong)
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, field)
    assert farm.service.get(job.id) == before


def test_a_secret_of_power_takes_its_scope_again() -> None:
    farm = KeyedFarm()
    holder = farm.holder()
    job_id = holder.submit(extra_http_headers={"X-A": "b"}).get_json()["id"]
    fail(farm, farm.ledger.get(job_id))
    forwarding = {"extra_http_headers": {"X-Forwarded-For": "127.0.0.1"}}
    answer = holder.call("POST", f"/v1/jobs/{job_id}/retry", json=forwarding)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "scope_required")
    assert farm.ledger.get(job_id).state is JobState.FAILED


def test_the_same_key_and_the_same_secrets_queue_it_once(
    farm: MemoryFarm, client: FlaskClient
) -> None:
    job = farm.submit(cookies=COOKIES)
    fail(farm, job)
    address, key = f"/v1/jobs/{job.id}/retry", {"Idempotency-Key": "again"}
    assert client.post(address, headers=key).status_code == 409
    first, second = (client.post(address, json={"cookies": COOKIES}, headers=key) for _ in "ab")
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert farm.service.get(job.id).retries == 1
    other = client.post(address, json={"cookies": []}, headers=key)
    assert (other.status_code, other.get_json()["code"]) == (422, "idempotency_conflict")


def test_what_is_kept_of_a_record_is_read_again() -> None:
    ended = running(**SECRETS).cancelled(NOON)
    written = ended.model_dump_json(exclude_unset=True)
    assert "cookies" not in json.loads(written)["spec"]
    assert Job.model_validate_json(written) == ended
