"""Who is told when, and what becomes of attempts."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from structlog.testing import capture_logs

from farm.jobs.batches.intake import Item
from farm.jobs.batches.models import BatchOptions
from farm.jobs.batches.service import Batches, BatchRequest
from farm.jobs.deliveries import Answer, Delivery
from farm.jobs.errors import BackendUnavailable, DnsError
from farm.jobs.models import Job
from farm.jobs.ports import Told
from tasks.dispatcher.deliverer import OF_ONE_HOST_MAX, THREADS, Deliverer
from tests.support.builders import MemoryFarm
from tests.support.waiting import until


class Receivers:
    """Answers attempts as it is told, and can be made to wait."""

    def __init__(self) -> None:
        self.answer: Answer | Exception = Answer()
        self.told: list[str] = []
        self.open = threading.Event()
        self.open.set()

    def deliver(self, about: Told) -> Answer:
        self.told.append(about.id)
        assert self.open.wait(30)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Subject:
    """A deliverer under test and what is around it."""

    def __init__(self, farm: MemoryFarm, receivers: Receivers) -> None:
        self.farm = farm
        self.receivers = receivers
        self.prepared = 0
        self.deliverer = Deliverer(
            farm.service,
            [receivers.deliver] * THREADS,
            prepare=self._prepare,
            jitter=lambda: 0,
        )

    def ended(self, host: str = "hooks.test") -> Job:
        job = self.farm.submit(webhook_url=f"https://{host}/")
        failed = job.failed(DnsError("Gone."), self.farm.clock.now())
        assert self.farm.ledger.swap(failed)
        return failed

    def of(self, job: Job) -> Delivery:
        return self.farm.deliveries.of([job])[job.id]

    def until(self, fact: Callable[[], bool], what: str) -> None:
        """Take turns until it is so."""

        def turn() -> bool:
            self.deliverer.deliver()
            return fact()

        until(turn, what)

    def _prepare(self) -> None:
        self.prepared += 1


@pytest.fixture
def subject() -> Iterator[Subject]:
    made = Subject(MemoryFarm(), Receivers())
    yield made
    made.receivers.open.set()
    made.deliverer.close()


@contextmanager
def closed(subject: Subject) -> Iterator[None]:
    """Let nobody's attempt come back within the block."""
    subject.receivers.open.clear()
    yield
    subject.receivers.open.set()


def test_the_receiver_of_an_ended_job_is_told_once(subject: Subject) -> None:
    job = subject.ended()
    subject.until(lambda: subject.of(job).state == "delivered", "it is delivered")
    subject.farm.clock.advance(3600)
    subject.deliverer.deliver()
    subject.deliverer.close()
    assert subject.receivers.told == [job.id]
    assert subject.of(job) == Delivery(revision=job.revision, state="delivered", attempts=1)


def test_nothing_is_prepared_before_there_is_something_to_deliver(subject: Subject) -> None:
    subject.deliverer.deliver()
    assert subject.prepared == 0
    jobs = [subject.ended(), subject.ended()]
    subject.until(lambda: all(subject.of(job).attempts for job in jobs), "both are delivered")
    assert subject.prepared == 1


def test_what_failed_is_tried_when_its_pause_is_over_and_given_up_in_the_end(
    subject: Subject,
) -> None:
    subject.receivers.answer = Answer(error="http_500")
    job = subject.ended()
    for attempts, pause_s in enumerate((5, 300, 1800, 7200, 18_000), start=1):
        subject.deliverer.deliver()
        until(lambda: not subject.deliverer.under_way, "the attempt is over")
        assert (subject.of(job).state, subject.of(job).attempts) == ("pending", attempts)
        subject.farm.clock.advance(pause_s - 1)
        subject.deliverer.deliver()
        assert len(subject.receivers.told) == attempts
        subject.farm.clock.advance(1)
    subject.until(lambda: subject.of(job).state == "failed", "it is given up")
    assert subject.of(job).attempts == 6


def test_a_job_under_way_is_not_told_of_twice_though_its_lease_is_over(subject: Subject) -> None:
    with closed(subject):
        job = subject.ended()
        subject.deliverer.deliver()
        subject.farm.clock.advance(120)
        subject.deliverer.deliver()
    subject.until(lambda: subject.of(job).state == "delivered", "it is delivered")
    assert subject.receivers.told == [job.id]


