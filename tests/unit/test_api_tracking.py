"""One id from a request to all that becomes of it."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from farm.jobs.models import Job
from tasks.deadline import Deadline
from tasks.outcome import Outcome, Stopwatch
from tasks.runner import JobRunner, Room
from tests.support.builders import MemoryFarm

SPEC = {"kind": "screenshot", "url": "http://page.test/"}
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def submitted(farm: MemoryFarm, client: FlaskClient, **headers: str) -> Job:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = client.post("/v1/jobs", json=SPEC, headers=named)
    assert answer.status_code == 202
    return farm.ledger.get(answer.get_json()["id"])


def test_the_callers_own_id_comes_back_and_stays_with_the_job(
    farm: MemoryFarm, client: FlaskClient
) -> None:
    job = submitted(farm, client, X_Request_ID="order-4711.a_B")
    assert job.origin is not None
    assert job.origin.request_id == "order-4711.a_B"
    answer = client.get(f"/v1/jobs/{job.id}", headers={"X-Request-ID": "another"})
    assert answer.headers["X-Request-ID"] == "another"
    assert "4711" not in answer.text  # It is the operator's, not the readers'.


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "é", '"},{"', "a\tb"])
def test_an_odd_id_is_replaced(client: FlaskClient, given: str) -> None:
    made = client.get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert made != given
    assert len(made) == 16


@pytest.mark.parametrize("path", ["/nope", "/v1/jobs/nobody", "/v1/jobs?limit=-1"])
def test_a_problem_has_the_id_too(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers={"X-Request-ID": "r-1"})
    assert answer.headers["X-Request-ID"] == "r-1"
    assert answer.get_json()["trace_id"] == "r-1"


def test_jobs_of_a_batch_remember_its_request(farm: MemoryFarm, client: FlaskClient) -> None:
    body = {"defaults": {"kind": "screenshot"}, "items": ["http://a.test/", "http://b.test/"]}
    answer = client.post("/v1/batches", json=body, headers={"X-Request-ID": "b-1"})
    jobs = farm.ledger.of_batch(answer.get_json()["id"])
    assert [job.origin and job.origin.request_id for job in jobs] == ["b-1", "b-1"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (TRACEPARENT, TRACEPARENT),
        ("", None),
        (TRACEPARENT.upper(), None),
        (TRACEPARENT + "-x", None),
        ("00-" + "0" * 32 + "-b7ad6b7169203331-01", None),
        ("00-0af7651916cd43dd8448eb211c80319c-" + "0" * 16 + "-01", None),
        ("ff" + TRACEPARENT[2:], None),
    ],
)
def test_a_good_traceparent_is_kept_and_no_other(
    farm: MemoryFarm, client: FlaskClient, given: str, kept: str | None
) -> None:
    job = submitted(farm, client, traceparent=given)
    assert job.origin is not None
    assert job.origin.traceparent == kept


def test_each_request_has_one_line_without_its_query(client: FlaskClient) -> None:
    with capture_logs(processors=[merge_contextvars]) as logs:
        client.get("/v1/jobs?tag=hunter2", headers={"X-Request-ID": "r-1"})
        client.get("/nope?signature=hunter2", headers={"X-Request-ID": "r-2"})
    answered = [line for line in logs if line["event"] == "answered"]
    assert [(line["request_id"], line["path"], line["status"]) for line in answered] == [
        ("r-1", "/v1/jobs", 200),
        ("r-2", "/nope", 404),
    ]
    assert all(line["method"] == "GET" and line["ms"] >= 0 for line in answered)
    assert "hunter2" not in str(logs)


def test_a_workers_lines_name_job_attempt_and_request(
    farm: MemoryFarm, client: FlaskClient
) -> None:
    def run(job: Job, deadline: Deadline, stopwatch: Stopwatch) -> Outcome:
        del job, deadline, stopwatch
        raise RuntimeError("a bug")

    runner = JobRunner(
        farm=farm.service, kinds={"screenshot": Room(run)}, worker="w", overtime=TimeoutError
    )
    job = submitted(farm, client, X_Request_ID="order-1")
    logs = run_logged(runner, job.id)
    unforeseen = [line for line in logs if line["event"] == "unforeseen"]
    assert [(line["job_id"], line["attempt"], line["request_id"]) for line in unforeseen] == [
        (job.id, 1, "order-1")
    ]
    # The next job's lines do not have them.
    other = farm.submit()
    farm.service.cancel_or_forget(other.id)
    (dropped,) = run_logged(runner, other.id)
    assert (dropped["job_id"], dropped.keys() & {"attempt", "request_id"}) == (other.id, set())


def run_logged(runner: JobRunner, job_id: str) -> list[Any]:
    with capture_logs(processors=[merge_contextvars]) as logs:
        runner.run(job_id)
    return list(logs)
