"""Following a batch: each end once, over however many connections; progress; and the end."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.test import TestResponse

from api import batch_news
from api.app import create_app
from api.settings import ApiSettings
from farm.backends.memory_batch_jobs import MemoryBatchJobs
from farm.jobs.errors import BackendUnavailable, DnsError
from farm.jobs.models import Job
from farm.jobs.ports import Pause
from tests.support.builders import NOON, MemoryFarm


class WatchedJobs(MemoryBatchJobs):
    """Counts who watches, and does what is ``meanwhile`` instead of waiting."""

    meanwhile: Iterator[Callable[[], object]] = iter(())
    watchers = 0
    is_full = False
    is_away = False

    def ended(self, batch_id: str, after: int, limit: int) -> list[tuple[int, Job]]:
        if self.is_away:
            raise BackendUnavailable("Redis is away.")
        return super().ended(batch_id, after, limit)

    @contextmanager
    def watched(self, batch_id: str) -> Iterator[Pause | None]:
        del batch_id
        self.watchers += 1
        try:
            yield None if self.is_full else self._pause
        finally:
            self.watchers -= 1

    def _pause(self, _: float) -> None:
        next(self.meanwhile)()


class Farm(MemoryFarm):
    """Has one batch."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.jobs = WatchedJobs(self.ledger)
        self.service = replace(self.service, batch_jobs=self.jobs)
        self.client = create_app(ApiSettings(), self.service).test_client()
        items = [f"http://page-{number}.test/" for number in range(size)]
        body = {"defaults": {"kind": "screenshot"}, "items": items}
        self.batch_id = self.client.post("/v1/batches", json=body).get_json()["id"]
        self.made = self.batches.open_jobs(self.batch_id, size)

    def end(self, number: int) -> Callable[[], None]:
        def end() -> None:
            running = self.ledger.get(self.made[number].id).claimed("w", NOON, redeliveries=0)
            assert self.ledger.swap(running)
            assert self.ledger.swap(running.failed(DnsError("No such host."), NOON))

        return end

    def follow(self, last: str | None = None) -> TestResponse:
        headers = {} if last is None else {"Last-Event-ID": last}
        return self.client.get(f"/v1/batches/{self.batch_id}/events", headers=headers)

    def then(self, *steps: Callable[[], object]) -> None:
        """Have these happen, one at each wait."""
        self.jobs.meanwhile = iter(steps)

    def ids(self, *numbers: int) -> list[str]:
        return [self.made[number].id for number in numbers]


class Told:
    """What a client has read of a stream."""

    def __init__(self, answer: TestResponse, at_most: int | None = None) -> None:
        assert answer.status_code == 200
        self.retry = ""
        self.jobs: list[str] = []
        self.progress: list[dict[str, Any]] = []
        self.last_id: str | None = None
        for number, chunk in enumerate(answer.iter_encoded()):
            self._take(chunk.decode())
            if number == at_most:
                answer.close()
                return

    def _take(self, event: str) -> None:
        fields = dict(line.split(": ", 1) for line in event.strip().split("\n") if line != ":")
        self.retry = fields.get("retry", self.retry)
        self.last_id = fields.get("id", self.last_id)
        if fields.get("event") == "job":
            self.jobs.append(json.loads(fields["data"])["id"])
        elif fields.get("event") == "progress":
            self.progress.append(json.loads(fields["data"]))


@pytest.fixture(autouse=True)
def _no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_news, "_REST_S", 0)


@pytest.fixture
def farm() -> Farm:
    return Farm(3)


def test_each_end_and_the_progress_are_told_until_the_batch_is_over(farm: Farm) -> None:
    farm.then(farm.end(1), farm.end(0), lambda: None, farm.end(2))
    told = Told(farm.follow())
    assert told.jobs == farm.ids(1, 0, 2)
    assert [view["queued"] for view in told.progress] == [3, 2, 1, 0]
    assert told.progress[-1]["state"] == "finished"
    assert told.progress[-1]["failures_by_code"] == {"dns_error": 3}


