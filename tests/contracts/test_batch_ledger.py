"""The promises of ``BatchLedger``, kept by every implementation beside its ledger of jobs."""

import threading
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

    def done_alone(self) -> Job:
        """Run a job of no batch whose result others may be given."""
        job = a_job("alone").model_copy(update={"fingerprint": "f" * 64})
        assert self.jobs.swap(job)
        return self.end(job)

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


def test_a_batch_counts_its_jobs_as_they_move(subject: Subject) -> None:
    jobs = subject.made(*PAGES)
    subject.clock.advance(5)
    subject.end(jobs[0])
    subject.end(jobs[1], fails=True)
    subject.jobs.swap(jobs[2].cancelled(subject.clock.now()))
    subject.jobs.swap(jobs[3].claimed("w/1", subject.clock.now(), redeliveries=0))
    standing = subject.standing()
    progress = standing.progress
    assert (progress.queued, progress.running, progress.succeeded) == (2, 1, 1)
    assert (progress.failed, progress.cancelled, progress.total) == (1, 1, 6)
    assert progress.failures_by_code == {"dns_error": 1}
    assert 2 < progress.ended_per_min <= 3
    assert progress.finished_at is None
    assert standing.state == "running"
    assert standing.eta_s in range(60, 91)


def test_the_rate_is_that_of_the_last_minute(subject: Subject) -> None:
    jobs = subject.made(*PAGES)
    for job in jobs[:3]:
        subject.end(job)
        subject.clock.advance(50)
    assert 0.5 < subject.standing().progress.ended_per_min <= 1
    subject.clock.advance(90)
    assert subject.standing().progress.ended_per_min == 0
    assert subject.standing().eta_s is None
    subject.end(jobs[3])
    assert 0.5 < subject.standing().progress.ended_per_min <= 1


def test_a_job_that_is_answered_ends_as_one_that_ran(subject: Subject) -> None:
    done = subject.done_alone()
    first, *_ = subject.made(*["http://a.test/"] * 3, per_host_concurrency=1)
    assert len(subject.taken()) == 1
    assert subject.taken() == []
    answered = first.answered(done, subject.clock.now())
    assert subject.jobs.swap(answered)
    progress = subject.standing().progress
    assert (progress.queued, progress.running, progress.succeeded) == (2, 0, 1)
    assert progress.ended_per_min > 0
    assert subject.jobs.pressure("pages", subject.clock.now()).running == 0
    assert len(subject.taken()) == 1, "the host is free again"
    for job in subject.batches.open_jobs("batch-1", 10):
        assert subject.jobs.swap(job.answered(done, subject.clock.now()))
    assert subject.standing().state is BatchState.FINISHED
    subject.jobs.forget(first.id)
    assert subject.standing().progress.succeeded == 2


def test_a_move_that_is_told_twice_counts_once(subject: Subject) -> None:
    job = subject.made(*PAGES)[0]
    running = job.claimed("w/1", NOON, redeliveries=0)
    assert subject.jobs.swap(running)
    assert subject.jobs.swap(running)
    assert not subject.jobs.swap(job.cancelled(NOON))
    assert subject.standing().progress.running == 1
    assert subject.standing().progress.total == 6


def test_a_batch_is_finished_when_no_job_is_open_and_not_when_one_is_retried(
    subject: Subject,
) -> None:
    jobs = subject.made(*PAGES[:2])
    subject.end(jobs[0])
    subject.clock.advance(7)
    failed = subject.end(jobs[1], fails=True)
    ended = subject.standing()
    assert (ended.state, ended.eta_s) == ("finished", 0)
    assert ended.progress.finished_at == subject.clock.now()
    assert ended.progress.kept_until == failed.expires_at
    subject.clock.advance(7)
    retried = failed.retried(subject.clock.now())
    subject.jobs.swap(retried)
    again = subject.standing()
    assert (again.state, again.progress.finished_at) == ("running", None)
    assert again.progress.failures_by_code == {}
    subject.clock.advance(7)
    subject.end(retried)
    assert subject.standing().state == "finished"
    assert subject.standing().progress.finished_at == subject.clock.now()


