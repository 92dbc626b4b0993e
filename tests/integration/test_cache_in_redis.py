"""Identical jobs in a real Redis, where processes race."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier, Lock

import pytest
from redis import Redis

from farm.backends.assembly import assemble
from farm.backends.redis_artifacts import RedisArtifacts
from farm.backends.redis_connection import connect
from farm.jobs.models import Job
from farm.jobs.service import JobService
from farm.jobs.specs.requests import Kind
from farm.jobs.states import JobState
from tasks.deadline import Deadline
from tasks.outcome import Made, Outcome, Stopwatch
from tasks.runner import JobRunner, Room
from tests.support.builders import a_spec
from tests.support.waiting import until

MANY = 12


class Overtime(Exception):
    """What the outer net raises."""


class Workers:
    """Workers of one farm, which render nothing before all others have had a try."""

    def __init__(self, farms: list[JobService]) -> None:
        self.rendered: list[str] = []
        self._farms = farms
        self._lock = Lock()
        self._back = 0

    def run_at_once(self, jobs: list[Job]) -> None:
        """Have each job's message taken in the same moment, by a worker each."""
        start = Barrier(len(jobs))
        self._back = 0

        def take(number: int) -> None:
            rooms: dict[Kind, Room] = {"screenshot": Room(self._run)}
            farm = self._farms[number % len(self._farms)]
            runner = JobRunner(farm=farm, kinds=rooms, worker="w", overtime=Overtime)
            start.wait(10)
            runner.run(jobs[number].id)
            with self._lock:
                self._back += 1

        with ThreadPoolExecutor(len(jobs)) as pool:
            list(pool.map(take, range(len(jobs))))

    def _run(self, job: Job, deadline: Deadline, stopwatch: Stopwatch) -> Outcome:
        del deadline, stopwatch
        with self._lock:
            self.rendered.append(job.id)
        until(lambda: self._back == MANY - 1, "all others are back")
        return Outcome([Made("screenshot.png", "image/png", b"picture")], {"title": "T"})


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def farms(redis_url: str) -> list[JobService]:
    """One farm, as two processes have it."""
    clients = [connect(redis_url) for _ in range(2)]
    return [assemble(redis_url, None, waiters_max=0, client=client) for client in clients]


def done(farm: JobService, **fields: object) -> Job:
    """Return a job that succeeded with a picture, as its worker leaves it."""
    job = farm.submit(a_spec(cache_ttl=60, fresh=True, **fields))
    claimed = job.claimed("w", farm.clock.now(), redeliveries=0)
    assert farm.ledger.swap(claimed)
    made = farm.artifacts.put(claimed.run_id, "screenshot.png", "image/png", [b"picture"], ttl_s=60)
    succeeded = claimed.succeeded(farm.clock.now(), artifacts=[made], report={})
    assert farm.ledger.swap(succeeded)
    return succeeded


def picture(farm: JobService, job: Job) -> bytes:
    return b"".join(farm.read(job, job.artifacts[0]))


def test_of_many_that_workers_take_at_once_one_is_rendered_and_all_have_its_picture(
    farms: list[JobService], redis: Redis
) -> None:
    farm = farms[0]
    jobs = [farm.submit(a_spec(cache_ttl=60)) for _ in range(MANY)]
    for celery_list in list(redis.scan_iter(_type="list")):
        redis.delete(celery_list)  # Their messages are taken by hand here.
    workers = Workers(farms)
    workers.run_at_once(jobs)
    (leader,) = workers.rendered
    others = [job for job in jobs if job.id != leader]
    assert {farm.get(job.id).state for job in others} == {JobState.QUEUED}
    assert set(farm.queue.announced("pages")) == {job.id for job in others}
    workers.run_at_once(others)
    assert workers.rendered == [leader]
    ended = [farm.get(job.id) for job in jobs]
    assert {picture(farm, job) for job in ended} == {b"picture"}
    assert {job.made_by for job in ended} == {None, f"{leader}.1"}


class Meddled(RedisArtifacts):
    """Artifacts whose keeping is the moment for something else to happen."""

    def __init__(
        self, client: Redis, before: Callable[[], object], after: Callable[[], object]
    ) -> None:
        super().__init__(client)
        self._before, self._after = before, after

    def keep(self, owner: str, name: str, ttl_s: int) -> bool:
        self._before()
        kept = super().keep(owner, name, ttl_s)
        self._after()
        return kept


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_result_that_is_forgotten_while_it_is_taken_is_no_answer(
    farms: list[JobService], redis: Redis, moment: str
) -> None:
    first = done(farms[0])
    what = {moment: lambda: farms[0].cancel_or_forget(first.id)}
    nothing = {"before": lambda: None, "after": lambda: None}
    asked = replace(farms[1], artifacts=Meddled(redis, **{**nothing, **what}))
    second = asked.submit(a_spec(cache_ttl=60))
    assert second.state is JobState.QUEUED
    assert second.id in farms[0].queue.announced("pages")


def test_a_result_that_is_forgotten_once_it_is_taken_stays(farms: list[JobService]) -> None:
    first = done(farms[0])
    second = farms[1].submit(a_spec(cache_ttl=60))
    farms[0].cancel_or_forget(first.id)
    assert picture(farms[1], second) == b"picture"


def test_the_bytes_stay_for_the_longest_retention_of_those_who_list_them(
    farms: list[JobService], redis: Redis
) -> None:
    farm = farms[0]
    first = done(farm)
    farm.submit(a_spec(cache_ttl=60, retention=3600))
    farm.submit(a_spec(cache_ttl=60, retention=120))
    keys = list(redis.scan_iter(f"farm:artifact:{first.run_id}:*"))
    assert len(keys) == 2
    assert all(3590 < redis.ttl(key) <= 3600 for key in keys)


def test_an_evicted_result_is_no_answer(farms: list[JobService], redis: Redis) -> None:
    first = done(farms[0])
    redis.delete(f"farm:artifact:{first.run_id}:screenshot.png:0")
    second = farms[0].submit(a_spec(cache_ttl=60))
    assert second.state is JobState.QUEUED
    assert second.id in farms[0].queue.announced("pages")


def test_nothing_is_left_of_jobs_that_are_forgotten(farms: list[JobService], redis: Redis) -> None:
    farm = farms[0]
    jobs = [done(farm), *(farm.submit(a_spec(cache_ttl=60)) for _ in range(3))]
    waiting = farm.submit(a_spec(cache_ttl=60, fresh=True))
    farm.cancel_or_forget(waiting.id)
    for job in [*jobs, waiting]:
        assert farm.cancel_or_forget(job.id) is None
    for pattern in ("farm:twins:*", "farm:lists:*", "farm:artifact:*", "farm:job:*"):
        assert list(redis.scan_iter(pattern)) == []
