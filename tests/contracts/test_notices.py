"""The promises of ``Deliveries``, kept by every implementation for what happens to batches."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from farm.backends.memory import ManualClock, MemoryLedger
from farm.backends.memory_batches import MemoryBatches
from farm.backends.memory_notices import MemoryNotices
from farm.backends.redis_batches import RedisBatches
from farm.backends.redis_changes import ChangeListener
from farm.backends.redis_connection import connect
from farm.backends.redis_ledger import RedisLedger
from farm.backends.redis_notices import RedisNotices
from farm.jobs.batches.models import BatchState
from farm.jobs.batches.ports import Notices
from farm.jobs.deliveries import Answer, Delivery
from tests.contracts.test_batch_ledger import PAGES, Subject
from tests.support.builders import NOON

LATER = NOON + timedelta(minutes=1)
TOLD: dict[str, Any] = {"on_complete": {"webhook_url": "https://hooks.test/"}}


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def both(request: pytest.FixtureRequest) -> Iterator[tuple[Subject, Notices]]:
    """Return the ledgers, and what is told of their batches."""
    clock = ManualClock(NOON)
    if request.param == "memory":
        ledger = MemoryLedger(clock)
        batches = MemoryBatches(ledger, clock)
        yield Subject(ledger, batches, clock), MemoryNotices(ledger, batches)
        return
    with connect(request.getfixturevalue("redis_url")) as client:
        changes = ChangeListener(client, waiters_max=0)
        redis_batches = RedisBatches(client, changes, clock)
        subject = Subject(RedisLedger(client, changes), redis_batches, clock)
        yield subject, RedisNotices(client, clock)
        changes.close()


@pytest.fixture
def subject(both: tuple[Subject, Notices]) -> Subject:
    return both[0]


@pytest.fixture
def notices(both: tuple[Subject, Notices]) -> Notices:
    return both[1]


def test_the_end_of_a_batch_is_news_in_the_step_that_ends_it(
    subject: Subject, notices: Notices
) -> None:
    jobs = subject.made(*PAGES[:2], **TOLD)
    subject.end(jobs[0])
    assert notices.take(LATER, LATER, 10) == []
    subject.clock.advance(3)
    subject.end(jobs[1])
    assert notices.take(NOON, LATER, 10) == []
    (notice,) = notices.take(subject.clock.now(), LATER, 10)
    assert (notice.event, notice.at) == ("finished", subject.clock.now())
    assert notice.standing == subject.standing()
    assert notice.webhook_url == "https://hooks.test/"
    # Whoever took it may have died.
    assert notices.take(subject.clock.now(), LATER, 10) == []
    assert notices.take(LATER, LATER, 10) == [notice]


def test_a_batch_without_a_receiver_makes_no_news(subject: Subject, notices: Notices) -> None:
    subject.end(subject.made(PAGES[0])[0])
    assert notices.take(LATER, LATER, 10) == []


def test_a_pause_that_a_batch_makes_by_itself_is_news_until_it_is_resumed(
    subject: Subject, notices: Notices
) -> None:
    jobs = subject.made(*PAGES, max_failures=1, **TOLD)
    subject.end(jobs[0], fails=True)
    (notice,) = notices.take(NOON, NOON, 10)
    assert (notice.event, notice.standing.state) == ("paused", "paused")
    running = subject.standing().batch.changed(state=BatchState.RUNNING, pause_at=9)
    subject.batches.swap(running)
    assert notices.take(LATER, LATER, 10) == []
    assert not notices.record(notice, Delivery(revision=notice.revision))
    # A caller's own pause is none.
    subject.batches.swap(running.changed(state=BatchState.PAUSED))
    assert notices.take(LATER, LATER, 10) == []


def test_a_batch_that_goes_on_ends_anew(subject: Subject, notices: Notices) -> None:
    failed = subject.end(subject.made(PAGES[0], **TOLD)[0], fails=True)
    (first,) = notices.take(NOON, NOON, 10)
    retried = failed.retried(NOON)
    subject.jobs.swap(retried)
    assert notices.take(LATER, LATER, 10) == []
    assert not notices.record(first, Delivery(revision=first.revision))
    subject.end(retried)
    (second,) = notices.take(NOON, NOON, 10)
    assert second.revision > first.revision


def test_how_it_stands_is_kept_and_says_when_it_is_due(subject: Subject, notices: Notices) -> None:
    subject.end(subject.made(PAGES[0], **TOLD)[0])
    (notice,) = notices.take(NOON, LATER, 10)
    assert notices.of([notice])[notice.id] == Delivery(revision=notice.revision)
    failed = notices.of([notice])[notice.id].after(Answer(error="timeout"), NOON, jitter=0)
    assert notices.record(notice, failed)
    assert notices.of([notice])[notice.id] == failed
    assert failed.due_at is not None
    assert notices.take(failed.due_at - timedelta(seconds=1), LATER, 10) == []
    assert notices.take(failed.due_at, LATER, 10) == [notice]
    notices.postpone(notice, LATER + timedelta(minutes=1))
    assert notices.take(LATER, LATER, 10) == []
    assert notices.record(notice, failed.after(Answer(), LATER, jitter=0))
    assert notices.take(LATER + timedelta(days=1), LATER, 10) == []
    notices.postpone(notice, LATER)
    assert notices.take(LATER + timedelta(days=1), LATER, 10) == []


def test_nothing_is_told_of_a_batch_that_is_no_longer_kept(
    subject: Subject, notices: Notices
) -> None:
    ended = subject.end(subject.made(PAGES[0], **TOLD)[0])
    assert ended.expires_at is not None
    subject.batches.forget(["batch-1"], ended.expires_at)
    assert notices.take(ended.expires_at, ended.expires_at, 10) == []


def test_what_last_happened_is_known_until_it_is_taken_back(
    subject: Subject, notices: Notices
) -> None:
    jobs = subject.made(*PAGES[:2], max_failures=1, **TOLD)
    assert notices.latest([subject.standing()]) == {}
    subject.end(jobs[0], fails=True)
    (paused,) = notices.latest([subject.standing()]).values()
    assert (paused.event, paused.at) == ("paused", NOON)
    running = subject.standing().batch.changed(state=BatchState.RUNNING, pause_at=9)
    subject.batches.swap(running)
    assert notices.latest([subject.standing()]) == {}
    subject.clock.advance(3)
    subject.end(jobs[1])
    latest = notices.latest([subject.standing()])
    assert latest["batch-1"].event == "finished"
    assert notices.record(latest["batch-1"], Delivery(revision=latest["batch-1"].revision))


def test_what_was_given_up_is_listed_until_it_is_delivered_or_goes_on(
    subject: Subject, notices: Notices
) -> None:
    failed = subject.end(subject.made(PAGES[0], **TOLD)[0], fails=True)
    (notice,) = notices.take(NOON, LATER, 10)
    final = Answer(error="http_410", is_final=True)
    given_up = Delivery(revision=notice.revision).after(final, LATER, jitter=0)
    assert notices.given_up("", None, 10) == []
    notices.record(notice, given_up)
    (found,) = notices.given_up("", None, 10)
    assert (found.about, found.delivery, found.at) == (notice, given_up, LATER)
    assert notices.given_up("", LATER, 10) == []
    assert notices.given_up("another", None, 10) == []
    notices.record(notice, Delivery(revision=notice.revision, due_at=LATER))
    assert notices.given_up("", None, 10) == []
    notices.record(notice, given_up)
    assert subject.jobs.swap(failed.retried(LATER))
    assert notices.given_up("", None, 10) == []
