"""Queueing a job again over HTTP."""

from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.settings import ApiSettings
from farm.jobs.errors import DnsError, WorkerLost
from farm.jobs.models import Job
from farm.jobs.service import Limits
from tests.support.builders import NOON, MemoryFarm

LOST: dict[str, Any] = {
    "code": "worker_lost",
    "message": "The worker vanished.",
    "retryable": True,
    "docs": "/docs/errors#worker_lost",
}


def claim(farm: MemoryFarm, job: Job) -> Job:
    claimed = job.claimed("worker-1", NOON, redeliveries=0)
    assert farm.ledger.swap(claimed)
    return claimed


def lose(farm: MemoryFarm, job: Job) -> None:
    assert farm.ledger.swap(claim(farm, job).failed(WorkerLost(LOST["message"]), NOON))


def test_a_failed_job_is_queued_again_as_the_same_job(
    farm: MemoryFarm, client: FlaskClient
) -> None:
    job = farm.submit(tags=["a"])
    lose(farm, job)
    answer = client.post(f"/v1/jobs/{job.id}/retry")
    found = answer.get_json()
    assert (answer.status_code, answer.headers["Retry-After"]) == (202, "1")
    assert (found["id"], found["state"], found["tags"]) == (job.id, "queued", ["a"])
    assert (found["attempt"], found["retries"]) == (0, 1)
    assert (found["failure"], found["previous_failures"]) == (None, [LOST])
    assert (found["finished_at"], found["expires_at"]) == (None, None)
    assert client.get(f"/v1/jobs/{job.id}").json == found
    assert farm.queue.count(job.id) == 2


def test_each_retry_keeps_what_was_before_it(farm: MemoryFarm, client: FlaskClient) -> None:
    job = farm.submit()
    lose(farm, job)
    client.post(f"/v1/jobs/{job.id}/retry")
    claimed = claim(farm, farm.service.get(job.id))
    farm.ledger.swap(claimed.failed(DnsError("No such host."), NOON))
    found = client.post(f"/v1/jobs/{job.id}/retry").get_json()
    assert found["retries"] == 2
    assert [failure["code"] for failure in found["previous_failures"]] == [
        "worker_lost",
        "dns_error",
    ]


def test_a_cancelled_job_is_queued_again_and_had_no_failure(
    farm: MemoryFarm, client: FlaskClient
) -> None:
    job = farm.submit()
    client.delete(f"/v1/jobs/{job.id}")
    answer = client.post(f"/v1/jobs/{job.id}/retry")
    assert (answer.status_code, answer.get_json()["previous_failures"]) == (202, [])


@pytest.mark.parametrize("state", ["queued", "running", "succeeded"])
def test_a_job_that_has_not_failed_is_409_and_stays_as_it_is(
    farm: MemoryFarm, client: FlaskClient, state: str
) -> None:
    job = farm.submit()
    if state != "queued":
        claimed = claim(farm, job)
        if state == "succeeded":
            farm.ledger.swap(claimed.succeeded(NOON, artifacts=[], report={}))
    before = client.get(f"/v1/jobs/{job.id}").json
    answer = client.post(f"/v1/jobs/{job.id}/retry")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "nothing_to_retry")
    assert state in answer.get_json()["detail"]
    assert "Retry-After" not in answer.headers
    assert client.get(f"/v1/jobs/{job.id}").json == before


def test_a_second_retry_finds_nothing_to_do(farm: MemoryFarm, client: FlaskClient) -> None:
    job = farm.submit()
    lose(farm, job)
    statuses = [client.post(f"/v1/jobs/{job.id}/retry").status_code for _ in range(2)]
    assert statuses == [202, 409]
    assert farm.service.get(job.id).retries == 1


@pytest.mark.parametrize("job_id", ["nope", "%00", "%ff", "a%0d%0ab: c", "*", "é", "x" * 5000])
def test_an_unknown_id_is_404(client: FlaskClient, job_id: str) -> None:
    answer = client.post(f"/v1/jobs/{job_id}/retry")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "unknown_job")


def test_a_job_past_its_retention_is_410(farm: MemoryFarm, client: FlaskClient) -> None:
    job = farm.submit(retention=60)
    lose(farm, job)
    farm.clock.advance(60)
    answer = client.post(f"/v1/jobs/{job.id}/retry")
    assert (answer.status_code, answer.get_json()["code"]) == (410, "job_expired")


def test_a_probe_whose_upload_is_gone_is_422_and_stays_failed(
    farm: MemoryFarm, client: FlaskClient
) -> None:
    upload = farm.service.upload(None, "video/mp4", [b"a"])
    job = farm.submit(kind="probe", url=None, upload_id=upload.id)
    lose(farm, job)
    farm.service.forget_upload(upload.id)
    answer = client.post(f"/v1/jobs/{job.id}/retry")
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, "upload_id")
    assert client.get(f"/v1/jobs/{job.id}").get_json()["state"] == "failed"


@pytest.mark.parametrize("content", [b"", b"{}"])
def test_an_empty_body_is_as_good_as_none(
    farm: MemoryFarm, client: FlaskClient, content: bytes
) -> None:
    job = farm.submit()
    lose(farm, job)
    answer = client.post(f"/v1/jobs/{job.id}/retry", data=content, content_type="application/json")
    assert (answer.status_code, answer.get_json()["state"]) == (202, "queued")


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b"[]", 422, "invalid_spec"),
        (b"null", 422, "invalid_spec"),
        (b'{"state": "succeeded"}', 422, "invalid_spec"),
        (b'{"cookies": [{"name": "a", "value": "b"}]}', 422, "invalid_spec"),
    ],
)
def test_a_body_that_the_job_has_no_use_for_is_refused(
    farm: MemoryFarm, client: FlaskClient, content: bytes, status: int, code: str
) -> None:
    job = farm.submit()
    lose(farm, job)
    answer = client.post(f"/v1/jobs/{job.id}/retry", data=content, content_type="application/json")
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert client.get(f"/v1/jobs/{job.id}").get_json()["state"] == "failed"


def test_a_full_queue_does_not_keep_a_job_from_its_retry(farm: MemoryFarm) -> None:
    lost = farm.submit()
    lose(farm, lost)
    farm.submit()
    service = replace(farm.service, limits=Limits(backlog_max=1))
    client = create_app(ApiSettings(), service).test_client()
    assert client.post(f"/v1/jobs/{lost.id}/retry").status_code == 202