def test_a_forgotten_job_no_longer_counts(subject: Subject) -> None:
    jobs = subject.made(*PAGES[:3])
    subject.end(jobs[0])
    subject.jobs.forget(subject.end(jobs[1], fails=True).id)
    progress = subject.standing().progress
    assert (progress.total, progress.succeeded, progress.failed) == (2, 1, 0)
    assert progress.failures_by_code == {}
    subject.jobs.forget(jobs[2].id)
    assert subject.standing().state == "finished"


def test_a_host_gets_no_more_jobs_than_it_may(subject: Subject) -> None:
    hosts = ["http://a.test/1", "http://a.test/2", "http://a.test:8080/3", "http://b.test/1"]
    jobs = subject.made(*hosts)
    assert sorted(subject.taken(), key=str) == sorted([hosts[0], hosts[1], hosts[3]])
    first = subject.jobs.get(jobs[0].id).claimed("w/1", NOON, redeliveries=0)
    subject.jobs.swap(first)
    assert subject.taken() == []
    subject.jobs.swap(ended_of(first, subject.clock, fails=True))
    assert subject.taken() == [hosts[2]]


def test_who_dies_with_a_job_leaves_its_host_as_busy_as_it_is(subject: Subject) -> None:
    urls = [f"http://a.test/{number}" for number in range(3)]
    jobs = subject.made(*urls, per_host_concurrency=1)
    assert subject.taken() == urls[:1]
    running = jobs[0].claimed("w/1", NOON, redeliveries=0)
    subject.jobs.swap(running)
    given_back = running.given_back(NOON, counted=True)
    subject.jobs.swap(given_back)
    assert subject.taken() == []  # It is on its way again.
    subject.jobs.swap(given_back.cancelled(NOON))
    assert subject.taken() == urls[1:2]


def test_a_job_given_back_by_a_stopping_worker_waits_in_line_again(subject: Subject) -> None:
    jobs = subject.made("http://a.test/1", "http://a.test/2", per_host_concurrency=1)
    assert subject.taken() == ["http://a.test/1"]
    running = jobs[0].claimed("w/1", NOON, redeliveries=0)
    subject.jobs.swap(running)
    subject.jobs.swap(running.given_back(NOON, counted=False))
    assert subject.taken() == ["http://a.test/1"]
    assert subject.taken() == []


def test_the_jobs_of_a_host_keep_their_distance(subject: Subject) -> None:
    urls = ["http://a.test/1", "http://b.test/1", "http://a.test/2"]
    jobs = subject.made(*urls, per_host_delay=10_000)
    assert sorted(subject.taken(), key=str) == urls[:2]
    subject.clock.advance(60)
    assert subject.taken() == []  # The first has not even begun.
    running = jobs[0].claimed("w/1", subject.clock.now(), redeliveries=0)
    subject.jobs.swap(running)
    subject.clock.advance(9)
    subject.jobs.swap(ended_of(running, subject.clock, fails=False))
    assert subject.taken() == []
    subject.clock.advance(1)
    assert subject.taken() == urls[2:]


def test_hosts_take_turns_and_a_batch_of_one_host_holds_up_nobody(subject: Subject) -> None:
    subject.made(*(f"http://a.test/{number}" for number in range(9)), batch_id="one-host")
    subject.made(*PAGES, batch_id="many-hosts")
    taken = Counter(job.batch_id for job in subject.jobs.take_turns("pages", 6, NOON))
    assert taken == {"one-host": 2, "many-hosts": 4}
    assert len(subject.taken()) == 2
    assert subject.taken() == []


