"""What a worker does with a message."""

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from farm.jobs.errors import BackendUnavailable, BrowserCrashed, DnsError, WorkerLost
from farm.jobs.models import Job
from farm.jobs.service import JobService
from farm.jobs.specs.requests import Kind
from farm.jobs.states import JobState
from tasks import runner as runner_module
from tasks.deadline import Deadline
from tasks.outcome import ARTIFACT_MAX_BYTES, Made, Outcome, Stopwatch
from tasks.runner import JobRunner, Room, Run
from tests.support.builders import MemoryFarm
from tests.support.waiting import until


class Overtime(Exception):
    """What the outer net raises."""


PICTURE = Outcome(
    made=[Made("screenshot.png", "image/png", b"picture")], report={"title": "T"}, warnings=["w"]
)


def returning(outcome: Outcome) -> Run:
    def run(job: Job, deadline: Deadline, stopwatch: Stopwatch) -> Outcome:
        del job, deadline, stopwatch
        return outcome

    return run


def raising(error: BaseException, first: Callable[[Job], object] | None = None) -> Run:
    def run(job: Job, deadline: Deadline, stopwatch: Stopwatch) -> Outcome:
        del deadline, stopwatch
        if first is not None:
            first(job)
        raise error

    return run


def runner(farm: MemoryFarm, run: Run) -> JobRunner:
    return JobRunner(
        farm=farm.service, kinds={"screenshot": Room(run)}, worker="w", overtime=Overtime
    )


def _sweep(service: JobService, job_id: str) -> None:
    service.ledger.swap(service.ledger.get(job_id).after_loss(service.clock.now()))


def test_a_job_ends_succeeded_with_its_artifacts_and_its_report(farm: MemoryFarm) -> None:
    job = farm.submit()
    runner(farm, returning(PICTURE)).run(job.id)
    done = farm.ledger.get(job.id)
    assert done.state is JobState.SUCCEEDED
    assert (done.attempt, done.warnings) == (1, ("w",))
    assert done.report is not None
    assert done.report["title"] == "T"
    assert set(done.report["timings_ms"]) == {"queue", "store"}
    assert b"".join(farm.service.read(done, done.artifacts[0])) == b"picture"


def test_a_job_delivered_twice_runs_once(farm: MemoryFarm) -> None:
    job = farm.submit()
    runs: list[str] = []

    def count(job: Job, deadline: Deadline, stopwatch: Stopwatch) -> Outcome:
        del deadline, stopwatch
        runs.append(job.id)
        # The same message again, while the first still runs.
        runner(farm, count).run(job.id)
        return PICTURE

    runner(farm, count).run(job.id)
    runner(farm, count).run(job.id)
    assert runs == [job.id]


def test_a_message_for_a_forgotten_job_is_dropped(farm: MemoryFarm) -> None:
    runner(farm, raising(AssertionError("ran"))).run("nobody")


def test_a_cancelled_job_does_not_run(farm: MemoryFarm) -> None:
    job = farm.submit()
    farm.service.cancel_or_forget(job.id)
    runner(farm, raising(AssertionError("ran"))).run(job.id)
    assert farm.ledger.get(job.id).state is JobState.CANCELLED


def test_an_error_of_the_target_is_final_and_leaves_no_artifact(farm: MemoryFarm) -> None:
    job = farm.submit()
    runner(farm, raising(DnsError("no such host"))).run(job.id)
    failed = farm.ledger.get(job.id)
    assert failed.state is JobState.FAILED
    assert failed.failure is not None
    assert (failed.failure.code, failed.failure.retryable) == ("dns_error", False)
    assert failed.artifacts == ()


@pytest.mark.parametrize(
    ("error", "code"),
    [(BrowserCrashed("gone"), "browser_crashed"), (KeyError("a bug"), "internal_error")],
)
def test_an_error_of_the_farm_is_tried_again_until_the_attempts_are_used_up(
    farm: MemoryFarm, error: Exception, code: str
) -> None:
    job = farm.submit(max_attempts=2)
    runner(farm, raising(error)).run(job.id)
    assert farm.ledger.get(job.id).state is JobState.QUEUED
    # Not at once: what is wrong here may be mended by then.
    assert farm.queue.count(job.id) == 1
    assert farm.ledger.due(farm.clock.now(), 1) == []
    farm.clock.advance(1)
    assert [each.id for each in farm.ledger.due(farm.clock.now(), 1)] == [job.id]
    runner(farm, raising(error)).run(job.id)
    failed = farm.ledger.get(job.id)
    assert failed.failure is not None
    assert (failed.state, failed.attempt, failed.failure.code) == (JobState.FAILED, 2, code)
    assert "a bug" not in failed.failure.message


