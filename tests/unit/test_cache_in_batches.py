"""Jobs of batches that are answered with a result, and secrets that tell jobs apart."""

from typing import Any

from farm.jobs.batches.intake import Item
from farm.jobs.batches.models import BatchOptions, BatchState, Standing
from farm.jobs.batches.service import Batches, BatchRequest
from farm.jobs.errors import DnsError
from farm.jobs.keys import Caller
from farm.jobs.models import Job
from farm.jobs.specs.requests import Kind
from farm.jobs.states import JobState
from tasks.deadline import Deadline
from tasks.outcome import Made, Outcome, Stopwatch
from tasks.runner import JobRunner, Room
from tests.support.builders import NOON, MemoryFarm

PAGES = ["http://one.test/", "http://two.test/", "http://three.test/"]


class Overtime(Exception):
    """What the outer net raises."""


def submitted(farm: MemoryFarm, *urls: str) -> list[Job]:
    """Submit a batch and have the turn of all its jobs come."""
    items = (Item(n, url) for n, url in enumerate(urls, 1))
    defaults = {"kind": "screenshot", "cache_ttl": 60}
    options = BatchOptions(dedupe=False, per_host_concurrency=100)
    request = BatchRequest(options, defaults, items, lambda: "ab")
    batch_id = Batches(farm.service).submit(request, None).standing.batch.id
    jobs = farm.batches.open_jobs(batch_id, 100)
    assert len(farm.ledger.take_turns("pages", 100, NOON)) == len(jobs)
    return jobs


def standing(farm: MemoryFarm, job: Job) -> Standing:
    return farm.batches.get(job.batch_id or "")


def run(farm: MemoryFarm, *jobs: Job) -> list[str | None]:
    """Have a worker take each message; return what was rendered."""
    rendered: list[str | None] = []

    def render(job: Job, deadline: Deadline, stopwatch: Stopwatch) -> Outcome:
        del deadline, stopwatch
        rendered.append(job.spec.url)
        content = (job.spec.url or "").encode()
        return Outcome([Made("screenshot.png", "image/png", content)], {"title": "T"})

    rooms: dict[Kind, Room] = {"screenshot": Room(render)}
    for job in jobs:
        JobRunner(farm=farm.service, kinds=rooms, worker="w", overtime=Overtime).run(job.id)
    return rendered


def test_each_page_of_a_batch_has_its_own_result(farm: MemoryFarm) -> None:
    jobs = submitted(farm, *PAGES)
    assert run(farm, *jobs) == PAGES
    for job, url in zip(jobs, PAGES, strict=True):
        done = farm.service.get(job.id)
        assert b"".join(farm.service.read(done, done.artifacts[0])) == url.encode()


def test_a_batch_is_answered_with_what_another_made_and_is_finished_by_that(
    farm: MemoryFarm,
) -> None:
    run(farm, *submitted(farm, *PAGES))
    jobs = submitted(farm, *PAGES)
    assert run(farm, *jobs) == []
    batch = standing(farm, jobs[0])
    assert (batch.state, batch.progress.succeeded) == (BatchState.FINISHED, 3)
    ends = farm.service.batch_jobs.ended(jobs[0].batch_id or "", 0, 10)
    assert [job.id for _, job in ends] == [job.id for job in jobs]
    assert all(job.made_by for _, job in ends)


def test_of_the_same_page_twice_in_a_batch_one_is_rendered(farm: MemoryFarm) -> None:
    jobs = submitted(farm, PAGES[0], PAGES[0])
    assert run(farm, *jobs) == [PAGES[0]]
    assert standing(farm, jobs[0]).progress.succeeded == 2


def cookies(value: str) -> list[dict[str, str]]:
    return [{"name": "session", "value": value}]


def failed(farm: MemoryFarm, **fields: Any) -> Job:
    job = farm.submit(cache_ttl=60, **fields)
    claimed = job.claimed("w", NOON, redeliveries=0)
    assert farm.ledger.swap(claimed)
    assert farm.ledger.swap(claimed.failed(DnsError("No such host."), NOON))
    return job


def test_a_job_whose_secrets_were_dropped_still_answers_who_has_the_same(farm: MemoryFarm) -> None:
    done = farm.submit(cache_ttl=60, cookies=cookies("ann"))
    run(farm, done)
    assert farm.service.get(done.id).dropped_secrets == ("cookies",)
    assert farm.submit(cache_ttl=60, cookies=cookies("ann")).made_by == f"{done.id}.1"
    assert farm.submit(cache_ttl=60, cookies=cookies("bob")).made_by is None
    assert farm.submit(cache_ttl=60).made_by is None


def test_an_answer_keeps_no_secrets_either(farm: MemoryFarm) -> None:
    run(farm, farm.submit(cache_ttl=60, cookies=cookies("hunter2")))
    answered = farm.submit(cache_ttl=60, cookies=cookies("hunter2"))
    assert answered.state is JobState.SUCCEEDED
    assert "hunter2" not in farm.ledger.get(answered.id).model_dump_json()


def test_a_retry_with_the_same_secrets_asks_for_the_same(farm: MemoryFarm) -> None:
    job = failed(farm, cookies=cookies("ann"))
    again = farm.service.retry(job.id, {"cookies": cookies("ann")})
    assert again.fingerprint == job.fingerprint


def test_a_retry_with_other_secrets_asks_for_what_these_lead_to(farm: MemoryFarm) -> None:
    job = failed(farm, cookies=cookies("ann"))
    again = farm.service.retry(job.id, {"cookies": cookies("bob")})
    assert run(farm, again) == ["http://page.test/"]
    assert farm.submit(cache_ttl=60, cookies=cookies("ann")).made_by is None
    assert farm.submit(cache_ttl=60, cookies=cookies("bob")).made_by == f"{job.id}.2"


def test_another_s_retry_leaves_the_job_its_owner_s(farm: MemoryFarm) -> None:
    job = failed(farm)
    admin = Caller(owner="admin", scopes=frozenset({"admin"}), sees_all=True)
    again = farm.service.on_behalf_of(admin).retry(job.id)
    assert again.fingerprint == job.fingerprint