def test_what_is_held_back_saves_up_no_turns(subject: Subject) -> None:
    held = subject.made(*(f"http://h-{n}.test/" for n in range(20)), batch_id="held")
    assert subject.batches.swap(subject.standing("held").batch.changed(state=BatchState.PAUSED))
    subject.made(*(f"http://g-{n}.test/" for n in range(20)), batch_id="goes")
    assert len(subject.taken(10)) == 10
    assert subject.batches.swap(subject.standing("held").batch.changed(state=BatchState.RUNNING))
    taken = Counter(job.batch_id for job in subject.jobs.take_turns("pages", 8, NOON))
    assert taken == {"held": 4, "goes": 4}
    assert {job.batch_id for job in held} == {"held"}


def test_a_paused_batch_gives_nothing_out_until_it_is_resumed(subject: Subject) -> None:
    jobs = subject.made(*PAGES)
    running = subject.standing().batch
    assert len(subject.taken(1)) == 1
    assert subject.batches.swap(running.changed(state=BatchState.PAUSED))
    assert subject.standing().state == "paused"
    assert subject.taken() == []
    subject.end(subject.jobs.get(jobs[0].id))  # What was on its way runs.
    paused = subject.standing().batch
    assert subject.batches.swap(paused.changed(state=BatchState.RUNNING))
    assert len(subject.taken()) == 5


def test_two_changes_of_the_same_revision_cannot_both_be_stored(subject: Subject) -> None:
    subject.made(*PAGES)
    batch = subject.standing().batch
    paused = batch.changed(state=BatchState.PAUSED)
    assert subject.batches.swap(paused)
    assert subject.batches.swap(paused)
    assert not subject.batches.swap(batch.changed(state=BatchState.CANCELLED))
    assert subject.standing().batch == paused


def test_a_batch_pauses_in_the_step_that_makes_its_failures_too_many(subject: Subject) -> None:
    jobs = subject.made(*PAGES, max_failures=2)
    subject.end(jobs[0], fails=True)
    assert subject.standing().state == "running"
    subject.end(jobs[1], fails=True)
    assert subject.standing().state == "paused"
    assert subject.taken() == []
    batch = subject.standing().batch
    assert subject.batches.swap(batch.changed(state=BatchState.RUNNING, pause_at=4))
    subject.end(jobs[2])
    subject.end(jobs[3], fails=True)
    assert subject.standing().state == "running"
    subject.end(jobs[4], fails=True)
    assert subject.standing().state == "paused"
    subject.end(jobs[5], fails=True)
    assert subject.standing().state == "finished"


def test_a_batch_that_fails_to_its_last_job_is_finished_and_not_paused(subject: Subject) -> None:
    subject.end(subject.made(PAGES[0], max_failures=1)[0], fails=True)
    assert subject.standing().state == "finished"


def test_what_is_cancelling_is_known_until_it_is_done_and_given_out_nowhere(
    subject: Subject,
) -> None:
    jobs = subject.made(*PAGES)
    batch = subject.standing().batch
    subject.batches.swap(batch.changed(state=BatchState.CANCELLED))
    assert subject.batches.cancelling(10) == [batch.id]
    assert subject.taken() == []
    for job in jobs:
        subject.jobs.swap(job.cancelled(NOON))
    assert subject.batches.open_jobs(batch.id, 10) == []
    subject.batches.cancelled(batch.id)
    assert subject.batches.cancelling(10) == []
    assert subject.standing().state == "cancelled"
    # A caller has one of them run after all.
    subject.jobs.swap(subject.jobs.get(jobs[0].id).retried(NOON))
    assert subject.taken() == PAGES[:1]


def test_the_failed_jobs_of_a_batch_are_found_part_by_part(subject: Subject) -> None:
    jobs = subject.made(*PAGES)
    failed = [subject.end(job, fails=True) for job in jobs[:5]]
    subject.end(jobs[5])
    first, after = subject.batches.failed_jobs("batch-1", 0, 2)
    assert (first, after is None) == (failed[:2], False)
    rest, last = subject.batches.failed_jobs("batch-1", after or 0, 10)
    assert (rest, last) == (failed[2:], None)
    subject.jobs.swap(failed[2].retried(NOON))
    assert subject.batches.failed_jobs("batch-1", after or 0, 10)[0] == failed[3:]


