"""The promises of ``BatchJobs``, kept by every implementation."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from farm.backends.memory import ManualClock, MemoryLedger
from farm.backends.memory_batch_jobs import MemoryBatchJobs
from farm.backends.memory_batches import MemoryBatches
from farm.backends.redis_batch_jobs import RedisBatchJobs
from farm.backends.redis_batches import RedisBatches
from farm.backends.redis_changes import ChangeListener
from farm.backends.redis_connection import connect
from farm.backends.redis_ledger import RedisLedger
from farm.jobs.batches.ports import BatchJobs
from tests.contracts.test_batch_ledger import PAGES, Subject
from tests.support.builders import NOON


@dataclass
class Read:
    """A batch ledger, and what reads its jobs."""

    subject: Subject
    jobs: BatchJobs

    def ends(self, after: int = 0, limit: int = 100) -> list[str | None]:
        return [job.spec.url for _, job in self.jobs.ended("batch-1", after, limit)]


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def read(request: pytest.FixtureRequest) -> Iterator[Read]:
    clock = ManualClock(NOON)
    if request.param == "memory":
        ledger = MemoryLedger(clock)
        subject = Subject(ledger, MemoryBatches(ledger, clock), clock)
        yield Read(subject, MemoryBatchJobs(ledger))
        return
    with connect(request.getfixturevalue("redis_url")) as client:
        changes = ChangeListener(client, waiters_max=1)
        batches = RedisBatches(client, changes, clock)
        subject = Subject(RedisLedger(client, changes), batches, clock)
        yield Read(subject, RedisBatchJobs(client, changes))
        changes.close()


def test_jobs_come_in_the_order_of_their_lines_page_by_page(read: Read) -> None:
    made = read.subject.made(*PAGES)
    read.subject.made("http://other.test/", batch_id="batch-2")
    read.subject.end(made[3])
    found: list[str | None] = []
    after: int | None = -1
    while after is not None:
        page, after = read.jobs.in_order("batch-1", after, 4)
        found += [job.spec.url for job in page]
    assert found == PAGES
    assert read.jobs.in_order("nothing", -1, 4) == ([], None)


def test_milestones_are_a_few_of_the_ends(read: Read) -> None:
    made = read.subject.made(*PAGES)
    assert read.jobs.milestones("batch-1", 3) == []
    begun = read.subject.clock.now()
    for job in made[:5]:
        read.subject.clock.advance(60)
        read.subject.end(job)
    minutes = [
        (number, (at - begun).total_seconds() / 60)
        for number, at in read.jobs.milestones("batch-1", 3)
    ]
    assert minutes == [(1, 1), (3, 3), (5, 5)]
    assert [number for number, _ in read.jobs.milestones("batch-1", 60)] == [1, 2, 3, 4, 5]
    assert read.jobs.milestones("nothing", 60) == []


def test_no_milestone_is_before_another_whatever_the_clocks_say(read: Read) -> None:
    for job in read.subject.made(*PAGES)[:3]:
        read.subject.end(job)
        read.subject.clock.advance(-60)
    assert [at for _, at in read.jobs.milestones("batch-1", 9)] == [NOON] * 3


def test_a_job_is_read_as_it_stands(read: Read) -> None:
    first, *_ = read.subject.made(*PAGES)
    ended = read.subject.end(first, fails=True)
    assert read.jobs.in_order("batch-1", -1, 1)[0] == [ended]


def test_ends_come_in_their_order_whatever_the_clock_says(read: Read) -> None:
    made = read.subject.made(*PAGES)
    read.subject.made("http://other.test/", batch_id="batch-2")
    assert read.ends() == []
    for number in (4, 0, 2):
        read.subject.end(made[number], fails=number == 0)
        read.subject.clock.advance(-60)
    assert read.ends() == [PAGES[4], PAGES[0], PAGES[2]]
    (first, _), (second, _) = read.jobs.ended("batch-1", 0, 2)
    assert first < second
    assert read.ends(after=first) == [PAGES[0], PAGES[2]]
    assert read.ends(after=second) == [PAGES[2]]


def test_a_job_that_ends_again_is_told_again_and_not_before(read: Read) -> None:
    first, second, *_ = read.subject.made(*PAGES)
    failed = read.subject.end(first, fails=True)
    read.subject.end(second)
    last = read.jobs.ended("batch-1", 0, 100)[-1][0]
    again = failed.retried(NOON + timedelta(seconds=1))
    assert read.subject.jobs.swap(again)
    assert read.ends() == [PAGES[1]]
    read.subject.end(again)
    assert read.ends(after=last) == [PAGES[0]]
    assert read.ends() == [PAGES[1], PAGES[0]]


def test_a_job_that_is_answered_is_told_as_one_that_ran(read: Read) -> None:
    done = read.subject.done_alone()
    first, second, *_ = read.subject.made(*PAGES)
    read.subject.end(second)
    assert read.subject.jobs.swap(first.answered(done, NOON))
    assert read.ends() == [PAGES[1], PAGES[0]]


def test_a_job_that_is_forgotten_is_in_no_list(read: Read) -> None:
    first, second, *_ = read.subject.made(*PAGES[:2])
    read.subject.end(first)
    read.subject.jobs.forget(first.id)
    assert read.ends() == []
    assert read.jobs.in_order("batch-1", -1, 10) == ([second], None)


def test_whoever_watches_a_batch_is_woken_by_any_of_its_jobs(read: Read) -> None:
    made = read.subject.made(*PAGES)
    with read.jobs.watched("batch-1") as pause:
        assert pause is not None
        pause(0.01)
        for job in made[:2]:
            read.subject.end(job)
            began = time.monotonic()
            pause(30)
            assert time.monotonic() - began < 10


@pytest.mark.redis
def test_no_more_watch_than_may(redis_url: str) -> None:
    with connect(redis_url) as client:
        changes = ChangeListener(client, waiters_max=0)
        with RedisBatchJobs(client, changes).watched("batch-1") as pause:
            assert pause is None
        changes.close()
