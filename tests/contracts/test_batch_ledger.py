"""The promises of ``BatchLedger``, kept by every implementation beside its ledger of jobs."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from farm.backends.memory import ManualClock, MemoryLedger
from farm.backends.memory_batches import MemoryBatches
from farm.backends.redis_batches import RedisBatches
from farm.backends.redis_changes import ChangeListener
from farm.backends.redis_connection import connect
from farm.backends.redis_ledger import RedisLedger
from farm.jobs.batches.models import Batch, BatchOptions, BatchState, Standing
from farm.jobs.batches.moulds import Cast, Mould
from farm.jobs.batches.ports import BatchLedger, Room
from farm.jobs.errors import BackendUnavailable, DnsError, UnknownBatch
from farm.jobs.listing import JobFilter
from farm.jobs.models import Job, new_id
from farm.jobs.ports import JobLedger, Refusal
from tests.support.builders import NOON, a_job, a_spec


class Subject:
    """A ledger of batches under test, with the ledger of their jobs and the clock of both."""

    def __init__(self, jobs: JobLedger, batches: BatchLedger, clock: ManualClock) -> None:
        self.jobs = jobs
        self.batches = batches
        self.clock = clock

    def commit(self, batch: Batch, casts: list[Cast], **room: Any) -> Refusal | None:
        """Write a draft of two chunks and make it a batch."""
        self.batches.append(batch.draft_id, casts[:2])
        self.batches.append(batch.draft_id, casts[2:])
        return self.batches.commit(batch, a_room(casts, **room))

    def made(self, *urls: str, batch_id: str = "batch-1", **options: Any) -> list[Job]:
        """Make a batch and file its jobs; return them in their order."""
        batch = a_batch(batch_id, **options)
        assert self.commit(batch, casts_of(batch, *urls)) is None
        while self.batches.file(batch_id):
            pass
        return self.batches.open_jobs(batch_id, 1000)

    def taken(self, count: int = 10) -> list[str | None]:
        """Return the URLs of the jobs whose turn it is."""
        jobs = self.jobs.take_turns("pages", count, self.clock.now())
        return [job.spec.url for job in jobs]

    def standing(self, batch_id: str = "batch-1") -> Standing:
        return self.batches.get(batch_id)

    def end(self, job: Job, *, fails: bool = False) -> Job:
        """Run the job to its end."""
        running = job.claimed("w/1", self.clock.now(), redeliveries=0)
        assert self.jobs.swap(running)
        ended = ended_of(running, self.clock, fails=fails)
        assert self.jobs.swap(ended)
        return ended


def ended_of(job: Job, clock: ManualClock, *, fails: bool) -> Job:
    if fails:
        return job.failed(DnsError("no such host"), clock.now())
    return job.succeeded(clock.now(), artifacts=[], report={})


def a_batch(batch_id: str = "batch-1", *, owner: str = "", **options: Any) -> Batch:
    return Batch(
        id=batch_id,
        draft_id=new_id(),
        created_at=NOON,
        owner=owner,
        state=BatchState.RUNNING,
        options=BatchOptions(**options),
        pause_at=options.get("max_failures"),
    )


def a_mould(batch: Batch, **fields: Any) -> Mould:
    spec = a_spec(priority="low", url=f"http://{new_id()}.invalid/", **fields)
    job = a_job(new_id(), spec=spec)
    given = {"batch_id": batch.id, "owner": batch.owner}
    return Mould(job.model_copy(update=given), url_is_open=True)


def casts_of(batch: Batch, *urls: str) -> list[Cast]:
    mould = a_mould(batch)
    return [Cast(mould, new_id(), url) for url in urls]


def a_room(casts: list[Cast], *, backlog_max: int = 100, owner_max: int | None = None) -> Room:
    queues = Counter(cast.mould.job.queue for cast in casts)
    return Room(chunks=2, jobs=dict(queues), backlog_max=backlog_max, owner_max=owner_max)


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    clock = ManualClock(NOON)
    if request.param == "memory":
        ledger = MemoryLedger(clock)
        yield Subject(ledger, MemoryBatches(ledger, clock), clock)
        return
    with connect(request.getfixturevalue("redis_url")) as client:
        changes = ChangeListener(client, waiters_max=2)
        batches = RedisBatches(client, changes, clock)
        yield Subject(RedisLedger(client, changes), batches, clock)
        changes.close()


PAGES = [f"http://page-{number}.test/" for number in range(6)]


def test_a_draft_is_seen_by_nobody(subject: Subject) -> None:
    batch = a_batch()
    subject.batches.append(batch.draft_id, casts_of(batch, *PAGES))
    with pytest.raises(UnknownBatch):
        subject.batches.get(batch.id)
    assert not subject.batches.file(batch.id)
    assert subject.batches.listed(None, 10).batches == ()
    assert subject.jobs.listed(JobFilter(), None, 10).jobs == ()
    assert subject.jobs.pressure("pages", NOON).queued == 0


def test_a_draft_that_is_not_whole_is_no_batch(subject: Subject) -> None:
    batch = a_batch()
    casts = casts_of(batch, *PAGES)
    subject.batches.append(batch.draft_id, casts)
    with pytest.raises(BackendUnavailable):
        subject.batches.commit(batch, a_room(casts))
    subject.batches.drop(batch.draft_id)
    with pytest.raises(UnknownBatch):
        subject.batches.get(batch.id)


def test_all_jobs_of_a_batch_count_from_its_first_moment(subject: Subject) -> None:
    batch = a_batch(owner="shop", per_host_delay=250)
    assert subject.commit(batch, casts_of(batch, *PAGES)) is None
    assert subject.standing().batch == batch
    assert (subject.standing().progress.total, subject.standing().progress.queued) == (6, 6)
    assert subject.batches.unfiled(10) == [batch.id]
    assert subject.batches.file(batch.id)
    assert subject.standing().progress.queued == 6
    assert subject.batches.file(batch.id)
    assert not subject.batches.file(batch.id)
    assert subject.batches.unfiled(10) == []
    assert subject.standing().progress.queued == 6


def test_a_filed_job_is_as_any_other(subject: Subject) -> None:
    jobs = subject.made(*PAGES)
    assert [job.spec.url for job in jobs] == PAGES
    assert len({job.id for job in jobs}) == len(PAGES)
    assert subject.jobs.get(jobs[3].id) == jobs[3]
    wanted = JobFilter(batch="batch-1", host="page-3.test")
    assert subject.jobs.listed(wanted, None, 10).jobs == (jobs[3],)
    assert subject.jobs.pressure("pages", NOON).queued == 6
    assert subject.jobs.due(NOON + timedelta(days=1), 10) == []
    assert subject.taken() == PAGES


def test_a_batch_is_made_once_though_it_is_asked_for_twice(subject: Subject) -> None:
    batch = a_batch()
    casts = casts_of(batch, *PAGES)
    assert subject.commit(batch, casts) is None
    assert subject.batches.commit(batch, a_room(casts)) is None
    another = a_batch()
    assert subject.commit(another, casts_of(another, *PAGES)) == "exists"
    assert subject.standing().progress.total == 6


def test_a_batch_fits_into_the_backlog_or_is_not_made(subject: Subject) -> None:
    first, second = a_batch("first"), a_batch("second")
    assert subject.commit(first, casts_of(first, *PAGES), backlog_max=10) is None
    # Its jobs are not filed, and wait all the same.
    assert subject.commit(second, casts_of(second, *PAGES), backlog_max=11) == "backlog"
    assert subject.batches.listed(None, 10).batches == (subject.standing("first"),)
    while subject.batches.file("first"):
        pass
    assert subject.commit(a_batch("third"), [], backlog_max=6) is None
    fourth = a_batch("fourth")
    assert subject.commit(fourth, casts_of(fourth, *PAGES), backlog_max=11) == "backlog"
    fifth = a_batch("fifth")
    assert subject.commit(fifth, casts_of(fifth, *PAGES), backlog_max=12) is None


def test_an_owner_has_no_more_open_jobs_than_allowed(subject: Subject) -> None:
    first, second = a_batch("first", owner="shop"), a_batch("second", owner="shop")
    assert subject.commit(first, casts_of(first, *PAGES), owner_max=6) is None
    assert subject.commit(second, casts_of(second, *PAGES), owner_max=11) == "owner"
    third = a_batch("third", owner="other")
    assert subject.commit(third, casts_of(third, *PAGES), owner_max=6) is None


@pytest.mark.parametrize("is_filed", [False, True])
def test_a_single_job_sees_what_a_batch_has_taken(subject: Subject, is_filed: bool) -> None:
    batch = a_batch(owner="shop")
    subject.commit(batch, casts_of(batch, *PAGES))
    while is_filed and subject.batches.file(batch.id):
        pass
    single = a_job("single").model_copy(update={"owner": "shop"})
    assert subject.jobs.add(single, backlog_max=6, owner_max=None) == "backlog"
    assert subject.jobs.add(single, backlog_max=100, owner_max=6) == "owner"
    assert subject.jobs.add(single, backlog_max=7, owner_max=7) is None
