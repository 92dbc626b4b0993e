"""The promises of ``Deliveries``, kept by every implementation."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from farm.backends.memory import ManualClock, MemoryLedger
from farm.backends.memory_deliveries import MemoryDeliveries
from farm.backends.redis_changes import ChangeListener
from farm.backends.redis_connection import connect
from farm.backends.redis_deliveries import RedisDeliveries
from farm.backends.redis_ledger import RedisLedger
from farm.jobs.deliveries import Answer, Delivery
from farm.jobs.errors import DnsError
from farm.jobs.models import Job
from farm.jobs.ports import Deliveries, JobLedger
from tests.support.builders import NOON, a_job, a_spec

LATER = NOON + timedelta(minutes=1)
URL = "https://hooks.test/"


@dataclass
class Subject:
    """Deliveries under test, the ledger that they lie beside, and how a retention passes."""

    deliveries: Deliveries[Job]
    ledger: JobLedger
    end_retention: Callable[[Job], None]

    def ended(self, job_id: str = "job-1", seconds: float = 0, url: str | None = URL) -> Job:
        """Store a job that failed so long after noon."""
        job = a_job(job_id, spec=a_spec(webhook_url=url))
        failed = job.failed(DnsError("Gone."), NOON + timedelta(seconds=seconds))
        assert self.ledger.swap(job)
        assert self.ledger.swap(failed)
        return failed

    def taken(self, limit: int = 10) -> list[str]:
        jobs = self.deliveries.take(NOON + timedelta(seconds=30), LATER, limit)
        return [job.id for job in jobs]

    def of(self, job: Job) -> Delivery:
        return self.deliveries.of([job])[job.id]


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    if request.param == "memory":
        clock = ManualClock(NOON)
        memory = MemoryLedger(clock)
        yield Subject(
            MemoryDeliveries(memory), memory, lambda job: clock.advance(job.spec.retention)
        )
        return
    with connect(request.getfixturevalue("redis_url")) as client:
        changes = ChangeListener(client, waiters_max=0)
        ledger = RedisLedger(client, changes)

        def end_retention(job: Job) -> None:
            client.delete(f"farm:job:{job.id}")
            assert job.expires_at is not None
            ledger.tidy(job.expires_at + timedelta(seconds=2), 10)

        yield Subject(RedisDeliveries(client), ledger, end_retention)
        changes.close()


def test_the_step_that_ends_a_job_makes_its_webhook_due(subject: Subject) -> None:
    job = a_job(spec=a_spec(webhook_url=URL))
    subject.ledger.swap(job)
    assert subject.taken() == []
    cancelled = job.cancelled(NOON)
    subject.ledger.swap(cancelled)
    assert subject.deliveries.take(NOON, LATER, 1) == [cancelled]


def test_a_job_without_a_webhook_is_never_due(subject: Subject) -> None:
    subject.ended(url=None)
    assert subject.taken() == []


def test_nothing_is_due_before_its_time(subject: Subject) -> None:
    subject.ended(seconds=31)
    assert subject.taken() == []


def test_the_longest_due_come_first_and_no_more_than_asked_for(subject: Subject) -> None:
    for seconds in (2, 1, 3):
        subject.ended(f"job-{seconds}", seconds)
    assert subject.taken(2) == ["job-1", "job-2"]
    assert subject.taken() == ["job-3"]


def test_what_was_taken_is_due_again_should_nobody_say_what_came_of_it(subject: Subject) -> None:
    job = subject.ended()
    assert subject.taken() == [job.id]
    assert subject.taken() == []
    assert subject.deliveries.take(LATER, LATER + timedelta(hours=1), 1) == [job]


def test_at_first_it_stands_as_pending(subject: Subject) -> None:
    job = subject.ended()
    assert subject.of(job) == Delivery(revision=job.revision)


def test_how_it_stands_is_kept_and_it_is_due_when_that_says(subject: Subject) -> None:
    job = subject.ended()
    subject.taken()
    due_at = NOON + timedelta(seconds=20)
    delivery = Delivery(revision=job.revision, attempts=1, last_error="timeout", due_at=due_at)
    assert subject.deliveries.record(job, delivery)
    assert subject.of(job) == delivery
    assert subject.taken() == [job.id]
    assert subject.ledger.get(job.id) == job


def test_what_was_delivered_or_given_up_is_due_no_more(subject: Subject) -> None:
    job = subject.ended()
    subject.taken()
    subject.deliveries.record(job, Delivery(revision=job.revision, state="delivered", attempts=1))
    subject.deliveries.postpone(job, NOON)
    assert subject.deliveries.take(LATER, LATER, 1) == []
    assert subject.of(job).state == "delivered"


def test_what_was_delivered_can_be_made_due_again(subject: Subject) -> None:
    job = subject.ended()
    subject.deliveries.record(job, Delivery(revision=job.revision, state="delivered", attempts=1))
    subject.deliveries.record(job, Delivery(revision=job.revision, due_at=NOON))
    assert subject.taken() == [job.id]


def test_what_is_postponed_is_due_then(subject: Subject) -> None:
    job = subject.ended()
    subject.deliveries.postpone(job, LATER)
    assert subject.taken() == []
    assert subject.deliveries.take(LATER, LATER, 1) == [job]


def test_a_retry_of_the_job_takes_it_back_and_its_next_end_is_news(subject: Subject) -> None:
    failed = subject.ended()
    kept = Delivery(revision=failed.revision, state="failed", attempts=6, last_error="timeout")
    subject.deliveries.record(failed, kept)
    again = failed.retried(NOON)
    subject.ledger.swap(again)
    assert subject.taken() == []
    assert subject.of(again) == Delivery(revision=again.revision)
    cancelled = again.cancelled(NOON)
    subject.ledger.swap(cancelled)
    assert subject.taken() == [cancelled.id]


def test_who_comes_late_changes_nothing(subject: Subject) -> None:
    failed = subject.ended()
    again = failed.retried(NOON)
    subject.ledger.swap(again)
    assert not subject.deliveries.record(failed, Delivery(revision=failed.revision, due_at=NOON))
    assert subject.of(again).attempts == 0
    assert subject.taken() == []


@pytest.mark.parametrize("way", ["forgotten", "expired"])
def test_of_a_job_that_is_gone_nothing_is_due(subject: Subject, way: str) -> None:
    job = subject.ended()
    if way == "forgotten":
        subject.ledger.forget(job.id)
    else:
        subject.end_retention(job)
    assert subject.taken() == []
    assert not subject.deliveries.record(job, Delivery(revision=job.revision, due_at=NOON))
    assert subject.taken() == []


def test_many_are_asked_for_at_once(subject: Subject) -> None:
    one, two = subject.ended("one"), subject.ended("two")
    subject.deliveries.record(two, Delivery(revision=two.revision, state="delivered", attempts=1))
    found = subject.deliveries.of([one, two])
    assert {job_id: each.state for job_id, each in found.items()} == {
        "one": "pending",
        "two": "delivered",
    }
    assert subject.deliveries.of([]) == {}


def given_up(subject: Subject, job: Job, minutes: float) -> Delivery:
    """Have it fail for good so long after noon."""
    final = Answer(error="http_410", is_final=True)
    at = NOON + timedelta(minutes=minutes)
    failed = Delivery(revision=job.revision).after(final, at, jitter=0)
    assert subject.deliveries.record(job, failed)
    return failed


def test_what_was_given_up_is_listed_the_latest_first(subject: Subject) -> None:
    jobs = [subject.ended(f"job-{number}") for number in range(5)]
    for minute, job in enumerate(jobs):
        how = given_up(subject, job, minute)
    found = subject.deliveries.given_up("", None, 2)
    assert [each.about for each in found] == [jobs[4], jobs[3]]
    assert (found[0].delivery, found[0].at) == (how, NOON + timedelta(minutes=4))
    older = subject.deliveries.given_up("", found[-1].at, 10)
    assert [each.about for each in older] == [jobs[2], jobs[1], jobs[0]]
    assert subject.deliveries.given_up("another", None, 10) == []


def test_what_was_given_up_leaves_the_list_as_soon_as_it_is_no_longer_so(subject: Subject) -> None:
    retried, asked, ended, stays = [subject.ended(f"job-{number}") for number in range(4)]
    for job in (retried, asked, ended, stays):
        given_up(subject, job, 1)
    assert subject.ledger.swap(retried.retried(LATER))
    subject.deliveries.record(asked, Delivery(revision=asked.revision, due_at=LATER))
    subject.ledger.forget(ended.id)
    # More than one page of what is no longer so lies before it.
    assert [each.about for each in subject.deliveries.given_up("", None, 1)] == [stays]
    delivered = Delivery(revision=stays.revision).after(Answer(), LATER, jitter=0)
    subject.deliveries.record(stays, delivered)
    assert subject.deliveries.given_up("", None, 10) == []
