"""How busy the farm is, whom it refuses, and who works."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.app import create_app
from api.settings import ApiSettings
from farm.backends.memory import MemoryLedger, MemoryWorkers
from farm.jobs.errors import BackendUnavailable
from farm.jobs.models import Job
from farm.jobs.ports import Pressure
from farm.jobs.service import Limits
from farm.jobs.specs.requests import Queue
from farm.jobs.workers import Worker
from tests.support.builders import NOON, MemoryFarm, a_child, a_worker

SPEC = {"kind": "screenshot", "url": "http://page.test/"}
PROBE = {"kind": "probe", "url": "http://page.test/a.mp4"}
IDLE = {"queued": 0, "running": 0, "limit": 2, "oldest_wait_s": None, "ended_per_min": 0.0}


class AbsentLedger(MemoryLedger):
    def pressure(self, queue: Queue, now: object) -> Pressure:
        raise BackendUnavailable(f"Redis is away from {queue} at {now}.")


class AbsentWorkers(MemoryWorkers):
    def alive(self) -> list[Worker]:
        raise BackendUnavailable("Redis is away.")


def asking(farm: MemoryFarm, *, backlog_max: int = 2, owner_max: int | None = None) -> FlaskClient:
    service = replace(farm.service, limits=Limits(backlog_max=backlog_max, owner_max=owner_max))
    return create_app(ApiSettings(), service).test_client()


def end(farm: MemoryFarm, job: Job, *, on: str = "worker-1/2") -> Job:
    claimed = claim(farm, job, on=on)
    ended = claimed.succeeded(farm.clock.now(), artifacts=[], report={})
    assert farm.ledger.swap(ended)
    return ended


def claim(farm: MemoryFarm, job: Job, *, on: str = "worker-1/2") -> Job:
    claimed = job.claimed(on, farm.clock.now(), redeliveries=0)
    assert farm.ledger.swap(claimed)
    return claimed


def refused(client: FlaskClient) -> TestResponse:
    answer = client.post("/v1/jobs", json=SPEC)
    assert (answer.status_code, answer.get_json()["code"]) == (429, "queue_full")
    assert answer.get_json()["retryable"] is True
    return answer


class TestPressure:
    def test_an_idle_farm_accepts(self, farm: MemoryFarm) -> None:
        answer = asking(farm).get("/v1/pressure")
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
        assert answer.json == {
            "accepting": True,
            "reason": None,
            "queues": {"pages": IDLE, "media": IDLE},
        }

    def test_what_waits_runs_and_ended_is_counted_for_each_queue(self, farm: MemoryFarm) -> None:
        end(farm, farm.submit())
        claim(farm, farm.submit())
        farm.submit()
        farm.clock.advance(1.5)
        found = asking(farm).get("/v1/pressure").get_json()
        assert found["queues"] == {
            "pages": {
                "queued": 1,
                "running": 1,
                "limit": 2,
                "oldest_wait_s": 1.5,
                "ended_per_min": 1.0,
            },
            "media": IDLE,
        }
        assert found["accepting"] is True

    def test_at_the_limit_of_one_queue_it_says_which_and_why(self, farm: MemoryFarm) -> None:
        for _ in range(2):
            farm.submit(**PROBE)
        found = asking(farm).get("/v1/pressure").get_json()
        assert found["accepting"] is False
        assert found["reason"] == "2 jobs wait on the queue media, as many as may."
        assert found["queues"]["pages"] == IDLE

    def test_jobs_that_wait_for_their_turn_count_too(self, farm: MemoryFarm) -> None:
        farm.submit(priority="low")
        assert asking(farm).get("/v1/pressure").get_json()["queues"]["pages"]["queued"] == 1

    def test_without_redis_it_is_503(self, farm: MemoryFarm) -> None:
        service = replace(farm.service, ledger=AbsentLedger(farm.clock))
        answer = create_app(ApiSettings(), service).test_client().get("/v1/pressure")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")


class TestAdmission:
    def test_a_full_queue_refuses_and_stores_nothing(self, farm: MemoryFarm) -> None:
        client = asking(farm)
        for _ in range(2):
            assert client.post("/v1/jobs", json=SPEC).status_code == 202
        before = client.get("/v1/jobs").json
        assert refused(client).get_json()["detail"] == (
            "2 jobs wait on the queue pages, as many as may."
        )
        assert client.get("/v1/jobs").json == before
        assert len(farm.queue.waiting) == 2

    def test_the_other_queue_is_open_then(self, farm: MemoryFarm) -> None:
        client = asking(farm, backlog_max=1)
        client.post("/v1/jobs", json=SPEC)
        assert client.post("/v1/jobs", json=PROBE).status_code == 202

    def test_there_is_room_again_once_a_job_is_taken(self, farm: MemoryFarm) -> None:
        client = asking(farm, backlog_max=1)
        job = farm.submit()
        refused(client)
        claim(farm, job)
        assert client.post("/v1/jobs", json=SPEC).status_code == 202

    @pytest.mark.parametrize(
        ("queued", "ended_in_the_last_minute", "retry_after_s"),
        [(3, 0, 60), (3, 3, 1), (300, 60, 3), (300, 6, 30), (300, 1, 60)],
    )
    def test_when_to_come_back_is_what_the_measured_rate_says(
        self, farm: MemoryFarm, queued: int, ended_in_the_last_minute: int, retry_after_s: int
    ) -> None:
        end(farm, farm.submit())  # Too long ago to count.
        farm.clock.advance(61)
        for _ in range(ended_in_the_last_minute):
            end(farm, farm.submit())
        for _ in range(queued):
            farm.submit()
        answer = refused(asking(farm, backlog_max=queued))
        assert answer.headers["Retry-After"] == str(retry_after_s)

    def test_a_caller_may_have_so_many_open_jobs_running_ones_included(
        self, farm: MemoryFarm
    ) -> None:
        client = asking(farm, backlog_max=10, owner_max=2)
        claim(farm, farm.submit())
        farm.submit(**PROBE)
        detail = refused(client).get_json()["detail"]
        assert detail == "You have 2 open jobs, as many as you may."

    def test_a_wait_does_not_wait_for_room(self, farm: MemoryFarm) -> None:
        farm.submit()
        client = asking(farm, backlog_max=1)
        answer = client.post("/v1/jobs", json=SPEC, headers={"Prefer": "wait=60"})
        assert (answer.status_code, "Preference-Applied" in answer.headers) == (429, False)


class TestWorkers:
    def test_a_farm_without_workers_lists_none(self, farm: MemoryFarm) -> None:
        answer = asking(farm).get("/v1/workers")
        assert (answer.status_code, answer.json) == (200, {"items": []})
        assert answer.headers["Cache-Control"] == "no-store"

    def test_a_worker_is_listed_with_its_children_and_what_each_runs(
        self, farm: MemoryFarm
    ) -> None:
        worker = a_worker()
        farm.workers.beat(worker, ttl_s=60)
        for pid in (8, 9):
            farm.workers.child_beat(worker.id, a_child(pid), ttl_s=60)
        job = claim(farm, farm.submit(), on=f"{worker.id}/9")
        claim(farm, farm.submit(), on="somebody.else/8")
        (found,) = asking(farm).get("/v1/workers").get_json()["items"]
        waiting, running = found.pop("children")
        assert found == {
            "id": worker.id,
            "name": "pages@host",
            "queues": ["pages"],
            "pid": 1,
            "gate": True,
            "concurrency": 2,
            "started_at": "2026-01-01T12:00:00.000Z",
            "beat_at": "2026-01-01T12:00:00.000Z",
            "facts": {},
        }
        assert waiting == {
            "pid": 8,
            "job": None,
            "jobs_done": 3,
            "browser_version": "1",
            "sandbox": True,
            "memory_bytes": 4,
            "beat_at": "2026-01-01T12:00:00.000Z",
        }
        assert (running["pid"], running["job"]) == (
            9,
            {
                "id": job.id,
                "kind": "screenshot",
                "attempt": 1,
                "started_at": "2026-01-01T12:00:00.000Z",
            },
        )

    def test_a_child_that_probes_has_no_browser(self, farm: MemoryFarm) -> None:
        worker = a_worker("media@host", "media")
        farm.workers.beat(worker, ttl_s=60)
        bare = a_child().model_copy(update={"browser_version": None, "sandbox": None})
        farm.workers.child_beat(worker.id, bare, ttl_s=60)
        ((child,),) = [each["children"] for each in _items(asking(farm))]
        assert (child["browser_version"], child["sandbox"]) == (None, None)

    def test_workers_come_by_name_those_without_children_too(self, farm: MemoryFarm) -> None:
        for name in ("pages@b", "media@a", "pages@a"):
            farm.workers.beat(a_worker(name), ttl_s=60)
        assert [each["name"] for each in _items(asking(farm))] == ["media@a", "pages@a", "pages@b"]

    def test_of_a_job_it_shows_no_more_than_id_kind_and_attempt(self, farm: MemoryFarm) -> None:
        worker = a_worker()
        farm.workers.beat(worker, ttl_s=60)
        farm.workers.child_beat(worker.id, a_child(2), ttl_s=60)
        secret = {"url": "http://hunter2.test/", "tags": ["hunter2"]}
        job = farm.submit(**secret, extra_http_headers={"Authorization": "hunter2"})
        claim(farm, job, on=f"{worker.id}/2")
        answer = asking(farm).get("/v1/workers")
        assert job.id in answer.text
        assert "hunter2" not in answer.text

    def test_without_redis_it_is_503(self, farm: MemoryFarm) -> None:
        service = replace(farm.service, workers=AbsentWorkers())
        answer = create_app(ApiSettings(), service).test_client().get("/v1/workers")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")


def _items(client: FlaskClient) -> list[dict[str, Any]]:
    items = client.get("/v1/workers").get_json()["items"]
    assert isinstance(items, list)
    return items


def test_an_odd_query_is_no_error_of_the_farm(farm: MemoryFarm) -> None:
    for path in ("/v1/pressure", "/v1/workers"):
        assert asking(farm).get(f"{path}?a=%FF&limit=-1").status_code == 200


def test_a_wait_is_never_less_than_nothing_when_clocks_differ(farm: MemoryFarm) -> None:
    job = farm.submit()
    ahead = job.model_copy(update={"id": "ahead", "queued_at": NOON + timedelta(seconds=5)})
    farm.ledger.forget(job.id)
    farm.ledger.swap(ahead)
    found = asking(farm).get("/v1/pressure").get_json()
    assert found["queues"]["pages"]["oldest_wait_s"] == 0
