"""What becomes of jobs that ask for the same: at the door, at the worker, and at the end."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from farm.jobs.errors import BackendUnavailable, DnsError, QueueFull
from farm.jobs.idempotency import Once
from farm.jobs.keys import Caller
from farm.jobs.models import Job
from farm.jobs.service import Limits
from farm.jobs.specs.requests import Kind
from farm.jobs.states import JobState
from farm.jobs.views import JobView
from tasks.deadline import Deadline
from tasks.outcome import Made, Outcome, Stopwatch
from tasks.runner import JobRunner, Room
from tests.support.builders import NOON, MemoryFarm, a_spec


class Worker:
    """A worker that counts what it renders; each picture is another."""

    def __init__(self, farm: MemoryFarm) -> None:
        self.rendered: list[str] = []
        self.partial = False
        self.fails = False
        self.meanwhile: Callable[[], object] = lambda: None
        self._farm = farm.service

    def run(self, job: Job) -> None:
        """Take the message of ``job``, also while another runs."""
        rooms: dict[Kind, Room] = {"screenshot": Room(self._run)}
        JobRunner(farm=self._farm, kinds=rooms, worker="w", overtime=Overtime).run(job.id)

    def _run(self, job: Job, deadline: Deadline, stopwatch: Stopwatch) -> Outcome:
        del deadline, stopwatch
        self.rendered.append(job.id)
        self.meanwhile()
        if self.fails:
            raise DnsError("no such host")
        picture = f"picture {len(self.rendered)}".encode()
        report = {"title": "T", **({"partial": True} if self.partial else {})}
        return Outcome([Made("screenshot.png", "image/png", picture)], report, ["slow"])


class Overtime(Exception):
    """What the outer net raises."""


@pytest.fixture
def worker(farm: MemoryFarm) -> Worker:
    return Worker(farm)


def picture(farm: MemoryFarm, job: Job) -> bytes:
    job = farm.service.get(job.id)
    return b"".join(farm.service.read(job, job.artifacts[0]))


def rendered(farm: MemoryFarm, worker: Worker, **fields: object) -> Job:
    job = farm.submit(**{"cache_ttl": 60, **fields})
    worker.run(job)
    return farm.service.get(job.id)


class TestAtTheDoor:
    def test_the_second_who_asks_is_answered_at_once_with_the_same_result(
        self, farm: MemoryFarm, worker: Worker
    ) -> None:
        first = rendered(farm, worker)
        farm.clock.advance(10)
        second = farm.submit(cache_ttl=60, tags=["another"], priority="low", retention=3600)
        assert second == farm.service.get(second.id)
        assert second.id != first.id
        assert (second.state, second.attempt, second.started_at) == (JobState.SUCCEEDED, 0, None)
        assert second.report == {**(first.report or {}), "cache_age_s": 10}
        assert (second.artifacts, second.warnings) == (first.artifacts, first.warnings)
        assert second.expires_at == farm.clock.now() + timedelta(seconds=3600)
        assert picture(farm, second) == b"picture 1"
        assert farm.queue.count(second.id) == 0
        assert [JobView.of(job).cached for job in (first, second)] == [False, True]
        assert worker.rendered == [first.id]

    def test_a_result_that_is_too_old_is_not_taken(self, farm: MemoryFarm, worker: Worker) -> None:
        rendered(farm, worker)
        farm.clock.advance(60)
        assert farm.submit(cache_ttl=60).state is JobState.SUCCEEDED
        farm.clock.advance(0.001)
        assert farm.submit(cache_ttl=60).state is JobState.QUEUED
        assert farm.submit(cache_ttl=61).state is JobState.SUCCEEDED

    def test_a_result_grows_no_younger_by_being_handed_on(
        self, farm: MemoryFarm, worker: Worker
    ) -> None:
        first = rendered(farm, worker)
        farm.clock.advance(40)
        second = farm.submit(cache_ttl=60)
        farm.service.cancel_or_forget(first.id)
        farm.clock.advance(20)
        third = farm.submit(cache_ttl=60)
        assert (third.report or {})["cache_age_s"] == 60
        assert third.made_by == second.made_by == first.run_id
        farm.clock.advance(1)
        assert farm.submit(cache_ttl=60).state is JobState.QUEUED

    def test_fresh_goes_around_it_and_others_have_what_it_made(
        self, farm: MemoryFarm, worker: Worker
    ) -> None:
        rendered(farm, worker)
        fresh = rendered(farm, worker, fresh=True)
        assert worker.rendered[1:] == [fresh.id]
        assert picture(farm, farm.submit(cache_ttl=60)) == b"picture 2"

    @pytest.mark.parametrize("fields", [{}, {"fresh": True}])
    def test_without_a_cache_ttl_nobody_gives_and_nobody_takes(
        self, farm: MemoryFarm, worker: Worker, fields: dict[str, object]
    ) -> None:
        rendered(farm, worker, cache_ttl=0, **fields)
        assert farm.submit(cache_ttl=60, **fields).state is JobState.QUEUED
        rendered(farm, worker)
        assert farm.submit(**fields).state is JobState.QUEUED

    def test_what_failed_or_came_in_part_is_no_answer(
        self, farm: MemoryFarm, worker: Worker
    ) -> None:
        worker.partial = True
        assert rendered(farm, worker, best_effort=True).state is JobState.SUCCEEDED
        assert farm.submit(cache_ttl=60, best_effort=True).state is JobState.QUEUED
        worker.fails = True
        assert rendered(farm, worker).state is JobState.FAILED
        assert farm.submit(cache_ttl=60).state is JobState.QUEUED

    def test_no_caller_is_answered_with_another_s_result(
        self, farm: MemoryFarm, worker: Worker
    ) -> None:
        rendered(farm, worker)
        stranger = farm.service.on_behalf_of(Caller(owner="stranger", sees_all=False))
        assert stranger.submit(a_spec(cache_ttl=60)).state is JobState.QUEUED

    def test_a_result_whose_bytes_are_gone_is_no_answer(
        self, farm: MemoryFarm, worker: Worker
    ) -> None:
        rendered(farm, worker)
        farm.artifacts.stored.clear()
        assert rendered(farm, worker).made_by is None
        assert farm.submit(cache_ttl=60).state is JobState.SUCCEEDED

    def test_a_full_queue_refuses_nobody_whose_answer_is_there(
        self, farm: MemoryFarm, worker: Worker
    ) -> None:
        rendered(farm, worker)
        full = replace(farm.service, limits=Limits(backlog_max=0, owner_max=0))
        assert full.submit(a_spec(cache_ttl=60)).state is JobState.SUCCEEDED
        with pytest.raises(QueueFull):
            full.submit(a_spec(cache_ttl=60, fresh=True))

    def test_an_idempotency_key_leads_to_the_one_answer(
        self, farm: MemoryFarm, worker: Worker
    ) -> None:
        rendered(farm, worker)
        once = Once(farm.service, "key")
        first, again = (once.submit(a_spec(cache_ttl=60)) for _ in range(2))
        assert (first.is_replay, again.is_replay) == (False, True)
        assert first.made == again.made
        assert first.made.state is JobState.SUCCEEDED

    def test_each_has_its_own_webhook_at_once(self, farm: MemoryFarm, worker: Worker) -> None:
        first = rendered(farm, worker, webhook_url="https://one.test/")
        second = farm.submit(cache_ttl=60, webhook_url="https://two.test/")
        due = farm.deliveries.take(NOON, NOON + timedelta(hours=1), 9)
        assert {job.id for job in due} == {first.id, second.id}


class TestForgetting:
    def test_the_bytes_stay_until_the_last_who_lists_them_is_forgotten(
        self, farm: MemoryFarm, worker: Worker
    ) -> None:
        first = rendered(farm, worker)
        second, third = farm.submit(cache_ttl=60), farm.submit(cache_ttl=60)
        for job in (first, third):
            farm.service.cancel_or_forget(job.id)
            assert picture(farm, second) == b"picture 1"
        farm.service.cancel_or_forget(second.id)
        assert farm.artifacts.stored == {}
        assert farm.submit(cache_ttl=60).state is JobState.QUEUED

    @pytest.mark.parametrize("partial", [False, True])
    def test_a_job_alone_is_forgotten_with_its_bytes(
        self, farm: MemoryFarm, worker: Worker, *, partial: bool
    ) -> None:
        worker.partial = partial
        farm.service.cancel_or_forget(rendered(farm, worker).id)
        assert farm.artifacts.stored == {}

    def test_a_job_outlives_the_one_whose_result_it_has(
        self, farm: MemoryFarm, worker: Worker
    ) -> None:
        rendered(farm, worker, retention=60)
        second = farm.submit(cache_ttl=60, retention=600)
        farm.clock.advance(60)
        assert picture(farm, second) == b"picture 1"

    def test_a_result_that_is_forgotten_at_the_same_moment_is_no_answer(
        self, farm: MemoryFarm, worker: Worker
    ) -> None:
        first = rendered(farm, worker)
        keep = farm.artifacts.keep

        def keep_and_forget(owner: str, name: str, ttl_s: int) -> bool:
            kept = keep(owner, name, ttl_s)
            farm.service.cancel_or_forget(first.id)
            return kept

        farm.artifacts.keep = keep_and_forget  # type: ignore[method-assign]
        second = farm.submit(cache_ttl=60)
        assert second.state is JobState.QUEUED
        assert farm.queue.count(second.id) == 1


class TestInFlight:
    @pytest.fixture
    def pair(self, farm: MemoryFarm) -> tuple[Job, Job]:
        return farm.submit(cache_ttl=60), farm.submit(cache_ttl=60)

    def test_of_two_that_are_queued_one_runs(
        self, farm: MemoryFarm, worker: Worker, pair: tuple[Job, Job]
    ) -> None:
        first, second = pair
        worker.run(first)
        worker.run(second)
        assert worker.rendered == [first.id]
        answered = farm.service.get(second.id)
        assert (answered.state, answered.made_by) == (JobState.SUCCEEDED, f"{first.id}.1")
        assert picture(farm, second) == b"picture 1"

    def test_whichever_is_taken_first_runs_so_no_urgent_job_waits_for_a_low_one(
        self, farm: MemoryFarm, worker: Worker
    ) -> None:
        low = farm.submit(cache_ttl=60, priority="low")
        high = farm.submit(cache_ttl=60, priority="high")
        assert [farm.queue.count(job.id) for job in (low, high)] == [0, 1]
        worker.run(high)
        worker.run(low)
        assert worker.rendered == [high.id]
        assert farm.service.get(low.id).state is JobState.SUCCEEDED

    def test_one_waits_while_the_other_runs_and_is_announced_at_its_end(
        self, farm: MemoryFarm, worker: Worker, pair: tuple[Job, Job]
    ) -> None:
        first, second = pair
        worker.meanwhile = lambda: worker.run(second)
        worker.run(first)
        assert worker.rendered == [first.id]
        assert farm.service.get(second.id) == second
        assert farm.queue.count(second.id) == 2
        worker.run(second)
        assert farm.service.get(second.id).made_by == f"{first.id}.1"

    def test_a_result_made_while_one_waited_is_never_too_old(
        self, farm: MemoryFarm, worker: Worker
    ) -> None:
        first, second = (farm.submit(cache_ttl=1) for _ in range(2))
        worker.run(first)
        farm.clock.advance(3600)
        worker.run(second)
        assert (farm.service.get(second.id).report or {})["cache_age_s"] == 3600

    def test_one_is_cancelled_without_the_other(
        self, farm: MemoryFarm, worker: Worker, pair: tuple[Job, Job]
    ) -> None:
        first, second = pair

        def cancel_the_one_that_waits() -> None:
            worker.run(second)
            farm.service.cancel_or_forget(second.id)

        worker.meanwhile = cancel_the_one_that_waits
        worker.run(first)
        states = [farm.service.get(job.id).state for job in pair]
        assert states == [JobState.SUCCEEDED, JobState.CANCELLED]

    @pytest.mark.parametrize("end", ["cancelled", "forgotten"])
    def test_when_the_one_that_runs_is_cancelled_the_other_runs(
        self, farm: MemoryFarm, worker: Worker, pair: tuple[Job, Job], end: str
    ) -> None:
        first, second = pair

        def cancel_the_one_that_runs() -> None:
            worker.meanwhile = lambda: None
            worker.run(second)
            for _ in range(2 if end == "forgotten" else 1):
                farm.service.cancel_or_forget(first.id)

        worker.meanwhile = cancel_the_one_that_runs
        worker.run(first)
        assert farm.queue.count(second.id) == 2
        worker.run(second)
        assert worker.rendered == [first.id, second.id]
        assert picture(farm, second) == b"picture 2"

    def test_when_the_one_that_runs_fails_each_of_the_others_has_a_run_of_its_own(
        self, farm: MemoryFarm, worker: Worker
    ) -> None:
        first, second, third = (farm.submit(cache_ttl=60) for _ in range(3))
        worker.fails = True
        worker.run(first)
        # Beside each other: none waits for one that may fail as well.
        worker.meanwhile = lambda: worker.run(third) if len(worker.rendered) == 2 else None
        worker.run(second)
        assert worker.rendered == [first.id, second.id, third.id]

    def test_who_comes_after_a_failure_waits_for_the_next_try(
        self, farm: MemoryFarm, worker: Worker
    ) -> None:
        worker.fails = True
        rendered(farm, worker)
        farm.clock.advance(1)
        second, third = (farm.submit(cache_ttl=60) for _ in range(2))
        worker.fails = False
        worker.meanwhile = lambda: worker.run(third)
        worker.run(second)
        assert len(worker.rendered) == 2

    def test_an_attempt_that_is_lost_gives_way_to_whoever_comes_first(
        self, farm: MemoryFarm, worker: Worker, pair: tuple[Job, Job]
    ) -> None:
        first, second = pair
        lost = first.claimed("dead/1", farm.clock.now(), redeliveries=0)
        assert farm.service.cache.claim(lost)
        worker.run(second)
        assert worker.rendered == []
        farm.ledger.swap(lost.after_loss(farm.clock.now()))
        worker.run(second)
        worker.run(first)
        assert worker.rendered == [second.id]
        assert farm.service.get(first.id).made_by == f"{second.id}.1"

    @pytest.mark.parametrize("fields", [{"fresh": True}, {"expires_in": 60}])
    def test_one_that_is_to_be_fresh_or_taken_soon_waits_for_nobody(
        self, farm: MemoryFarm, worker: Worker, fields: dict[str, object]
    ) -> None:
        first = farm.submit(cache_ttl=60)
        second = farm.submit(cache_ttl=60, **fields)

        def once() -> None:
            worker.meanwhile = lambda: None
            worker.run(second)

        worker.meanwhile = once
        worker.run(first)
        assert worker.rendered == [first.id, second.id]

    def test_a_retry_may_be_answered_too(self, farm: MemoryFarm, worker: Worker) -> None:
        worker.fails = True
        failed = rendered(farm, worker)
        worker.fails = False
        farm.clock.advance(1)
        rendered(farm, worker)
        farm.service.retry(failed.id)
        worker.run(failed)
        done = farm.service.get(failed.id)
        assert (done.state, len(done.previous_failures)) == (JobState.SUCCEEDED, 1)
        assert len(worker.rendered) == 2

    def test_the_end_of_a_run_announces_none_whose_turn_has_not_come(
        self, farm: MemoryFarm, worker: Worker
    ) -> None:
        first = farm.submit(cache_ttl=60)
        low = farm.submit(cache_ttl=60, priority="low")
        worker.run(first)
        assert farm.queue.count(low.id) == 0

    def test_a_broker_that_is_away_at_the_end_of_a_run_spoils_nothing(
        self, farm: MemoryFarm, worker: Worker, pair: tuple[Job, Job]
    ) -> None:
        def announce(job: Job, *, ahead: bool = False) -> None:
            raise BackendUnavailable(f"{job.id} {ahead}")

        farm.queue.announce = announce  # type: ignore[method-assign]
        worker.run(pair[0])
        assert farm.service.get(pair[0].id).state is JobState.SUCCEEDED
