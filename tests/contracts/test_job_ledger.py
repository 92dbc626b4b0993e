"""The promises of ``JobLedger``, kept by every implementation."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from farm.backends.clock import SystemClock
from farm.backends.memory import ManualClock, MemoryLedger
from farm.backends.redis_changes import ChangeListener
from farm.backends.redis_connection import connect
from farm.backends.redis_ledger import RedisLedger
from farm.jobs.errors import DnsError, JobExpired, UnknownJob
from farm.jobs.listing import JobFilter
from farm.jobs.models import Job, Origin
from farm.jobs.ports import JobLedger, Pressure
from farm.jobs.states import JobState
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


def test_the_revision_alone_is_read_and_none_of_an_unknown_job(ledger: JobLedger) -> None:
    job = a_job()
    ledger.swap(job)
    ledger.swap(job.claimed("w", NOON, redeliveries=0))
    assert ledger.revision(job.id) == 2
    assert ledger.revision("nobody") is None


def test_waiting_ends_when_the_job_ends_and_not_when_it_starts(ledger: JobLedger) -> None:
    job = a_job()
    ledger.swap(job)
    running = job.claimed("w", NOON, redeliveries=0)
    woken = threading.Event()

    def wait() -> None:
        ledger.wait_for_end(job.id, 30)
        woken.set()

    waiter = threading.Thread(target=wait)
    waiter.start()
    ledger.swap(running)
    assert not woken.wait(0.3)
    ledger.swap(running.cancelled(NOON))
    assert woken.wait(10)
    waiter.join()


def test_waiting_for_an_ended_or_an_unknown_job_ends_at_once(ledger: JobLedger) -> None:
    job = a_job()
    ledger.swap(job)
    ledger.swap(job.cancelled(NOON))
    ledger.wait_for_end(job.id, 30)
    ledger.wait_for_end("nobody", 30)


def test_waiting_ends_at_its_timeout(ledger: JobLedger) -> None:
    job = a_job()
    ledger.swap(job)
    ledger.wait_for_end(job.id, 0.05)


def test_a_watcher_is_woken_by_each_revision(ledger: JobLedger) -> None:
    job = a_job()
    ledger.swap(job)
    running = job.claimed("w", NOON, redeliveries=0)
    seen: list[int | None] = []

    def watch() -> None:
        with ledger.watched(job.id) as pause:
            assert pause is not None
            while (revision := ledger.revision(job.id)) != 3:
                seen.append(revision)
                pause(30)

    watcher = threading.Thread(target=watch)
    watcher.start()
    until(lambda: seen[-1:] == [1], "it has read the job")
    ledger.swap(running)
    until(lambda: seen[-1:] == [2], "it has read the job again")
    ledger.swap(running.cancelled(NOON))
    watcher.join(10)
    assert not watcher.is_alive()


def test_a_change_before_the_wait_and_after_the_look_is_not_missed(ledger: JobLedger) -> None:
    job = a_job()
    ledger.swap(job)
    with ledger.watched(job.id) as pause:
        assert pause is not None
        ledger.swap(job.cancelled(NOON))
        began = time.monotonic()
        pause(30)
        assert time.monotonic() - began < 10


def test_watching_ends_at_its_timeout(ledger: JobLedger) -> None:
    with ledger.watched("nobody") as pause:
        assert pause is not None
        pause(0.05)
        pause(0.05)


def test_a_job_is_added_while_there_is_room_in_the_backlog(ledger: JobLedger) -> None:
    for number in range(2):
        assert ledger.add(a_job(f"job-{number}"), backlog_max=2, owner_max=None) is None
    assert ledger.add(a_job("one-more"), backlog_max=2, owner_max=None) == "backlog"
    with pytest.raises(UnknownJob):
        ledger.get("one-more")
    # Another queue has room of its own, and one that runs makes room.
    probe = a_job("probe", spec=a_spec(kind="probe"))
    assert ledger.add(probe, backlog_max=1, owner_max=None) is None
    ledger.swap(ledger.get("job-0").claimed("w", NOON, redeliveries=0))
    assert ledger.add(a_job("one-more"), backlog_max=2, owner_max=None) is None


def test_an_owner_has_no_more_open_jobs_than_allowed(ledger: JobLedger) -> None:
    def add(job_id: str, owner: str) -> str | None:
        job = a_job(job_id).model_copy(update={"owner": owner})
        return ledger.add(job, backlog_max=10, owner_max=1)

    assert add("first", "ann") is None
    assert add("second", "ann") == "owner"
    assert add("third", "bob") is None
    running = ledger.get("first").claimed("w", NOON, redeliveries=0)
    ledger.swap(running)
    assert add("second", "ann") == "owner"
    ledger.swap(running.failed(DnsError("no such host"), NOON))
    assert add("second", "ann") is None


def test_what_is_added_twice_for_a_lost_reply_is_there_once(ledger: JobLedger) -> None:
    assert ledger.add(a_job(), backlog_max=1, owner_max=1) is None
    assert ledger.add(a_job(), backlog_max=1, owner_max=1) is None
    assert ledger.pressure("pages", NOON).queued == 1


def test_an_id_that_is_in_use_is_said_to_be_and_its_job_stays(ledger: JobLedger) -> None:
    first, second = (
        a_job().model_copy(update={"request_id": request_id}) for request_id in ("one", "two")
    )
    assert ledger.add(first, backlog_max=9, owner_max=None) is None
    assert ledger.add(second, backlog_max=9, owner_max=None) == "exists"
    assert ledger.add(first, backlog_max=9, owner_max=None) is None
    # A limit that is reached does not hide it.
    assert ledger.add(second, backlog_max=1, owner_max=1) == "exists"
    assert ledger.get(first.id) == first
    running = first.claimed("w", NOON, redeliveries=0)
    ledger.swap(running)
    assert ledger.add(second, backlog_max=9, owner_max=None) == "exists"
    assert ledger.get(first.id) == running


def test_pressure_counts_what_waits_runs_and_has_ended(ledger: JobLedger) -> None:
    later = NOON + timedelta(seconds=5)
    assert ledger.pressure("pages", later) == Pressure(0, 0, None, 0)
    for number in range(4):
        at = NOON + timedelta(seconds=number)
        ledger.swap(a_job(f"job-{number}").model_copy(update={"queued_at": at}))
    running = ledger.get("job-0").claimed("w", later, redeliveries=0)
    ledger.swap(running)
    ended = ledger.get("job-1").cancelled(later)
    ledger.swap(ended)
    pressure = ledger.pressure("pages", later)
    assert (pressure.queued, pressure.running) == (2, 1)
    assert pressure.oldest_queued_at == NOON + timedelta(seconds=2)
    assert 0.9 <= pressure.ended_per_min <= 1
    assert ledger.pressure("media", later) == Pressure(0, 0, None, 0)
    assert ledger.running("pages") == [running]
    assert ledger.running("media") == []


def add_low(ledger: JobLedger, job_id: str, **changes: object) -> Job:
    job = a_job(job_id, spec=a_spec(priority=changes.pop("priority", "low")))
    job = job.model_copy(update=changes)
    assert ledger.swap(job)
    return job


def test_jobs_of_a_lane_are_taken_in_the_order_of_their_arrival(ledger: JobLedger) -> None:
    assert not ledger.has_lanes("pages")
    jobs = [add_low(ledger, f"job-{letter}") for letter in "zxya"]
    assert ledger.has_lanes("pages")
    assert not ledger.has_lanes("media")
    assert ledger.take_turns("pages", 3, NOON) == jobs[:3]
    assert ledger.take_turns("pages", 3, NOON) == jobs[3:]
    assert ledger.take_turns("pages", 3, NOON) == []
    assert not ledger.has_lanes("pages")


def test_a_job_that_had_its_turn_counts_until_it_is_claimed(ledger: JobLedger) -> None:
    jobs = [add_low(ledger, f"job-{number}") for number in range(3)]
    assert ledger.fed("pages") == 0
    ledger.take_turns("pages", 2, NOON)
    assert ledger.fed("pages") == 2
    ledger.swap(jobs[0].claimed("w", NOON, redeliveries=0))
    assert (ledger.fed("pages"), ledger.fed("media")) == (1, 0)
    ledger.forget(jobs[1].id)
    assert ledger.fed("pages") == 0


def test_a_single_job_of_normal_priority_waits_in_no_lane(ledger: JobLedger) -> None:
    ledger.swap(a_job())
    assert ledger.take_turns("pages", 1, NOON) == []


def test_lanes_take_turns_so_that_a_late_batch_waits_for_no_early_one(ledger: JobLedger) -> None:
    for number in range(20):
        add_low(ledger, f"early-{number}", batch_id="early")
    assert len(ledger.take_turns("pages", 4, NOON)) == 4
    for number in range(4):
        add_low(ledger, f"late-{number}", batch_id="late")
    taken = Counter(job.batch_id for job in ledger.take_turns("pages", 8, NOON))
    assert taken == {"early": 4, "late": 4}


def test_lanes_have_shares_as_their_priorities_and_none_stands_still(ledger: JobLedger) -> None:
    for priority in ("low", "normal", "high"):
        for number in range(30):
            add_low(ledger, f"{priority}-{number}", batch_id=priority, priority=priority)
    taken = Counter(job.batch_id for job in ledger.take_turns("pages", 26, NOON))
    assert taken == {"high": 18, "normal": 6, "low": 2}


def test_a_job_in_a_lane_is_due_only_once_it_was_taken(ledger: JobLedger) -> None:
    job = add_low(ledger, "job-1")
    assert ledger.due(NOON + timedelta(days=1), 10) == []
    ledger.take_turns("pages", 1, NOON)
    assert ledger.due(NOON + timedelta(seconds=9), 10) == []
    assert ledger.due(NOON + timedelta(seconds=11), 10) == [job]


def test_a_job_in_a_lane_is_due_when_its_time_to_be_taken_is_over(ledger: JobLedger) -> None:
    job = a_job(spec=a_spec(priority="low", expires_in=60))
    ledger.swap(job)
    assert ledger.due(NOON + timedelta(seconds=59), 10) == []
    assert ledger.due(NOON + timedelta(seconds=61), 10) == [job]


def test_a_job_that_was_claimed_or_cancelled_leaves_its_lane(ledger: JobLedger) -> None:
    ledger.swap(add_low(ledger, "job-1").claimed("w", NOON, redeliveries=0))
    ledger.swap(add_low(ledger, "job-2").cancelled(NOON))
    ledger.forget(add_low(ledger, "job-3").id)
    last = add_low(ledger, "job-4")
    assert ledger.take_turns("pages", 9, NOON) == [last]


def test_jobs_are_listed_newest_first_and_page_by_page(ledger: JobLedger) -> None:
    jobs = [a_job(f"job-{letter}") for letter in "zxyab"]
    for job in jobs:
        ledger.swap(job)
    found: list[Job] = []
    before = None
    while True:
        page = ledger.listed(JobFilter(), before, 2)
        assert len(page.jobs) <= 2
        found += page.jobs
        before = page.next
        if before is None:
            break
    assert found == jobs[::-1]


def test_jobs_are_listed_by_all_that_is_asked_for(ledger: JobLedger) -> None:
    shot = a_job("shot", spec=a_spec(tags=["a", "b"], url="http://one.test:81/x"))
    probe = a_job("probe", spec=a_spec(kind="probe", tags=["a"], url="http://two.test/"))
    part = a_job("part").model_copy(update={"batch_id": "batch-1"})
    for job in (shot, probe, part):
        ledger.swap(job)
    failed = probe.failed(DnsError("no such host"), NOON)
    ledger.swap(failed)

    def found(**wanted: object) -> list[str]:
        page = ledger.listed(JobFilter.model_validate(wanted), None, 10)
        return [job.id for job in page.jobs]

    assert found(state="queued") == ["part", "shot"]
    assert found(state="failed") == found(error="dns_error") == ["probe"]
    assert found(kind="probe", tag="a", host="two.test", state="failed") == ["probe"]
    assert found(tag="a") == ["probe", "shot"]
    assert found(tag="a", kind="screenshot") == found(host="one.test") == ["shot"]
    assert found(batch="batch-1") == ["part"]
    assert found(error="tls_error") == found(tag="a", batch="batch-1") == []
    ledger.swap(failed.retried(NOON))
    assert found(error="dns_error") == found(state="failed") == []
    assert found(state="queued") == ["part", "probe", "shot"]


def test_a_forgotten_or_expired_job_is_not_listed(subject: Subject) -> None:
    gone, old = a_job("gone"), a_job("old")
    for job in (gone, old):
        subject.ledger.swap(job)
    subject.ledger.forget(gone.id)
    ended = old.failed(DnsError("no such host"), NOON)
    subject.ledger.swap(ended)
    assert subject.ledger.listed(JobFilter(), None, 10).jobs == (ended,)
    subject.end_retention(ended)
    until(lambda: subject.has_expired(ended), "the record is gone")
    assert subject.ledger.listed(JobFilter(), None, 10).jobs == ()


@pytest.mark.redis
def test_nothing_is_left_of_a_job_but_the_memory_of_its_id(redis_url: str) -> None:
    with connect(redis_url) as client:
        changes = ChangeListener(client, waiters_max=0)
        ledger = RedisLedger(client, changes)
        job = a_job(spec=a_spec(priority="low", tags=["a"], retention=60))
        ledger.swap(job)
        running = job.claimed("w", NOON, redeliveries=0)
        ledger.swap(running)
        ended = running.failed(DnsError("no such host"), NOON)
        ledger.swap(ended)
        client.delete(f"farm:job:{job.id}")  # As when its retention is over.
        assert ended.expires_at is not None
        assert ledger.tidy(ended.expires_at, 10) == 0
        assert ledger.tidy(ended.expires_at + timedelta(seconds=2), 10) == 1
        assert ledger.tidy(ended.expires_at + timedelta(seconds=2), 10) == 0
        assert ledger.take_turns("pages", 1, NOON) == []  # Drops a lane that is empty.
        left = {key.decode() for key in client.scan_iter("farm:*")}
        counters = {key for key in left if key.startswith("farm:ended:")}
        assert left - counters == {f"farm:gone:{job.id}", "farm:number", "farm:metrics"}
        with pytest.raises(JobExpired):
            ledger.get(job.id)


@pytest.mark.redis
def test_a_job_whose_record_outlived_its_filing_is_filed_under_all_its_keys_again(
    redis_url: str,
) -> None:
    with connect(redis_url) as client:
        ledger = RedisLedger(client, ChangeListener(client, waiters_max=0))
        job = a_job(spec=a_spec(tags=["a"]))
        ledger.swap(job)
        ended = job.cancelled(NOON)
        ledger.swap(ended)
        assert ended.expires_at is not None
        # By a clock that is fast: Redis keeps the record for as long as it was told.
        assert ledger.tidy(ended.expires_at + timedelta(seconds=2), 10) == 1
        assert ledger.listed(JobFilter(tag="a"), None, 10).jobs == ()
        again = ended.retried(NOON)
        assert ledger.swap(again)
        assert ledger.listed(JobFilter(tag="a"), None, 10).jobs == (again,)
        assert ledger.listed(JobFilter(state=JobState.QUEUED), None, 10).jobs == (again,)


@pytest.mark.redis
def test_a_retried_job_does_not_expire(redis_url: str) -> None:
    with connect(redis_url) as client:
        ledger = RedisLedger(client, ChangeListener(client, waiters_max=0))
        job = a_job()
        for step in (job, job.cancelled(NOON), job.cancelled(NOON).retried(NOON)):
            assert ledger.swap(step)
        assert client.ttl(f"farm:job:{job.id}") == -1
        assert not client.exists(f"farm:gone:{job.id}")


def test_the_ledger_s_clock_is_cut_to_milliseconds() -> None:
    assert SystemClock().now().microsecond % 1000 == 0


@pytest.mark.redis
def test_more_waiters_than_allowed_are_not_kept(redis_url: str) -> None:
    with connect(redis_url) as client:
        changes = ChangeListener(client, waiters_max=0)
        ledger = RedisLedger(client, changes)
        job = a_job()
        ledger.swap(job)
        ledger.wait_for_end(job.id, 60)
        with ledger.watched(job.id) as pause:
            assert pause is None
        changes.close()


def test_an_owner_s_jobs_can_be_listed_apart(ledger: JobLedger) -> None:
    jobs = {owner: a_job(f"of-{owner}").model_copy(update={"owner": owner}) for owner in "ab"}
    nobodys = a_job("nobody-s")
    for job in (jobs["a"], nobodys, jobs["b"]):
        ledger.swap(job)
    for owner, job in jobs.items():
        assert ledger.listed(JobFilter(), None, 10, owner=owner).jobs == (job,)
        assert ledger.listed(JobFilter(kind="pdf"), None, 10, owner=owner).jobs == ()
        ended = job.cancelled(NOON)
        ledger.swap(ended)
        assert ledger.listed(JobFilter(kind="screenshot"), None, 10, owner=owner).jobs == (ended,)
    assert ledger.listed(JobFilter(), None, 10, owner="c").jobs == ()
    assert len(ledger.listed(JobFilter(), None, 10).jobs) == 3


@pytest.mark.parametrize("owner", ["", "ann"])
def test_an_expired_job_names_its_owner(subject: Subject, owner: str) -> None:
    job = a_job().model_copy(update={"owner": owner})
    subject.ledger.swap(job)
    ended = job.cancelled(NOON)
    subject.ledger.swap(ended)
    subject.end_retention(ended)
    until(lambda: subject.has_expired(ended), "the retention is over")
    with pytest.raises(JobExpired) as caught:
        subject.ledger.get(job.id)
    assert caught.value.owner == owner


@pytest.mark.redis
def test_each_move_of_a_job_in_redis_has_a_line_and_what_is_refused_has_none(
    redis_url: str,
) -> None:
    with connect(redis_url) as client:
        changes = ChangeListener(client, waiters_max=0)
        ledger = RedisLedger(client, changes)
        job = a_job().model_copy(update={"origin": Origin(request_id="r-1")})
        running = job.claimed("w", NOON, redeliveries=0)
        with capture_logs() as logs:
            ledger.add(job, backlog_max=9, owner_max=None)
            ledger.swap(running)
            ledger.swap(running.failed(DnsError("Gone."), NOON))
            ledger.swap(running.cancelled(NOON))
        changes.close()
    whole = {"event": "moved", "log_level": "info", "job_id": "job-1", "kind": "screenshot"}
    whole |= {"request_id": "r-1"}
    assert logs == [
        {**whole, "state": "queued", "revision": 1, "attempt": 0},
        {**whole, "state": "running", "revision": 2, "attempt": 1},
        {**whole, "state": "failed", "revision": 3, "attempt": 1, "code": "dns_error"},
    ]


def found(ledger: JobLedger, tag: str) -> list[str]:
    return [job.id for job in ledger.listed(JobFilter(tag=tag), None, 10).jobs]


def test_tags_set_by_hand_take_the_place_of_those_of_the_spec(ledger: JobLedger) -> None:
    job = a_job(spec=a_spec(tags=["old", "both"]))
    ledger.swap(job)
    ledger.tag(job.id, ["both", "new \N{SNOWMAN} \"tag'"])
    stored = ledger.get(job.id)
    assert stored.tags == ("both", "new \N{SNOWMAN} \"tag'")
    assert (stored.spec, stored.revision) == (job.spec, job.revision)
    assert found(ledger, "new \N{SNOWMAN} \"tag'") == found(ledger, "both") == [job.id]
    assert found(ledger, "old") == []
    assert [each.tags for each in ledger.listed(JobFilter(), None, 10).jobs] == [stored.tags]
    ledger.tag(job.id, [])
    assert ledger.get(job.id).tags == ()
    assert found(ledger, "both") == []


def test_whoever_holds_the_job_as_it_was_moves_it_and_its_tags_stay(ledger: JobLedger) -> None:
    job = a_job(spec=a_spec(tags=["old"], retention=60))
    ledger.swap(job)
    running = job.claimed("w", NOON, redeliveries=0)
    ledger.swap(running)
    ledger.tag(job.id, ["new"])
    ended = running.succeeded(NOON, artifacts=[], report={})
    assert ledger.swap(ended)
    assert ledger.swap(ended), "the same again"
    assert (found(ledger, "new"), found(ledger, "old")) == ([job.id], [])
    assert ledger.get(job.id).state == "succeeded"
    assert ledger.get(job.id).tags == ("new",)


def test_a_tagged_job_ends_its_retention_as_any_other(subject: Subject) -> None:
    job = a_job(spec=a_spec(retention=60))
    subject.ledger.swap(job)
    ended = job.cancelled(NOON)
    subject.ledger.swap(ended)
    subject.ledger.tag(job.id, ["new"])
    subject.end_retention(ended)
    until(lambda: subject.has_expired(ended), "the retention is over")
    subject.ledger.tag(job.id, ["newer"])
    subject.ledger.tidy(NOON + timedelta(seconds=3600), 10)
    assert found(subject.ledger, "new") == found(subject.ledger, "newer") == []


def test_a_forgotten_job_is_found_by_no_tag(ledger: JobLedger) -> None:
    job = a_job()
    ledger.swap(job)
    ledger.tag(job.id, ["new"])
    ledger.forget(job.id)
    ledger.tag(job.id, ["newer"])
    assert found(ledger, "new") == found(ledger, "newer") == []
    with pytest.raises(UnknownJob):
        ledger.get(job.id)