def test_it_is_not_over_between_two_steps_of_a_retry(farm: Farm) -> None:
    retrying = farm.batches.get(farm.batch_id).batch.changed(retry_until=NOON)
    assert farm.batches.swap(retrying)
    over = retrying.changed(retry_until=None)
    farm.then(farm.end(0), farm.end(1), farm.end(2), lambda: farm.batches.swap(over))
    told = Told(farm.follow())
    assert [view["state"] for view in told.progress] == [*["running"] * 4, "finished"]


def test_events_hold_what_the_api_reads(farm: Farm) -> None:
    farm.then(farm.end(0), farm.end(1), farm.end(2))
    _, progress, job, *_ = [chunk.decode() for chunk in farm.follow().iter_encoded()]
    assert job.startswith("event: job\nid: 1\ndata: ")
    assert progress.startswith("event: progress\ndata: ")
    read = farm.client.get(f"/v1/jobs/{farm.made[0].id}").get_json()
    assert json.loads(job.partition("data: ")[2]) == read
    last = Told(farm.follow()).progress[-1]
    assert last == farm.client.get(f"/v1/batches/{farm.batch_id}").get_json()


def test_a_reader_that_loses_every_connection_misses_none_and_hears_none_twice() -> None:
    farm = Farm(7)
    farm.then(*(farm.end(number) for number in range(7)))
    jobs: list[str] = []
    last: str | None = None
    for read in range(100):
        answer = farm.follow(last)
        if answer.status_code == 204:
            break
        told = Told(answer, at_most=1 + read % 3)
        jobs += told.jobs
        last = told.last_id or last
    assert answer.status_code == 204
    assert jobs == farm.ids(*range(7))
    assert farm.jobs.watchers == 0


def test_who_missed_only_that_it_is_over_is_told_that(farm: Farm) -> None:
    for number in range(3):
        farm.end(number)()
    whole = Told(farm.follow())
    assert whole.last_id == "3-over"
    told = Told(farm.follow("3"))
    assert (told.jobs, [view["state"] for view in told.progress]) == ([], ["finished"])
    assert farm.follow("3-over").status_code == 204


def test_a_batch_that_goes_on_after_its_end_is_followed_on(farm: Farm) -> None:
    for number in range(3):
        farm.end(number)()
    farm.service.retry(farm.made[1].id)
    farm.then(farm.end(1))
    told = Told(farm.follow("3-over"))
    assert (told.jobs, told.last_id) == (farm.ids(1), "4-over")


@pytest.mark.parametrize("last", ["x", "-1", "", "1-", "over", "9" * 40])
def test_nonsense_for_the_last_event_is_as_none(farm: Farm, last: str) -> None:
    for number in range(3):
        farm.end(number)()
    assert Told(farm.follow(last)).jobs == farm.ids(0, 1, 2)


def test_many_ends_come_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_news, "PAGE_JOBS", 2)
    farm = Farm(5)
    for number in range(4):
        farm.end(number)()
    farm.then(farm.end(4))
    assert Told(farm.follow()).jobs == farm.ids(0, 1, 2, 3, 4)


def test_without_a_place_one_page_is_told_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_news, "PAGE_JOBS", 2)
    farm = Farm(3)
    farm.jobs.is_full = True
    for number in range(3):
        farm.end(number)()
    first = Told(farm.follow())
    assert (first.retry, first.jobs, first.last_id) == ("5000", farm.ids(0, 1), "2")
    second = Told(farm.follow(first.last_id))
    assert (second.jobs, second.last_id) == (farm.ids(2), "3-over")


def test_a_redis_that_is_away_is_waited_for(farm: Farm) -> None:
    def away(is_away: bool) -> Callable[[], None]:
        return lambda: setattr(farm.jobs, "is_away", is_away)

    farm.then(farm.end(0), away(True), farm.end(1), farm.end(2), away(False))
    assert Told(farm.follow()).jobs == farm.ids(0, 1, 2)


def test_a_batch_that_is_gone_ends_the_stream(farm: Farm) -> None:
    farm.then(farm.ledger.batches.clear)
    assert len(Told(farm.follow()).progress) == 1
    answer = farm.follow()
    assert (answer.status_code, answer.get_json()["code"]) == (404, "unknown_batch")
