"""The promises of ``Twins``, and the ledger's about them, kept by every implementation."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from farm.backends.memory import ManualClock, MemoryLedger
from farm.backends.memory_twins import MemoryTwins
from farm.backends.redis_changes import ChangeListener
from farm.backends.redis_connection import connect
from farm.backends.redis_ledger import RedisLedger
from farm.backends.redis_twins import RedisTwins
from farm.jobs.errors import DnsError
from farm.jobs.models import Artifact, Job
from farm.jobs.ports import JobLedger
from farm.jobs.twins import Twins
from tests.support.builders import NOON, a_job, a_spec

SAME, OTHER = "a" * 64, "b" * 64
LATER = NOON + timedelta(seconds=10)
PICTURE = Artifact(name="screenshot.png", media_type="image/png", size_bytes=1, sha256="0" * 64)


@dataclass
class Subject:
    """Twins under test, the ledger that files them, and how a retention passes."""

    twins: Twins
    ledger: JobLedger
    end_retention: Callable[[Job], None]

    def queued(self, job_id: str, fingerprint: str | None = SAME, **fields: object) -> Job:
        job = a_job(job_id, spec=a_spec(cache_ttl=60, **fields))
        job = job.model_copy(update={"fingerprint": fingerprint})
        assert self.ledger.swap(job)
        return job

    def claimed(self, job: Job) -> Job:
        claimed = job.claimed("w", NOON, redeliveries=0)
        assert self.ledger.swap(claimed)
        return claimed

    def done(self, job_id: str, seconds: float = 0, **report: object) -> Job:
        """Store a job that succeeded so long after noon."""
        claimed = self.claimed(self.queued(job_id))
        at = NOON + timedelta(seconds=seconds)
        done = claimed.succeeded(at, artifacts=[PICTURE], report=report)
        assert self.ledger.swap(done)
        return done

    def results(self) -> list[str]:
        return [job.id for job in self.twins.results(SAME)]


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    if request.param == "memory":
        clock = ManualClock(NOON)
        memory = MemoryLedger(clock)
        yield Subject(MemoryTwins(memory), memory, lambda job: clock.advance(job.spec.retention))
        return
    with connect(request.getfixturevalue("redis_url")) as client:
        changes = ChangeListener(client, waiters_max=0)
        ledger = RedisLedger(client, changes)

        def end_retention(job: Job) -> None:
            client.delete(f"farm:job:{job.id}")
            assert job.expires_at is not None
            ledger.tidy(job.expires_at + timedelta(seconds=2), 10)

        yield Subject(RedisTwins(client, ledger), ledger, end_retention)
        changes.close()


def test_the_result_made_last_comes_first(subject: Subject) -> None:
    for seconds in (2, 3, 1):
        subject.done(f"job-{seconds}", seconds)
    assert subject.results() == ["job-3", "job-2", "job-1"]
    assert subject.twins.results(OTHER) == []


def test_what_failed_was_cancelled_is_open_or_came_in_part_is_no_result(subject: Subject) -> None:
    subject.done("part", partial=True)
    subject.claimed(subject.queued("running"))
    assert subject.ledger.swap(subject.queued("cancelled").cancelled(NOON))
    assert subject.ledger.swap(subject.queued("failed").failed(DnsError("Gone."), NOON))
    assert subject.results() == []


@pytest.mark.parametrize("way", ["forgotten", "expired"])
def test_what_is_gone_is_no_result_and_lists_nothing(subject: Subject, way: str) -> None:
    done = subject.done("job-1")
    assert subject.twins.lists(done.run_id)
    if way == "forgotten":
        subject.ledger.forget(done.id)
        assert not subject.twins.lists(done.run_id)
    else:
        subject.end_retention(done)
    assert subject.results() == []


def test_a_job_answered_with_a_result_is_one_itself_as_old_as_that(subject: Subject) -> None:
    done = subject.done("old", 1)
    queued = subject.queued("new")
    answered = queued.answered(done, LATER)
    assert subject.ledger.swap(answered)
    assert subject.ledger.get("new") == answered
    newer = subject.done("newer", 2)
    assert subject.results()[0] == newer.id
    subject.ledger.forget(newer.id)
    subject.ledger.forget(done.id)
    assert subject.results() == ["new"]
    assert subject.twins.lists(done.run_id)
    again = subject.queued("again").answered(answered, LATER)
    assert (again.run_id, again.made_at) == (done.run_id, done.finished_at)
    subject.ledger.forget("new")
    assert not subject.twins.lists(done.run_id)


def test_a_job_may_be_stored_as_answered_at_once(subject: Subject) -> None:
    done = subject.done("old")
    draft = a_job("new", spec=a_spec(cache_ttl=60)).model_copy(
        update={"fingerprint": SAME, "revision": 0}
    )
    answered = draft.answered(done, NOON)
    assert subject.ledger.swap(answered)
    assert subject.ledger.swap(answered)
    assert not subject.ledger.swap(answered.model_copy(update={"request_id": "another"}))
    assert subject.ledger.get("new") == answered


def test_no_job_is_answered_with_what_nobody_lists_any_more(subject: Subject) -> None:
    done = subject.done("old")
    queued = subject.queued("new")
    subject.ledger.forget(done.id)
    assert not subject.ledger.swap(queued.answered(done, NOON))
    assert subject.ledger.get("new") == queued
    assert not subject.twins.lists(done.run_id)


def test_an_answer_is_no_work_that_a_worker_did(subject: Subject) -> None:
    done = subject.done("old")
    before = subject.ledger.pressure("pages", NOON)
    assert subject.ledger.swap(subject.queued("new").answered(done, NOON))
    assert subject.ledger.pressure("pages", NOON) == before


def test_while_a_twin_runs_none_is_claimed(subject: Subject) -> None:
    one, two, three = (subject.queued(f"job-{number}") for number in (1, 2, 3))
    running = one.claimed("w", NOON, redeliveries=0)
    assert subject.twins.claim(running)
    assert subject.twins.claim(running), "asked again after a lost reply"
    waiting = two.claimed("w", NOON, redeliveries=0)
    assert not subject.twins.claim(waiting)
    assert subject.ledger.get(two.id) == two
    assert subject.ledger.swap(running.given_back(NOON, counted=True))
    assert subject.twins.claim(waiting)
    assert not subject.twins.claim(three.claimed("w", NOON, redeliveries=0))


def test_others_run_beside_it(subject: Subject) -> None:
    subject.claimed(subject.queued("job-1"))
    other = subject.queued("job-2", OTHER)
    assert subject.twins.claim(other.claimed("w", NOON, redeliveries=0))


def test_of_many_that_are_claimed_at_once_one_is(subject: Subject) -> None:
    claims = [
        subject.queued(f"job-{number}").claimed("w", NOON, redeliveries=0) for number in range(8)
    ]
    start = threading.Barrier(len(claims))
    stored: list[bool] = []

    def claim(job: Job) -> None:
        start.wait()
        stored.append(subject.twins.claim(job))

    threads = [threading.Thread(target=claim, args=(job,)) for job in claims]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(stored) == [False] * 7 + [True]


def test_a_failure_and_a_result_in_part_came_to_nothing(subject: Subject) -> None:
    subject.done("whole", 5)
    assert subject.ledger.swap(subject.queued("stopped").cancelled(LATER))
    assert not subject.twins.came_to_nothing(SAME, NOON)
    subject.done("part", 5, partial=True)
    assert subject.twins.came_to_nothing(SAME, NOON)
    assert not subject.twins.came_to_nothing(SAME, LATER)
    failed = subject.queued("failed").failed(DnsError("Gone."), LATER)
    assert subject.ledger.swap(failed)
    assert subject.twins.came_to_nothing(SAME, LATER)
    assert subject.ledger.swap(failed.retried(LATER))
    assert not subject.twins.came_to_nothing(SAME, LATER)
    assert not subject.twins.came_to_nothing(OTHER, NOON)


def test_those_that_wait_are_the_queued_ones_whose_turn_has_come(subject: Subject) -> None:
    subject.claimed(subject.queued("running"))
    subject.queued("other", OTHER)
    subject.queued("alone", None)
    for number in (1, 2, 3):
        subject.queued(f"job-{number}")
    subject.queued("low-1", priority="low")
    subject.queued("low-2", priority="low")
    assert [job.id for job in subject.twins.waiting(SAME, 2)] == ["job-1", "job-2"]
    subject.ledger.take_turns("pages", 1, LATER)
    waiting = [job.id for job in subject.twins.waiting(SAME, 9)]
    assert waiting == ["job-1", "job-2", "job-3", "low-1"]
