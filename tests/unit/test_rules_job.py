"""The verbs of a job and the ladder of its time limits."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from pydantic import ValidationError

from farm.jobs.errors import BrowserCrashed, DnsError, FarmError, IllegalMove
from farm.jobs.ladder import VISIBILITY_TIMEOUT_S, Ladder
from farm.jobs.models import ANNOUNCE_GRACE_S, Artifact, Job
from farm.jobs.specs.media import PROBE_TIMEOUT_MAX_MS
from farm.jobs.specs.page import PAGE_TIMEOUT_MAX_MS
from farm.jobs.states import JobState
from tests.support.builders import NOON, a_job, a_spec

LATER = NOON + timedelta(seconds=5)
PICTURE = Artifact(name="screenshot.png", media_type="image/png", size_bytes=3, sha256="0" * 64)


def a_running_job(*, attempt: int = 1, max_attempts: int = 3) -> Job:
    job = a_job(spec=a_spec(max_attempts=max_attempts, retention=60))
    waiting = job.model_copy(update={"attempt": attempt - 1})
    return waiting.claimed("worker-1", NOON, redeliveries=0)


def after(seconds: float, start: datetime = LATER) -> datetime:
    return start + timedelta(seconds=seconds)


def test_a_new_job_has_not_run() -> None:
    job = a_job()
    assert (job.state, job.revision, job.attempt, job.run_id) == ("queued", 1, 0, "job-1.0")
    assert job.lease_until is job.finished_at is job.expires_at is None


@pytest.mark.parametrize(
    ("fields", "kind", "queue"),
    [({}, "screenshot", "pages"), ({"kind": "probe"}, "probe", "media")],
)
def test_a_job_s_kind_names_its_queue(fields: dict[str, str], kind: str, queue: str) -> None:
    job = a_job(spec=a_spec(**fields))
    assert (job.kind, job.queue) == (kind, queue)


def test_a_claimed_job_runs_one_attempt_further_under_a_lease() -> None:
    job = a_job(spec=a_spec(timeout=10_000)).claimed("worker-1", LATER, redeliveries=2)
    assert (job.state, job.revision, job.attempt) == ("running", 2, 1)
    assert (job.worker, job.redeliveries, job.run_id) == ("worker-1", 2, "job-1.1")
    assert (job.started_at, job.lease_until) == (LATER, after(10 + 25))


@pytest.mark.parametrize(("counted", "attempt"), [(True, 2), (False, 1)])
def test_a_job_that_is_given_back_waits_again_without_a_lease(counted: bool, attempt: int) -> None:
    job = a_running_job(attempt=2).given_back(LATER, counted=counted)
    assert (job.state, job.attempt, job.queued_at) == ("queued", attempt, LATER)
    assert (job.revision, job.lease_until, job.expires_at) == (3, None, None)


def test_a_counted_run_and_the_next_have_different_artifacts() -> None:
    first = a_running_job()
    second = first.given_back(LATER, counted=True).claimed("worker-2", LATER, redeliveries=0)
    assert (first.run_id, second.run_id) == ("job-1.1", "job-1.2")


def test_a_lost_job_is_tried_again_while_it_has_attempts_left() -> None:
    job = a_running_job(attempt=2).after_loss(LATER, BrowserCrashed("gone"))
    assert (job.state, job.attempt, job.failure) == ("queued", 2, None)


@pytest.mark.parametrize(
    ("error", "code"), [(None, "worker_lost"), (BrowserCrashed("gone"), "browser_crashed")]
)
def test_a_lost_job_without_attempts_left_has_failed(error: FarmError | None, code: str) -> None:
    job = a_running_job(attempt=3).after_loss(LATER, error)
    assert (job.state, job.attempt, job.lease_until) == ("failed", 3, None)
    assert job.failure is not None
    assert (job.failure.code, job.failure.retryable) == (code, True)


@pytest.mark.parametrize("max_attempts", [1, 3, 10])
def test_a_job_is_run_as_often_as_it_has_attempts(max_attempts: int) -> None:
    job, runs = a_job(spec=a_spec(max_attempts=max_attempts)), 0
    while job.state is JobState.QUEUED:
        job = job.claimed("worker-1", NOON, redeliveries=0).after_loss(NOON)
        runs += 1
    assert (job.state, runs) == ("failed", max_attempts)


def test_a_job_that_succeeded_has_what_it_made() -> None:
    job = a_running_job().succeeded(LATER, artifacts=[PICTURE], report={"n": 1}, warnings=["w"])
    assert (job.artifacts, job.report, job.warnings) == ((PICTURE,), {"n": 1}, ("w",))
    assert (job.state, job.failure) == ("succeeded", None)


def test_a_job_that_failed_says_why_and_has_no_artifacts() -> None:
    job = a_running_job().failed(DnsError("No such host."), LATER)
    assert job.failure is not None
    assert job.failure.model_dump() == {
        "code": "dns_error",
        "message": "No such host.",
        "retryable": False,
    }
    assert (job.state, job.artifacts, job.report) == ("failed", (), None)


@pytest.mark.parametrize(
    "ended",
    [
        a_running_job().succeeded(LATER, artifacts=[], report={}),
        a_running_job().failed(DnsError("No such host."), LATER),
        a_running_job().cancelled(LATER),
    ],
    ids=lambda job: job.state,
)
def test_an_ended_job_has_no_lease_and_expires_after_its_retention(ended: Job) -> None:
    assert (ended.revision, ended.attempt, ended.lease_until) == (3, 1, None)
    assert (ended.finished_at, ended.expires_at) == (LATER, after(60))
    assert ended.look_again_at is None
    with pytest.raises(IllegalMove):
        ended.claimed("worker-2", LATER, redeliveries=0)


def test_a_queued_job_can_be_cancelled_before_it_ever_ran() -> None:
    job = a_job().cancelled(LATER)
    assert (job.state, job.attempt, job.started_at) == ("cancelled", 0, None)


def test_the_sweep_looks_at_a_queued_job_after_its_grace_and_at_a_running_one_after_its_lease() -> (
    None
):
    running = a_running_job()
    assert a_job().look_again_at == after(ANNOUNCE_GRACE_S, NOON)
    assert running.look_again_at == running.lease_until == after(30 + 25, NOON)
    assert running.given_back(LATER, counted=True).look_again_at == after(ANNOUNCE_GRACE_S)


def test_a_job_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError):
        a_job().state = JobState.SUCCEEDED  # type: ignore[misc]


def test_a_record_comes_back_from_json_as_it_was() -> None:
    job = a_running_job().failed(DnsError("No such host."), LATER)
    assert Job.model_validate_json(job.model_dump_json()) == job


@pytest.mark.parametrize("timeout_ms", [1000, 30_000, PAGE_TIMEOUT_MAX_MS, PROBE_TIMEOUT_MAX_MS])
def test_each_rung_of_the_ladder_is_above_the_one_before(timeout_ms: int) -> None:
    ladder = Ladder(timeout_ms / 1000)
    rungs = [
        ladder.timeout_s,
        ladder.watchdog_s,
        ladder.soft_limit_s,
        ladder.hard_limit_s,
        ladder.lease_s,
        VISIBILITY_TIMEOUT_S,
    ]
    assert all(lower < upper for lower, upper in pairwise(rungs))