def test_a_batch_whose_failed_jobs_are_queued_again_is_known(subject: Subject) -> None:
    subject.made(*PAGES)
    retrying = subject.standing().batch.changed(retry_until=NOON, retries=1)
    assert subject.batches.swap(retrying)
    assert subject.batches.retrying(10) == ["batch-1"]
    assert subject.standing().batch == retrying
    assert subject.batches.swap(retrying.changed(retry_until=None))
    assert subject.batches.retrying(10) == []


def test_batches_are_listed_newest_first_and_by_owner(subject: Subject) -> None:
    for number, owner in enumerate(["shop", "other", "shop", "shop"]):
        batch = a_batch(f"batch-{number}", owner=owner)
        subject.commit(batch, casts_of(batch, *PAGES))
    page = subject.batches.listed(None, 2, owner="shop")
    assert [each.batch.id for each in page.batches] == ["batch-3", "batch-2"]
    page = subject.batches.listed(page.next, 2, owner="shop")
    assert ([each.batch.id for each in page.batches], page.next) == (["batch-0"], None)
    assert len(subject.batches.listed(None, 10).batches) == 4


def test_waiting_ends_when_the_last_job_does(subject: Subject) -> None:
    job = subject.made(PAGES[0])[0]
    ended = threading.Event()

    def wait() -> None:
        subject.batches.wait_for_end("batch-1", 30)
        ended.set()

    waiter = threading.Thread(target=wait)
    waiter.start()
    subject.end(job)
    waiter.join(20)
    assert ended.is_set()


def test_a_batch_goes_with_its_last_job_and_not_before(subject: Subject) -> None:
    jobs = subject.made(*PAGES[:2])
    subject.end(jobs[0])
    day = timedelta(days=1)
    assert subject.batches.over(NOON + 2 * day, 10) == []
    last = subject.end(jobs[1])
    assert last.expires_at is not None
    assert subject.batches.over(last.expires_at - timedelta(seconds=1), 10) == []
    assert subject.batches.over(last.expires_at, 10) == ["batch-1"]
    subject.batches.forget(["batch-1"], last.expires_at - timedelta(seconds=1))
    assert subject.standing().state == "finished"
    subject.batches.forget(["batch-1"], last.expires_at)
    with pytest.raises(UnknownBatch):
        subject.standing()
    assert subject.batches.over(NOON + 2 * day, 10) == []
    assert subject.batches.listed(None, 10).batches == ()


@pytest.mark.redis
def test_nothing_is_left_of_a_batch_but_the_memory_of_its_jobs(redis_url: str) -> None:
    clock = ManualClock(NOON)
    with connect(redis_url) as client:
        changes = ChangeListener(client, waiters_max=0)
        batches = RedisBatches(client, changes, clock)
        subject = Subject(RedisLedger(client, changes), batches, clock)
        jobs = subject.made(*PAGES, owner="shop")
        subject.taken(2)
        subject.end(jobs[0], fails=True)
        subject.batches.swap(subject.standing().batch.changed(state=BatchState.CANCELLED))
        for job in jobs[1:]:
            subject.jobs.swap(job.cancelled(NOON))
        subject.batches.cancelled("batch-1")
        over_at = NOON + timedelta(days=1, seconds=2)
        client.delete(*(f"farm:job:{job.id}" for job in jobs))  # As when their time is over.
        assert subject.jobs.tidy(over_at, 10) == 6
        subject.batches.forget(subject.batches.over(over_at, 10), over_at)
        assert subject.taken() == []  # Drops lanes that are empty.
        left = {key.decode() for key in client.scan_iter("farm:*")}
        kept = ("farm:gone:", "farm:ended:")
        assert {key for key in left if not key.startswith(kept)} == {
            "farm:number",
            "farm:ends",
            "farm:batch-number",
            "farm:metrics",
        }
