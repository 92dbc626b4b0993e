"""Following a job: what is told, what is not told twice, and when it ends."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api import event_stream
from api.app import create_app
from api.clients import STOPPING
from api.settings import ApiSettings
from farm.backends.memory import MemoryLedger
from farm.jobs.errors import BackendUnavailable
from farm.jobs.models import Job
from farm.jobs.ports import Clock, Pause
from tests.support.builders import NOON, MemoryFarm, a_job

RETRY = b"retry: 2000\n\n"
RETRY_WHEN_FULL = b"retry: 5000\n\n"
HEARTBEAT = b":\n\n"


class WatchedLedger(MemoryLedger):
    """Counts who watches, and does what is ``meanwhile`` instead of waiting."""

    watchers = 0
    is_full = False
    is_away = False

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.meanwhile: Iterator[Callable[[], object]] = iter(())

    def get(self, job_id: str) -> Job:
        if self.is_away:
            raise BackendUnavailable("Redis is away.")
        return super().get(job_id)

    @contextmanager
    def watched(self, job_id: str) -> Iterator[Pause | None]:
        del job_id
        self.watchers += 1
        try:
            yield None if self.is_full else self._pause
        finally:
            self.watchers -= 1

    def _pause(self, _: float) -> None:
        next(self.meanwhile)()


class Farm(MemoryFarm):
    def __init__(self) -> None:
        super().__init__()
        self.ledger: WatchedLedger = WatchedLedger(self.clock)
        self.service = replace(self.service, ledger=self.ledger)
        self.app = create_app(ApiSettings(), self.service)
        self.job = a_job()
        self.ledger.swap(self.job)

    @property
    def running(self) -> Job:
        return self.job.claimed("worker-1", NOON, redeliveries=0)

    @property
    def ended(self) -> Job:
        return self.running.cancelled(NOON)

    def end(self) -> None:
        assert self.ledger.swap(self.running)
        assert self.ledger.swap(self.ended)

    def follow(self, last: str | None = None, method: str = "GET") -> TestResponse:
        headers = {} if last is None else {"Last-Event-ID": last}
        path = f"/v1/jobs/{self.job.id}/events"
        return self.app.test_client().open(path, method=method, headers=headers)

    def then(self, *steps: Callable[[], object]) -> None:
        """Have these happen, one at each wait."""
        self.ledger.meanwhile = iter(steps)


@dataclass(frozen=True)
class Told:
    id: int
    state: str

    @classmethod
    def of(cls, chunk: bytes) -> "Told":
        name, number, data = chunk.decode().removesuffix("\n\n").split("\n")
        assert name == "event: state"
        return cls(
            int(number.removeprefix("id: ")), json.loads(data.removeprefix("data: "))["state"]
        )


def chunks(answer: TestResponse) -> list[bytes]:
    assert answer.status_code == 200
    return list(answer.iter_encoded())


@pytest.fixture
def farm() -> Farm:
    return Farm()


def test_each_state_is_told_and_the_stream_ends_with_the_job(farm: Farm) -> None:
    farm.then(lambda: farm.ledger.swap(farm.running), lambda: farm.ledger.swap(farm.ended))
    retry, *events = chunks(farm.follow())
    assert retry == RETRY
    assert [Told.of(event) for event in events] == [
        Told(1, "queued"),
        Told(2, "running"),
        Told(3, "cancelled"),
    ]


def test_an_event_s_data_is_the_job_as_it_is_read(farm: Farm) -> None:
    farm.end()
    _, event = chunks(farm.follow())
    data = json.loads(event.decode().partition("data: ")[2])
    assert data == farm.app.test_client().get(f"/v1/jobs/{farm.job.id}").get_json()


def test_the_headers_keep_it_from_being_kept_or_held_back(farm: Farm) -> None:
    farm.end()
    answer = farm.follow()
    assert answer.content_type == "text/event-stream; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert "Content-Length" not in answer.headers


@pytest.mark.parametrize(("last", "told"), [("1", ["running", "cancelled"]), ("2", ["cancelled"])])
def test_who_comes_back_is_told_what_is_new(farm: Farm, last: str, told: list[str]) -> None:
    farm.ledger.swap(farm.running)
    farm.then(lambda: farm.ledger.swap(farm.ended))
    _, *events = chunks(farm.follow(last))
    assert [Told.of(event).state for event in events] == told


def test_who_comes_back_after_the_end_is_told_to_stay_away(farm: Farm) -> None:
    farm.end()
    answer = farm.follow("3")
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("last", ["", "4", "-1", "3.0", "x", "9" * 40, "٣"])
def test_nonsense_for_the_last_event_is_as_none(farm: Farm, last: str) -> None:
    farm.end()
    _, event = chunks(farm.follow(last))
    assert Told.of(event).id == 3


def test_a_retried_job_is_followed_on(farm: Farm) -> None:
    farm.end()
    again = farm.service.retry(farm.job.id)
    farm.then(lambda: farm.ledger.swap(again.cancelled(NOON)))
    _, *events = chunks(farm.follow("3"))
    assert [Told.of(event) for event in events] == [Told(4, "queued"), Told(5, "cancelled")]


def test_without_a_place_the_state_is_told_and_the_client_is_to_come_back(farm: Farm) -> None:
    farm.ledger.is_full = True
    retry, event = chunks(farm.follow())
    assert (retry, Told.of(event)) == (RETRY_WHEN_FULL, Told(1, "queued"))
    assert chunks(farm.follow("1")) == [RETRY_WHEN_FULL]


def test_a_job_that_is_forgotten_ends_the_stream(farm: Farm) -> None:
    farm.then(lambda: farm.ledger.forget(farm.job.id))
    assert len(chunks(farm.follow())) == 2
    assert farm.follow("1").status_code == 404


def test_a_redis_that_is_away_is_waited_for(farm: Farm) -> None:
    def away(is_away: bool) -> Callable[[], None]:
        return lambda: setattr(farm.ledger, "is_away", is_away)

    farm.then(away(True), lambda: None, farm.end, away(False))
    _, *events = chunks(farm.follow())
    assert [Told.of(event).id for event in events] == [1, 3]


def test_a_silent_stream_has_heartbeats(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "_HEARTBEAT_S", -1)
    farm.then(lambda: None, lambda: None, farm.end)
    _, _, *later, last = chunks(farm.follow())
    assert set(later) == {HEARTBEAT}
    assert len(later) == 3
    assert Told.of(last).state == "cancelled"


def test_a_stream_does_not_last_for_ever(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "_LONGEST_S", -1)
    farm.then(lambda: None)
    assert len(chunks(farm.follow())) == 2


def test_a_process_that_stops_ends_its_streams(farm: Farm) -> None:
    farm.app.extensions[STOPPING] = lambda: True
    farm.then(lambda: None)
    assert len(chunks(farm.follow())) == 2


@pytest.mark.parametrize("read", [0, 1, 2])
def test_a_client_that_leaves_frees_its_place(farm: Farm, read: int) -> None:
    answer = farm.follow()
    assert farm.ledger.watchers == 1
    begun = answer.iter_encoded()
    for _ in range(read):
        next(begun)
    answer.close()
    assert farm.ledger.watchers == 0


def test_an_answer_without_a_body_takes_no_place(farm: Farm) -> None:
    with farm.follow(method="HEAD") as answer:
        assert (answer.status_code, answer.data) == (200, b"")
    assert farm.ledger.watchers == 0


def test_a_stream_that_fails_to_begin_takes_no_place(farm: Farm) -> None:
    farm.ledger.is_away = True
    assert farm.follow().status_code == 503
    assert farm.ledger.watchers == 0


def test_an_unknown_job_is_404(farm: Farm) -> None:
    client: FlaskClient = farm.app.test_client()
    answer = client.get("/v1/jobs/nope/events")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "unknown_job")