def test_a_report_that_cannot_be_recorded_ends_the_job_all_the_same(farm: MemoryFarm) -> None:
    job = farm.submit(max_attempts=1)
    made = Outcome(made=PICTURE.made, report={"title": "\ud800"})
    runner(farm, returning(made)).run(job.id)
    failure = farm.ledger.get(job.id).failure
    assert failure is not None
    assert failure.code == "internal_error"


def test_an_old_message_does_not_take_a_job_from_a_living_worker(farm: MemoryFarm) -> None:
    job = farm.submit()
    once = job.claimed("dead", farm.clock.now(), redeliveries=1)
    farm.ledger.swap(once)
    given_back = once.after_loss(farm.clock.now())
    farm.ledger.swap(given_back)
    farm.ledger.swap(given_back.claimed("living", farm.clock.now(), redeliveries=0))
    runner(farm, raising(AssertionError("ran"))).run(job.id, redeliveries=1)
    assert farm.ledger.get(job.id).worker == "living"


def test_the_outer_net_ends_a_job_as_timed_out(farm: MemoryFarm) -> None:
    job = farm.submit()
    runner(farm, raising(Overtime())).run(job.id)
    failure = farm.ledger.get(job.id).failure
    assert failure is not None
    assert failure.code == "timeout"


def test_a_worker_told_to_stop_gives_its_job_back_uncounted(farm: MemoryFarm) -> None:
    job = farm.submit()
    with pytest.raises(SystemExit):
        runner(farm, raising(SystemExit())).run(job.id)
    given_back = farm.ledger.get(job.id)
    assert (given_back.state, given_back.attempt) == (JobState.QUEUED, 0)


def test_a_late_worker_cannot_overwrite_and_leaves_no_artifact(farm: MemoryFarm) -> None:
    job = farm.submit()

    def cancelled_meanwhile(job: Job, deadline: Deadline, stopwatch: Stopwatch) -> Outcome:
        del deadline, stopwatch
        farm.service.cancel_or_forget(job.id)
        return PICTURE

    runner(farm, cancelled_meanwhile).run(job.id)
    stored = farm.ledger.get(job.id)
    assert stored.state is JobState.CANCELLED
    assert farm.artifacts.find(f"{job.id}.1", "screenshot.png") is None


def test_the_claim_names_the_worker_and_the_process_in_it(farm: MemoryFarm) -> None:
    job = farm.submit()
    runner(farm, returning(PICTURE)).run(job.id)
    assert farm.ledger.get(job.id).worker == f"w/{os.getpid()}"


@pytest.mark.parametrize(
    "take_away", [JobService.cancel_or_forget, _sweep], ids=["cancel", "sweep"]
)
def test_a_run_whose_job_is_taken_away_ends_at_once_and_changes_nothing(
    farm: MemoryFarm, take_away: Callable[[JobService, str], object]
) -> None:
    job = farm.submit(timeout=60_000)
    killed = threading.Event()

    def run(job: Job, deadline: Deadline, stopwatch: Stopwatch) -> Outcome:
        del stopwatch
        farm.clock.advance(1)
        take_away(farm.service, job.id)
        farm.clock.advance(1)
        assert killed.wait(10)
        assert deadline.left_s == 0
        raise BrowserCrashed("killed")

    kinds: dict[Kind, Room] = {"screenshot": Room(run, killed.set)}
    JobRunner(farm=farm.service, kinds=kinds, worker="w", overtime=Overtime).run(job.id)
    stored = farm.ledger.get(job.id)
    assert stored.state in {JobState.CANCELLED, JobState.QUEUED}
    assert stored.failure is None
    assert farm.queue.count(job.id) == 1  # It is not announced by who lost it.


