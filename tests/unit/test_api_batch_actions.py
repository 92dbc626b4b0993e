"""Pausing, resuming, cancelling and retrying batches over HTTP."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from farm.jobs.errors import DnsError
from farm.jobs.models import Job
from farm.jobs.states import JobState
from tests.support.builders import NOON, MemoryFarm

URLS = [f"https://page-{number}.test/" for number in range(4)]


def made(client: FlaskClient, **options: Any) -> str:
    body = {"defaults": {"kind": "screenshot"}, "items": URLS, **options}
    answer = client.post("/v1/batches", json=body)
    assert answer.status_code == 202
    return str(read(answer)["id"])


def read(answer: Any) -> Any:
    return answer.get_json(force=True)


def act(client: FlaskClient, batch_id: str, action: str, **headers: str) -> Any:
    return client.post(f"/v1/batches/{batch_id}/{action}", headers=headers)


def end(farm: MemoryFarm, job: Job, *, fails: bool = True) -> Job:
    now = farm.clock.now()
    running = job.claimed("w/1", now, redeliveries=0)
    ended = (
        running.failed(DnsError("no such host"), now)
        if fails
        else running.succeeded(now, artifacts=[], report={})
    )
    assert farm.ledger.swap(running)
    assert farm.ledger.swap(ended)
    return ended


def turn(farm: MemoryFarm) -> int:
    return len(farm.ledger.take_turns("pages", 10, farm.clock.now()))


def test_a_paused_batch_waits_until_it_is_resumed(client: FlaskClient, farm: MemoryFarm) -> None:
    batch_id = made(client)
    for _ in range(2):
        answer = act(client, batch_id, "pause")
        assert (answer.status_code, read(answer)["state"]) == (202, "paused")
    assert turn(farm) == 0
    for _ in range(2):
        answer = act(client, batch_id, "resume")
        assert (answer.status_code, read(answer)["state"]) == (202, "running")
    assert turn(farm) == 4


def test_a_cancelled_batch_has_no_open_jobs_left(client: FlaskClient, farm: MemoryFarm) -> None:
    batch_id = made(client)
    jobs = farm.batches.open_jobs(batch_id, 10)
    end(farm, jobs[0], fails=False)
    farm.ledger.swap(jobs[1].claimed("w/1", NOON, redeliveries=0))
    answer = act(client, batch_id, "cancel")
    assert answer.status_code == 202
    batch = read(answer)
    assert (batch["state"], batch["succeeded"], batch["cancelled"]) == ("cancelled", 1, 3)
    assert batch["finished_at"] is not None
    assert read(act(client, batch_id, "cancel"))["cancelled"] == 3
    for action in ("pause", "resume"):
        answer = act(client, batch_id, action)
        assert (answer.status_code, read(answer)["code"]) == (409, "batch_over")


@pytest.mark.parametrize("action", ["pause", "resume", "cancel"])
def test_what_has_finished_can_only_be_retried(
    client: FlaskClient, farm: MemoryFarm, action: str
) -> None:
    batch_id = made(client)
    for job in farm.batches.open_jobs(batch_id, 10):
        end(farm, job, fails=False)
    answer = act(client, batch_id, action)
    assert (answer.status_code, read(answer)["code"]) == (409, "batch_over")
    answer = act(client, batch_id, "retry-failed")
    assert (answer.status_code, read(answer)["code"]) == (409, "nothing_to_retry")


def test_the_same_jobs_are_queued_again(client: FlaskClient, farm: MemoryFarm) -> None:
    batch_id = made(client)
    jobs = farm.batches.open_jobs(batch_id, 10)
    failed = [end(farm, job) for job in jobs[:2]]
    end(farm, jobs[2], fails=False)
    batch = read(act(client, batch_id, "retry-failed"))
    assert (batch["state"], batch["queued"], batch["failed"]) == ("running", 3, 0)
    for job in failed:
        again = farm.service.get(job.id)
        assert (again.state, again.retries) == (JobState.QUEUED, 1)
        assert [failure.code for failure in again.previous_failures] == ["dns_error"]
    assert farm.batches.retrying(10) == []


def test_a_job_whose_secrets_were_dropped_stays_failed_and_holds_no_other_up(
    client: FlaskClient, farm: MemoryFarm
) -> None:
    batch_id = made(client)
    first, second, *_ = farm.batches.open_jobs(batch_id, 10)
    end(farm, first)
    failed = end(farm, second)
    kept = {"dropped_secrets": ("cookies",), "revision": failed.revision + 1}
    assert farm.ledger.swap(failed.model_copy(update=kept))
    batch = read(act(client, batch_id, "retry-failed"))
    assert (batch["state"], batch["failed"]) == ("running", 1)
    assert farm.service.get(failed.id).state is JobState.FAILED
    assert farm.service.get(first.id).retries == 1
    assert farm.batches.retrying(10) == []


def test_a_batch_that_paused_by_itself_may_fail_as_often_again(
    client: FlaskClient, farm: MemoryFarm
) -> None:
    batch_id = made(client, max_failures=1)
    jobs = farm.batches.open_jobs(batch_id, 10)
    for count, job in enumerate(jobs[:3], 1):
        end(farm, job)
        batch = read(client.get(f"/v1/batches/{batch_id}"))
        assert (batch["state"], batch["failures_by_code"]) == ("paused", {"dns_error": count})
        assert read(act(client, batch_id, "resume"))["state"] == "running"


def test_an_action_with_a_key_is_done_once(client: FlaskClient, farm: MemoryFarm) -> None:
    batch_id = made(client)
    key = {"Idempotency-Key": "again"}
    end(farm, farm.batches.open_jobs(batch_id, 1)[0])
    answer = act(client, batch_id, "retry-failed", **key)
    assert "Idempotency-Replayed" not in answer.headers
    end(farm, farm.batches.open_jobs(batch_id, 1)[0])
    answer = act(client, batch_id, "retry-failed", **key)
    assert (answer.status_code, read(answer)["failed"]) == (202, 1)
    assert answer.headers["Idempotency-Replayed"] == "true"
    answer = act(client, batch_id, "cancel", **key)
    assert (answer.status_code, read(answer)["code"]) == (422, "idempotency_conflict")
    assert read(client.get(f"/v1/batches/{batch_id}"))["state"] == "running"