def test_a_receiver_that_does_not_answer_leaves_room_for_others(subject: Subject) -> None:
    with closed(subject):
        for _ in range(2 * THREADS):
            subject.ended("dead.test")
        subject.farm.clock.advance(1)
        other = subject.ended("alive.test")
        subject.deliverer.deliver()
        subject.deliverer.deliver()
        until(lambda: other.id in subject.receivers.told, "the other is told")
        dead = set(subject.receivers.told) - {other.id}
        assert len(dead) == OF_ONE_HOST_MAX


def test_what_found_no_room_is_told_soon(subject: Subject) -> None:
    with closed(subject):
        jobs = [subject.ended() for _ in range(2 * THREADS)]
        subject.deliverer.deliver()

    def all_told() -> bool:
        subject.farm.clock.advance(1)
        return all(subject.of(job).state == "delivered" for job in jobs)

    subject.until(all_told, "all are delivered")
    assert sorted(subject.receivers.told) == sorted(job.id for job in jobs)


def test_without_a_gate_nothing_counts_as_an_attempt(subject: Subject) -> None:
    subject.receivers.answer = BackendUnavailable("The gate is away.")
    job = subject.ended()
    subject.deliverer.deliver()
    until(lambda: subject.receivers.told, "it was tried")
    subject.receivers.answer = Answer()

    def is_told() -> bool:
        subject.farm.clock.advance(1)
        return subject.of(job).state == "delivered"

    subject.until(is_told, "it is delivered")
    assert subject.of(job).attempts == 1


def test_a_bug_counts_as_a_failure_and_ends(subject: Subject) -> None:
    subject.receivers.answer = RuntimeError("hunter2")
    job = subject.ended()
    with capture_logs() as logs:
        subject.until(lambda: subject.of(job).attempts == 1, "it was tried")
    assert subject.of(job).last_error == "internal_error"
    assert "unforeseen" in [each["event"] for each in logs]


def test_of_a_job_that_was_retried_meanwhile_nothing_is_recorded(subject: Subject) -> None:
    with closed(subject):
        job = subject.ended()
        subject.deliverer.deliver()
        retried = job.retried(subject.farm.clock.now())
        assert subject.farm.ledger.swap(retried)
    subject.deliverer.close()
    assert subject.of(retried) == Delivery(revision=retried.revision)


def test_what_a_dead_dispatcher_had_taken_is_told_by_the_next(subject: Subject) -> None:
    job = subject.ended()
    now = subject.farm.clock.now()
    subject.farm.deliveries.take(now, now, 1)  # And dies.
    subject.until(lambda: subject.of(job).state == "delivered", "it is delivered")


def test_the_end_of_a_batch_is_told_once_it_is_due(subject: Subject) -> None:
    farm = subject.farm
    options = BatchOptions.model_validate({"on_complete": {"webhook_url": "https://hooks.test/"}})
    items = iter([Item(1, "https://page.test/")])
    request = BatchRequest(options, {"kind": "screenshot"}, items, lambda: "ab")
    batch = Batches(farm.service).submit(request).standing.batch
    subject.deliverer.deliver()
    assert subject.receivers.told == []
    # Between two steps of a retry no job is open, but the batch is not over.
    retrying = batch.changed(retry_until=farm.clock.now())
    assert farm.batches.swap(retrying)
    (job,) = farm.batches.open_jobs(batch.id, 10)
    farm.ledger.swap(job.cancelled(farm.clock.now()))
    told = f"{batch.id}-finished"
    subject.deliverer.deliver()
    assert (subject.receivers.told, subject.deliverer.under_way) == ([], 0)
    assert farm.batches.swap(retrying.changed(retry_until=None))
    farm.clock.advance(1)
    subject.until(lambda: subject.receivers.told == [told], "it was told")
    subject.until(lambda: subject.deliverer.under_way == 0, "the attempt is over")
    farm.clock.advance(3600)
    subject.deliverer.deliver()
    assert subject.receivers.told == [told]
