"""What the dispatcher heals."""

from dataclasses import replace
from datetime import timedelta

import pytest

from farm.backends.memory import MemoryArtifacts
from farm.jobs.models import ANNOUNCE_GRACE_S
from farm.jobs.states import JobState
from farm.jobs.workers import BrowserCheck
from tasks.dispatcher.checker import CHECK_EVERY, BrowserChecker
from tasks.dispatcher.sweeper import Sweeper
from tasks.dispatcher.uploads import SWEEP_EVERY, UploadSweeper
from tests.support.builders import MemoryFarm, a_worker


class CountingArtifacts(MemoryArtifacts):
    """Counts how often it was swept."""

    def __init__(self) -> None:
        super().__init__()
        self.sweeps = 0

    def sweep(self) -> None:
        self.sweeps += 1


@pytest.fixture
def farm() -> MemoryFarm:
    return MemoryFarm()


def test_a_job_whose_announcement_was_lost_is_announced_again(farm: MemoryFarm) -> None:
    job = farm.submit()
    farm.queue.waiting.clear()
    Sweeper(farm.service).sweep()
    assert farm.queue.count(job.id) == 0  # Within the grace it may just be on its way.
    farm.clock.advance(ANNOUNCE_GRACE_S)
    Sweeper(farm.service).sweep()
    assert farm.queue.count(job.id) == 1


def test_a_job_that_waits_in_its_list_is_not_announced_again(farm: MemoryFarm) -> None:
    job = farm.submit()
    for _ in range(3):
        farm.clock.advance(ANNOUNCE_GRACE_S)
        Sweeper(farm.service).sweep()
    assert farm.queue.count(job.id) == 1


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


def test_the_job_of_a_vanished_worker_is_given_back_when_its_lease_is_over(
    farm: MemoryFarm,
) -> None:
    job = farm.submit()
    farm.queue.waiting.clear()
    farm.ledger.swap(job.claimed("gone", farm.clock.now(), redeliveries=0))
    farm.clock.advance(job.ladder.lease_s - 1)
    Sweeper(farm.service).sweep()
    assert farm.ledger.get(job.id).state is JobState.RUNNING
    farm.clock.advance(1)
    Sweeper(farm.service).sweep()
    given_back = farm.ledger.get(job.id)
    assert (given_back.state, given_back.attempt) == (JobState.QUEUED, 1)
    assert farm.queue.count(job.id) == 1


def test_a_job_out_of_attempts_fails_instead(farm: MemoryFarm) -> None:
    job = farm.submit(max_attempts=1)
    farm.queue.waiting.clear()
    farm.ledger.swap(job.claimed("gone", farm.clock.now(), redeliveries=0))
    farm.clock.advance(job.ladder.lease_s)
    Sweeper(farm.service).sweep()
    failed = farm.ledger.get(job.id)
    assert failed.failure is not None
    assert (failed.state, failed.failure.code) == (JobState.FAILED, "worker_lost")
    assert farm.queue.count(job.id) == 0


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
    sweeper = UploadSweeper(replace(farm.service, uploads=uploads))
    sweeper.sweep()
    farm.clock.advance(SWEEP_EVERY.total_seconds() - 1)
    sweeper.sweep()
    assert uploads.sweeps == 1
    farm.clock.advance(1)
    sweeper.sweep()
    assert uploads.sweeps == 2
