"""The promises of ``JobLedger``, kept by every implementation."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from farm.backends.clock import SystemClock
from farm.backends.memory import ManualClock, MemoryLedger
from farm.backends.redis_changes import ChangeListener
from farm.backends.redis_connection import connect
from farm.backends.redis_ledger import RedisLedger
from farm.jobs.errors import DnsError, JobExpired, UnknownJob
from farm.jobs.models import Job
from farm.jobs.ports import JobLedger
from tests.support.builders import NOON, a_job, a_spec
from tests.support.waiting import until


class Subject:
    """A ledger under test, and how a job's retention passes for it."""

    def __init__(self, ledger: JobLedger, end_retention: Callable[[Job], None]) -> None:
        self.ledger = ledger
        self.end_retention = end_retention

    def has_expired(self, job: Job) -> bool:
        try:
            self.ledger.get(job.id)
        except JobExpired:
            return True
        return False


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    if request.param == "memory":
        clock = ManualClock(NOON)
        yield Subject(MemoryLedger(clock), lambda job: clock.advance(job.spec.retention))
        return
    with connect(request.getfixturevalue("redis_url")) as client:
        changes = ChangeListener(client, waiters_max=2)

        def end_retention(job: Job) -> None:
            key = f"farm:job:{job.id}"
            assert 0 < client.ttl(key) <= job.spec.retention
            client.pexpire(key, 1)

        yield Subject(RedisLedger(client, changes), end_retention)
        changes.close()


@pytest.fixture
def ledger(subject: Subject) -> JobLedger:
    return subject.ledger


def test_a_stored_job_comes_back_as_it_was(ledger: JobLedger) -> None:
    job = a_job(spec=a_spec(tags=["a"], metadata={"k": "v"}, viewport={"width": 10, "height": 20}))
    assert ledger.swap(job)
    assert ledger.get(job.id) == job


def test_an_unknown_id_is_unknown(ledger: JobLedger) -> None:
    with pytest.raises(UnknownJob):
        ledger.get("nobody")


def test_the_next_revision_replaces_the_one_before(ledger: JobLedger) -> None:
    job = a_job()
    ledger.swap(job)
    running = job.claimed("w", NOON, redeliveries=0)
    assert ledger.swap(running)
    assert ledger.get(job.id) == running


def test_two_moves_from_the_same_revision_cannot_both_be_stored(ledger: JobLedger) -> None:
    job = a_job()
    ledger.swap(job)
    assert ledger.swap(job.cancelled(NOON))
    assert not ledger.swap(job.claimed("w", NOON, redeliveries=0))
    assert ledger.get(job.id).state == "cancelled"


def test_storing_the_same_record_again_is_no_conflict(ledger: JobLedger) -> None:
    job = a_job()
    assert ledger.swap(job)
    assert ledger.swap(job)


def test_a_revision_without_the_one_before_is_refused(ledger: JobLedger) -> None:
    assert not ledger.swap(a_job().claimed("w", NOON, redeliveries=0))
    with pytest.raises(UnknownJob):
        ledger.get("job-1")


def test_a_queued_job_is_due_after_its_grace_and_a_running_one_after_its_lease(
    ledger: JobLedger,
) -> None:
    job = a_job()
    ledger.swap(job)
    assert ledger.due(NOON, 10) == []
    assert ledger.due(NOON + timedelta(seconds=11), 10) == [job]
    running = job.claimed("w", NOON, redeliveries=0)
    ledger.swap(running)
    assert ledger.due(NOON + timedelta(seconds=11), 10) == []
    assert ledger.due(NOON + timedelta(seconds=56), 10) == [running]


def test_a_terminal_job_is_never_due(ledger: JobLedger) -> None:
    job = a_job()
    ledger.swap(job)
    ledger.swap(job.cancelled(NOON))
    assert ledger.due(NOON + timedelta(days=1), 10) == []


def test_due_jobs_come_oldest_first_and_not_more_than_asked_for(ledger: JobLedger) -> None:
    for number in (3, 1, 2):
        at = NOON + timedelta(seconds=number)
        ledger.swap(a_job(f"job-{number}").model_copy(update={"queued_at": at}))
    due = ledger.due(NOON + timedelta(minutes=1), 2)
    assert [job.id for job in due] == ["job-1", "job-2"]


def test_a_postponed_job_is_due_later(ledger: JobLedger) -> None:
    job = a_job()
    ledger.swap(job)
    ledger.postpone(job.id, NOON + timedelta(seconds=100))
    assert ledger.due(NOON + timedelta(seconds=99), 10) == []
    assert ledger.due(NOON + timedelta(seconds=101), 10) == [job]


def test_postponing_does_not_open_an_ended_job_again(ledger: JobLedger) -> None:
    job = a_job()
    ledger.swap(job)
    ledger.swap(job.cancelled(NOON))
    ledger.postpone(job.id, NOON)
    assert ledger.due(NOON + timedelta(days=1), 10) == []


def test_a_forgotten_job_is_unknown_and_not_due(ledger: JobLedger) -> None:
    job = a_job()
    ledger.swap(job)
    ledger.forget(job.id)
    with pytest.raises(UnknownJob):
        ledger.get(job.id)
    assert ledger.due(NOON + timedelta(days=1), 10) == []


def test_a_job_past_its_retention_has_expired_and_is_not_unknown(subject: Subject) -> None:
    job = a_job()
    subject.ledger.swap(job)
    subject.ledger.swap(job.failed(DnsError("no such host"), NOON))
    subject.end_retention(job)
    until(lambda: subject.has_expired(job), "the record is gone and the id remembered")


def test_waiting_ends_when_the_job_changes(ledger: JobLedger) -> None:
    job = a_job()
    ledger.swap(job)
    woken = threading.Event()

    def wait() -> None:
        ledger.wait_for_change(job.id, job.revision, 30)
        woken.set()

    waiter = threading.Thread(target=wait)
    waiter.start()
    ledger.swap(job.cancelled(NOON))
    assert woken.wait(10)
    waiter.join()


def test_waiting_for_a_revision_that_is_past_ends_at_once(ledger: JobLedger) -> None:
    job = a_job()
    ledger.swap(job)
    ledger.swap(job.cancelled(NOON))
    ledger.wait_for_change(job.id, job.revision, 30)


def test_waiting_ends_at_its_timeout(ledger: JobLedger) -> None:
    job = a_job()
    ledger.swap(job)
    ledger.wait_for_change(job.id, job.revision, 0.05)


def test_the_ledger_s_clock_is_cut_to_milliseconds() -> None:
    assert SystemClock().now().microsecond % 1000 == 0


@pytest.mark.redis
def test_more_waiters_than_allowed_are_not_kept(redis_url: str) -> None:
    with connect(redis_url) as client:
        changes = ChangeListener(client, waiters_max=0)
        ledger = RedisLedger(client, changes)
        job = a_job()
        ledger.swap(job)
        ledger.wait_for_change(job.id, job.revision, 60)
        changes.close()