def test_a_run_goes_on_while_the_ledger_is_away(
    farm: MemoryFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = farm.submit()
    asked: list[str] = []

    def revision(job_id: str) -> int:
        asked.append(job_id)
        raise BackendUnavailable("away")

    def run(job: Job, deadline: Deadline, stopwatch: Stopwatch) -> Outcome:
        del job, deadline, stopwatch
        until(lambda: len(asked) > 1, "the claim was looked at twice")
        return PICTURE

    monkeypatch.setattr(farm.ledger, "revision", revision)
    runner(farm, run).run(job.id)
    assert farm.ledger.get(job.id).state is JobState.SUCCEEDED


class Away:
    """Something that does not answer the first times that it is called."""

    def __init__(self, call: Callable[..., Any], times: int) -> None:
        self._call = call
        self._times = times
        self.calls = 0

    def __call__(self, *args: Any, **options: Any) -> Any:
        self.calls += 1
        if self.calls <= self._times:
            raise BackendUnavailable("away")
        return self._call(*args, **options)


def test_what_was_made_is_kept_until_redis_is_back(
    farm: MemoryFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = farm.submit()
    monkeypatch.setattr(farm.artifacts, "put", Away(farm.artifacts.put, 1))

    def run(job: Job, deadline: Deadline, stopwatch: Stopwatch) -> Outcome:
        del job, deadline, stopwatch
        monkeypatch.setattr(farm.ledger, "swap", Away(farm.ledger.swap, 1))
        return PICTURE

    runner(farm, run).run(job.id)
    done = farm.ledger.get(job.id)
    assert (done.state, done.attempt) == (JobState.SUCCEEDED, 1)
    assert farm.artifacts.find(done.run_id, done.artifacts[0].name) == done.artifacts[0]


def test_a_job_whose_artifacts_cannot_be_kept_is_given_back_uncounted(
    farm: MemoryFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = farm.submit()
    monkeypatch.setattr(runner_module, "_BEFORE_OVERTIME_S", 3600)  # No patience at all.
    monkeypatch.setattr(farm.artifacts, "put", Away(farm.artifacts.put, 1))
    runner(farm, returning(PICTURE)).run(job.id)
    given_back = farm.ledger.get(job.id)
    assert (given_back.state, given_back.attempt) == (JobState.QUEUED, 0)
    farm.clock.advance(5)
    runner(farm, returning(PICTURE)).run(job.id)
    assert farm.ledger.get(job.id).state is JobState.SUCCEEDED


def test_a_job_that_waited_too_long_is_not_begun(farm: MemoryFarm) -> None:
    job = farm.submit(expires_in=60)
    farm.clock.advance(60)
    runner(farm, raising(AssertionError("ran"))).run(job.id)
    assert farm.ledger.get(job.id).state is JobState.QUEUED


def test_the_room_rests_once_the_job_is_recorded(farm: MemoryFarm) -> None:
    job = farm.submit()
    states: list[JobState] = []

    def rest() -> None:
        states.append(farm.ledger.get(job.id).state)

    kinds: dict[Kind, Room] = {"screenshot": Room(returning(PICTURE), rest=rest)}
    worker = JobRunner(farm=farm.service, kinds=kinds, worker="w", overtime=Overtime)
    worker.run(job.id)
    worker.run(job.id)  # There is nothing to do, and so nothing to rest from.
    assert states == [JobState.SUCCEEDED]
    assert worker.jobs_done == 1


def test_a_message_resent_because_its_process_died_takes_the_job_over_at_once(
    farm: MemoryFarm,
) -> None:
    job = farm.submit()
    dead = farm.ledger.get(job.id).claimed("dead", farm.clock.now(), redeliveries=0)
    farm.ledger.swap(dead)
    runner(farm, returning(PICTURE)).run(job.id, redeliveries=0)
    assert farm.ledger.get(job.id).state is JobState.RUNNING  # Its lease is believed.
    runner(farm, returning(PICTURE)).run(job.id, redeliveries=1)
    done = farm.ledger.get(job.id)
    assert (done.state, done.attempt) == (JobState.SUCCEEDED, 2)


def test_a_job_whose_lease_is_over_is_taken_over(farm: MemoryFarm) -> None:
    job = farm.submit()
    farm.ledger.swap(job.claimed("dead", farm.clock.now(), redeliveries=0))
    farm.clock.advance(job.ladder.lease_s)
    runner(farm, returning(PICTURE)).run(job.id)
    assert farm.ledger.get(job.id).state is JobState.SUCCEEDED


def test_a_job_that_kills_its_worker_each_time_ends_failed(farm: MemoryFarm) -> None:
    job = farm.submit(max_attempts=2)
    for redeliveries in range(2):
        job = farm.ledger.get(job.id)
        if job.state is JobState.RUNNING:
            job = job.after_loss(farm.clock.now())
            farm.ledger.swap(job)
        farm.ledger.swap(job.claimed("dead", farm.clock.now(), redeliveries=redeliveries))
    runner(farm, raising(AssertionError("ran"))).run(job.id, redeliveries=2)
    failed = farm.ledger.get(job.id)
    assert failed.failure is not None
    assert (failed.state, failed.failure.code) == (JobState.FAILED, WorkerLost.code)


def test_an_artifact_over_the_limit_is_not_stored(farm: MemoryFarm) -> None:
    job = farm.submit()
    huge = Made("screenshot.png", "image/png", bytes(ARTIFACT_MAX_BYTES + 1))
    runner(farm, returning(Outcome(made=[huge], report={}))).run(job.id)
    failure = farm.ledger.get(job.id).failure
    assert failure is not None
    assert failure.code == "output_too_large"
