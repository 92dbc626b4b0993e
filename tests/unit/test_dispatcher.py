"""What the dispatcher heals."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from farm.backends.memory import MemoryArtifacts, MemoryQueue
from farm.jobs.errors import BackendUnavailable
from farm.jobs.models import ANNOUNCE_GRACE_S, Job
from farm.jobs.states import JobState
from farm.jobs.workers import BrowserCheck, Worker
from tasks.dispatcher.checker import CHECK_EVERY, BrowserChecker
from tasks.dispatcher.feeder import Feeder
from tasks.dispatcher.stores import SWEEP_EVERY, StoreSweeper
from tasks.dispatcher.sweeper import GONE_AFTER_S, Sweeper
from tests.support.builders import MemoryFarm, a_worker


class AbsentQueue(MemoryQueue):
    def announce(self, job: Job, *, ahead: bool = False) -> None:
        raise BackendUnavailable(f"The broker is away from {job.id}, ahead or not ({ahead}).")


class CountingArtifacts(MemoryArtifacts):
    """Counts how often it was swept."""

    def __init__(self) -> None:
        super().__init__()
        self.sweeps = 0

    def sweep(self) -> None:
        self.sweeps += 1


def test_a_job_whose_announcement_was_lost_is_announced_again(farm: MemoryFarm) -> None:
    job = farm.submit()
    farm.queue.waiting.clear()
    Sweeper(farm.service).sweep()
    assert farm.queue.count(job.id) == 0  # Within the grace it may just be on its way.
    farm.clock.advance(ANNOUNCE_GRACE_S)
    Sweeper(farm.service).sweep()
    assert farm.queue.count(job.id) == 1


def test_a_job_that_is_overtaken_in_its_list_goes_ahead_once(farm: MemoryFarm) -> None:
    job = farm.submit()
    for _ in range(3):
        farm.clock.advance(ANNOUNCE_GRACE_S)
        Sweeper(farm.service).sweep()
    assert farm.queue.count(job.id) == 2
    assert farm.queue.ahead == [job.id]


def test_of_many_that_are_overtaken_one_goes_ahead_at_a_time(farm: MemoryFarm) -> None:
    pages = []
    for _ in range(3):
        farm.clock.advance(0.1)
        pages.append(farm.submit())
    probe = farm.submit(kind="probe")
    farm.clock.advance(ANNOUNCE_GRACE_S)
    Sweeper(farm.service).sweep()
    assert farm.queue.ahead == [pages[0].id, probe.id]


def test_a_job_that_nobody_took_in_its_time_fails(farm: MemoryFarm) -> None:
    at_once, in_lane = farm.submit(expires_in=60), farm.submit(expires_in=60, priority="low")
    patient = farm.submit()
    farm.clock.advance(59)
    Sweeper(farm.service).sweep()
    assert farm.ledger.get(at_once.id).state is JobState.QUEUED
    farm.clock.advance(1)
    Sweeper(farm.service).sweep()
    for job in (at_once, in_lane):
        failed = farm.ledger.get(job.id)
        assert failed.failure is not None
        assert (failed.state, failed.failure.code) == (JobState.FAILED, "queue_timeout")
    assert farm.ledger.get(patient.id).state is JobState.QUEUED


def claimed_by(farm: MemoryFarm, worker: Worker, **fields: Any) -> Job:
    job = farm.submit(**fields).claimed(f"{worker.id}/7", farm.clock.now(), redeliveries=0)
    farm.ledger.swap(job)
    farm.queue.waiting.clear()
    return job


def test_a_job_announced_again_is_left_alone_for_a_grace(farm: MemoryFarm) -> None:
    job = farm.submit()
    farm.queue.waiting.clear()
    farm.clock.advance(ANNOUNCE_GRACE_S)
    for _ in range(3):
        Sweeper(farm.service).sweep()
        farm.queue.waiting.clear()
    farm.clock.advance(ANNOUNCE_GRACE_S)
    Sweeper(farm.service).sweep()
    assert farm.queue.count(job.id) == 1


def test_a_job_is_given_back_when_its_lease_is_over(farm: MemoryFarm) -> None:
    worker = a_worker()
    farm.workers.beat(worker, ttl_s=20)
    job = claimed_by(farm, worker)
    farm.clock.advance(job.ladder.lease_s - 1)
    Sweeper(farm.service).sweep()
    assert farm.ledger.get(job.id).state is JobState.RUNNING
    farm.clock.advance(1)
    Sweeper(farm.service).sweep()
    given_back = farm.ledger.get(job.id)
    assert (given_back.state, given_back.attempt) == (JobState.QUEUED, 1)
    assert farm.queue.count(job.id) == 1


def test_a_job_out_of_attempts_fails_instead(farm: MemoryFarm) -> None:
    job = claimed_by(farm, a_worker(), max_attempts=1)
    farm.clock.advance(job.ladder.lease_s)
    Sweeper(farm.service).sweep()
    failed = farm.ledger.get(job.id)
    assert failed.failure is not None
    assert (failed.state, failed.failure.code) == (JobState.FAILED, "worker_lost")
    assert farm.queue.count(job.id) == 0


def test_a_worker_that_is_missing_loses_its_jobs_only_after_two_beats(farm: MemoryFarm) -> None:
    worker = a_worker()
    job = claimed_by(farm, worker)
    sweeper = Sweeper(farm.service)
    sweeper.sweep()
    farm.clock.advance(GONE_AFTER_S - 1)
    sweeper.sweep()
    farm.workers.beat(worker, ttl_s=20)  # It was Redis that was away.
    farm.clock.advance(1)
    sweeper.sweep()
    assert farm.ledger.get(job.id).state is JobState.RUNNING
    farm.workers.leave(worker.name)
    sweeper.sweep()
    farm.clock.advance(GONE_AFTER_S)
    sweeper.sweep()
    assert farm.ledger.get(job.id).state is JobState.QUEUED
    assert farm.queue.count(job.id) == 1


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"started_s": 5}, JobState.QUEUED),
        ({"started_s": -5}, JobState.RUNNING),
        ({"started_s": 5, "host": "elsewhere"}, JobState.RUNNING),
        ({"started_s": 5, "queue": "media"}, JobState.RUNNING),
    ],
)
def test_a_worker_that_was_started_anew_loses_its_jobs_at_once(
    farm: MemoryFarm, changes: dict[str, Any], state: JobState
) -> None:
    old = a_worker().model_copy(update={"id": "host.9.100"})
    job = claimed_by(farm, old)
    started_at = farm.clock.now() + timedelta(seconds=changes["started_s"])
    worker_id = f"{changes.get('host', 'host')}.9.200"
    new = a_worker("new", changes.get("queue", "pages"))
    new = new.model_copy(update={"id": worker_id, "started_at": started_at})
    farm.workers.beat(new, ttl_s=20)
    Sweeper(farm.service).sweep()
    assert farm.ledger.get(job.id).state is state


class TestFeeder:
    def test_a_few_more_are_announced_than_there_are_slots(self, farm: MemoryFarm) -> None:
        farm.workers.beat(a_worker(), ttl_s=20)  # It has two slots.
        jobs = [farm.submit(priority="low") for _ in range(20)]
        feeder = Feeder(farm.service)
        feeder.feed()
        feeder.feed()
        assert [job.id for job in farm.queue.waiting] == [job.id for job in jobs[:6]]
        for job in jobs[:4]:
            farm.ledger.swap(job.claimed("w", farm.clock.now(), redeliveries=0))
        feeder.feed()
        assert [job.id for job in farm.queue.waiting[6:]] == [job.id for job in jobs[6:10]]

    def test_what_need_not_wait_keeps_no_lane_from_moving(self, farm: MemoryFarm) -> None:
        for _ in range(20):
            farm.submit()
        low = farm.submit(priority="low")
        Feeder(farm.service).feed()
        assert farm.queue.count(low.id) == 1

    def test_what_was_taken_and_not_announced_is_announced_by_the_sweep(
        self, farm: MemoryFarm
    ) -> None:
        job = farm.submit(priority="low")
        with pytest.raises(BackendUnavailable):
            Feeder(replace(farm.service, queue=AbsentQueue())).feed()
        farm.clock.advance(ANNOUNCE_GRACE_S)
        Sweeper(farm.service).sweep()
        assert farm.queue.count(job.id) == 1


def test_no_check_is_asked_for_while_no_worker_could_answer(farm: MemoryFarm) -> None:
    BrowserChecker(farm.service).check()
    farm.workers.beat(a_worker("media@a", "media"), ttl_s=20)
    BrowserChecker(farm.service).check()
    assert farm.queue.browser_checks == 0


def test_a_check_is_asked_for_when_no_page_was_opened_lately(farm: MemoryFarm) -> None:
    farm.workers.beat(a_worker(), ttl_s=20)
    checker = BrowserChecker(farm.service)
    checker.check()
    checker.check()  # At once again: the first is on its way.
    assert farm.queue.browser_checks == 1
    farm.workers.browser_opened(
        BrowserCheck(at=farm.clock.now(), worker="w", version="1", sandbox=True)
    )
    farm.clock.advance(CHECK_EVERY.total_seconds() - 1)
    checker.check()
    assert farm.queue.browser_checks == 1
    farm.clock.advance(timedelta(seconds=1).total_seconds())
    checker.check()
    assert farm.queue.browser_checks == 2


def test_uploads_are_swept_at_the_start_and_then_once_a_minute(farm: MemoryFarm) -> None:
    uploads = CountingArtifacts()
    sweeper = StoreSweeper(replace(farm.service, uploads=uploads))
    sweeper.sweep()
    farm.clock.advance(SWEEP_EVERY.total_seconds() - 1)
    sweeper.sweep()
    assert uploads.sweeps == 1
    farm.clock.advance(1)
    sweeper.sweep()
    assert uploads.sweeps == 2


def test_artifacts_are_swept_with_them_and_once_where_they_share_a_store(farm: MemoryFarm) -> None:
    artifacts, uploads = CountingArtifacts(), CountingArtifacts()
    StoreSweeper(replace(farm.service, artifacts=artifacts, uploads=uploads)).sweep()
    assert (artifacts.sweeps, uploads.sweeps) == (1, 1)
    StoreSweeper(replace(farm.service, artifacts=artifacts, uploads=artifacts)).sweep()
    assert artifacts.sweeps == 2
