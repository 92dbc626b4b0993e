"""Batches through the client: what is sent, and that each job's end is told once."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from farm.client.errors import FarmUnreachable, Misconfigured, RequestInvalid
from farm.client.http import FarmClient
from farm.jobs.batches.models import BatchState
from farm.jobs.batches.views import BatchView
from farm.jobs.states import JobState
from tests.support.awaiting import awaited
from tests.support.fake_farm import DNS_ERROR, FakeFarm, problem

URLS = [f"https://example.com/{number}" for number in range(5)]


@pytest.fixture
def farm() -> FakeFarm:
    return FakeFarm()


@pytest.fixture(params=["sync", "async"])
def client(farm: FakeFarm, request: pytest.FixtureRequest) -> Iterator[FarmClient]:
    if request.param == "sync":
        yield farm.client()
        return
    with asyncio.Runner() as loop:
        yield awaited(farm.async_client(), loop)


def ids(*numbers: int) -> list[str]:
    return [f"job-{number}" for number in numbers]


class TestHandingIn:
    def test_what_is_the_batchs_own_is_told_from_what_is_its_jobs(
        self, farm: FakeFarm, client: FarmClient
    ) -> None:
        items: list[str | dict[str, Any]] = [URLS[0], {"url": URLS[1], "full_page": False}]
        batch = client.batch(items, kind="screenshot", full_page=True, max_failures=3, dedupe=False)
        assert batch.id == "batch-1"
        assert farm.last_json() == {
            "defaults": {"kind": "screenshot", "full_page": True},
            "items": items,
            "max_failures": 3,
            "dedupe": False,
        }

    def test_a_lost_answer_makes_no_second_batch(self, farm: FakeFarm, client: FarmClient) -> None:
        farm.troubles = [httpx.ReadError("gone")]
        client.batch(URLS, kind="pdf")
        keys = [request.headers["Idempotency-Key"] for request in farm.requests]
        assert keys == [keys[0]] * 2

    def test_items_that_are_wrong_are_told_once_and_for_all(self, client: FarmClient) -> None:
        batch = client.batch([URLS[0], "nowhere"], kind="pdf")
        batch.progress()
        assert [(each.line, each.errors[0].field) for each in batch.rejected] == [(2, "url")]
        assert batch.duplicates == 0
        again = client.existing_batch(batch.id)
        assert (again.rejected, again.duplicates) == ((), None)

    def test_more_than_one_document_may_hold_goes_line_by_line(
        self, farm: FakeFarm, client: FarmClient
    ) -> None:
        items: list[str | dict[str, Any]] = [{"html": "x" * 5_000_000, "kind": "content"}] * 2
        on_complete = {"webhook_url": "https://example.com/"}
        batch = client.batch(
            [*items, URLS[0]], kind="pdf", landscape=True, dedupe=False, on_complete=on_complete
        )
        assert batch.view.total == 3
        request = farm.requests[0]
        assert request.headers["Content-Type"] == "application/x-ndjson"
        assert request.headers["Content-Length"] == str(len(request.content))
        lines = [json.loads(line) for line in request.content.splitlines()]
        assert [line["kind"] for line in lines] == ["content", "content", "pdf"]
        assert lines[2] == {"kind": "pdf", "landscape": True, "url": URLS[0]}
        assert {name: json.loads(value) for name, value in request.url.params.items()} == {
            "dedupe": False,
            "on_complete": on_complete,
        }

    def test_a_generator_will_do(self, client: FarmClient) -> None:
        assert client.batch((url for url in URLS), kind="pdf").view.total == 5


class TestFollowing:
    def test_each_job_is_told_once_in_the_order_of_their_ends(
        self, farm: FakeFarm, client: FarmClient
    ) -> None:
        farm.batches.script = [[], ids(2), [], ids(5, 1), ids(4)]
        told = [job.id for job in client.batch(URLS, kind="pdf")]
        assert told == ids(2, 5, 1, 4, 3)

    def test_failed_and_cancelled_jobs_are_told_as_well(
        self, farm: FakeFarm, client: FarmClient
    ) -> None:
        farm.failure = DNS_ERROR
        batch = client.batch(URLS[:3], kind="pdf")
        farm.batches.script = [ids(1)]
        jobs = iter(batch)
        assert next(jobs).state is JobState.FAILED
        assert batch.cancel().state is BatchState.CANCELLED
        assert [job.state for job in jobs] == [JobState.CANCELLED] * 2

    def test_a_batch_that_has_ended_is_told_whole_page_by_page(
        self, farm: FakeFarm, client: FarmClient
    ) -> None:
        batch = client.batch([f"https://example.com/{n}" for n in range(450)], kind="pdf")
        assert len({job.id for job in batch}) == 450
        again = client.existing_batch(batch.id)
        assert len({job.id for job in again}) == 450
        assert len(farm.asked) < 15

    def test_a_job_that_another_retried_meanwhile_is_told_again(
        self, farm: FakeFarm, client: FarmClient
    ) -> None:
        farm.failure = DNS_ERROR
        batch = client.batch(URLS[:2], kind="pdf")
        farm.batches.script = [ids(1), []]
        jobs = iter(batch)
        assert next(jobs).state is JobState.FAILED
        client.existing_batch(batch.id).retry_failed()
        assert sorted((job.id, job.state) for job in jobs) == [
            ("job-1", JobState.SUCCEEDED),
            ("job-2", JobState.FAILED),
        ]

    def test_jobs_that_are_counted_but_no_longer_listed_are_not_waited_for(
        self, farm: FakeFarm, client: FarmClient
    ) -> None:
        batch = client.batch(URLS, kind="pdf")
        listed = httpx.Response(200, json={"items": [], "next": None})
        farm.batches.script = [ids(1, 2, 3, 4, 5)]
        batch.progress()
        shown = httpx.Response(200, json=batch.progress().model_dump(mode="json"))
        farm.troubles = [shown, listed, listed]
        assert list(batch) == []

    def test_the_pauses_grow_while_nothing_ends(self, farm: FakeFarm, client: FarmClient) -> None:
        farm.batches.script = [[]] * 6
        list(client.batch(URLS, kind="pdf"))
        naps = farm.naps
        assert [round(nap, 1) for nap in naps] == [0.2, 0.5, 1.0, 2.0, 2.0, 2.0]

    def test_whoever_watches_is_told_of_each_look_and_may_end_it(
        self, farm: FakeFarm, client: FarmClient
    ) -> None:
        farm.batches.script = [ids(1), ids(2)]
        seen: list[int] = []

        def watch(view: BatchView) -> None:
            seen.append(view.succeeded)
            if view.succeeded == 2:
                raise StopWatching

        class StopWatching(Exception):
            pass

        batch = client.batch(URLS, kind="pdf")
        told = []
        with pytest.raises(StopWatching):
            told += list(batch.ended(watch))
        assert seen == [1, 2]


class TestTroubles:
    def test_a_farm_that_is_away_for_half_a_minute_is_waited_for(
        self, farm: FakeFarm, client: FarmClient
    ) -> None:
        batch = client.batch(URLS, kind="pdf")
        farm.batches.script = [ids(1)]
        jobs = iter(batch)
        assert next(jobs).id == "job-1"
        refused = [httpx.ConnectError("refused") for _ in range(6)]
        away = problem(503, "backend_unavailable", "x", headers={"Retry-After": "3"})
        farm.troubles = [*refused, away, away, httpx.Response(502, text="Bad gateway")]
        assert [job.id for job in jobs] == ids(2, 3, 4, 5)
        assert sum(farm.naps) > 15

    def test_it_is_not_waited_for_without_end(self, farm: FakeFarm, client: FarmClient) -> None:
        batch = client.batch(URLS, kind="pdf", patience_s=30)
        farm.troubles = [httpx.ConnectError("refused") for _ in range(99)]
        with pytest.raises(FarmUnreachable):
            list(batch)
        assert 30 <= sum(farm.naps) < 40

    def test_a_farm_that_lost_the_batch_is_no_farm_to_wait_for(
        self, farm: FakeFarm, client: FarmClient
    ) -> None:
        batch = client.batch(URLS, kind="pdf")
        farm.batches.batches.clear()
        with pytest.raises(RequestInvalid):
            list(batch)
        assert farm.naps == []


class TestActing:
    def test_it_is_paused_and_goes_on(self, client: FarmClient) -> None:
        batch = client.batch(URLS, kind="pdf")
        assert batch.pause().state is BatchState.PAUSED
        assert batch.view.state is BatchState.PAUSED
        assert batch.resume().state is BatchState.RUNNING
        assert len(list(batch)) == 5

    def test_what_failed_is_queued_again(self, farm: FakeFarm, client: FarmClient) -> None:
        farm.failure = DNS_ERROR
        batch = client.batch(URLS, kind="pdf")
        assert {job.state for job in batch} == {JobState.FAILED}
        assert batch.retry_failed().queued == 5
        assert {job.state for job in batch} == {JobState.SUCCEEDED}

    def test_an_action_is_sent_again_with_its_key(self, farm: FakeFarm, client: FarmClient) -> None:
        batch = client.batch(URLS, kind="pdf")
        farm.troubles = [httpx.ReadError("gone")]
        batch.pause()
        assert farm.asked[1:] == ["POST /v1/batches/batch-1/pause"] * 2
        keys = [request.headers["Idempotency-Key"] for request in farm.requests]
        assert keys[1] == keys[2] != keys[0]

    def test_its_results_are_read_line_by_line(self, client: FarmClient) -> None:
        batch = client.batch(URLS, kind="pdf")
        list(batch)
        assert [job.id for job in batch.results()] == ids(1, 2, 3, 4, 5)

    def test_its_results_are_saved_whole(self, client: FarmClient, tmp_path: Path) -> None:
        batch = client.batch(URLS, kind="pdf")
        path = tmp_path / "results.ndjson"
        batch.save_results("results.ndjson", path)
        assert len([json.loads(line) for line in path.read_text().splitlines()]) == 5
        assert list(tmp_path.iterdir()) == [path]


def test_a_secret_that_would_stand_in_the_address_is_not_sent(farm: FakeFarm) -> None:
    hook = {"webhook_url": "https://hooks.test/", "webhook_secret": "hunter2"}
    some = [{"html": "x" * 1024 * 1024}] * 9
    with pytest.raises(Misconfigured, match="8 MiB"):
        farm.client().batch(some, kind="pdf", on_complete=hook)
    assert farm.asked == []
