"""What ``farm doctor --server`` says of a farm that is ill, asked over HTTP of the real app."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from flask import Flask
from structlog.testing import capture_logs

from api.app import create_app
from api.settings import ApiSettings
from farm.backends.memory import MemoryLedger
from farm.client.cli import cli
from farm.client.http import FarmClient
from farm.jobs.errors import BackendUnavailable
from farm.jobs.metrics.ports import Store
from farm.jobs.service import Limits
from farm.jobs.workers import BrowserCheck, Worker
from tests.support.builders import MemoryFarm, a_child, a_worker
from tests.support.keyed import KeyedFarm

URL = "http://localhost:8000"
NEEDED = str(4_000_000_000)


class AbsentLedger(MemoryLedger):
    def ping(self) -> None:
        raise BackendUnavailable("Redis cannot be reached.")


class Server(httpx.WSGITransport):
    """The app behind a server, which says what time it is."""

    def __init__(self, app: Flask, farm: MemoryFarm) -> None:
        super().__init__(app=app)
        self.farm = farm

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        response.headers["Date"] = format_datetime(self.farm.clock.now(), usegmt=True)
        return response


class Examined:
    """A healthy farm, which a test makes ill."""

    def __init__(self) -> None:
        self.farm = MemoryFarm()
        self.farm.clock.advance((datetime.now(UTC) - self.farm.clock.now()).total_seconds())
        self.now = self.farm.clock.now()
        self.beat(a_worker("media@host", "media"))
        self.beat(a_worker("pages@host"))
        self.farm.workers.browser_opened(
            BrowserCheck(at=self.now, worker="w", version="1", sandbox=True)
        )

    def beat(self, worker: Worker, **facts: str | None) -> Worker:
        worker = worker.model_copy(
            update={"beat_at": self.now, "facts": {"memory_bytes": NEEDED, **facts}}
        )
        self.farm.workers.beat(worker, ttl_s=60)
        return worker

    def doctor(self, app: Flask | None = None, key: str = "") -> tuple[int, list[str]]:
        app = app or create_app(ApiSettings(), self.farm.service)
        server = Server(app, self.farm)
        with (
            FarmClient(URL, key, transport=server, sleep=lambda _: None) as client,
            capture_logs(),  # Of the farm, which is in this process here.
        ):
            done = CliRunner().invoke(cli, ["doctor", "--server"], obj=lambda *_: client)
        return done.exit_code, done.stdout.splitlines()


@pytest.fixture
def farm() -> Examined:
    return Examined()


def wrong(lines: list[str]) -> list[str]:
    return [" ".join(line.split()) for line in lines if " ok " not in f"{line} "]


def test_a_healthy_farm_has_nothing_wrong(farm: Examined) -> None:
    code, lines = farm.doctor()
    assert (code, wrong(lines)) == (0, [])
    assert [line.split()[0] for line in lines] == [
        *("farm", "redis", "media", "pages", "browser", "gate", "broker", "artifacts"),
        *("media@host", "pages@host"),
    ]


def test_nothing_of_this_machine_is_looked_at(
    farm: Examined, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(**_: object) -> Any:
        raise AssertionError("what is installed here was asked for")

    monkeypatch.setattr("importlib.metadata.entry_points", asked)
    assert farm.doctor()[0] == 0


def test_without_redis_it_says_so_once_and_what_to_do(farm: Examined) -> None:
    service = replace(farm.farm.service, ledger=AbsentLedger(farm.farm.clock))
    code, lines = farm.doctor(create_app(ApiSettings(), service))
    assert code == 1
    (said,) = wrong(lines)
    assert said.startswith("redis missing Redis cannot be reached. Start Redis, or correct")


def test_a_queue_without_a_worker(farm: Examined) -> None:
    farm.farm.workers.leave("media@host")
    code, lines = farm.doctor()
    assert code == 1
    (said,) = wrong(lines)
    assert said.startswith("media missing no worker is alive on the queue media. Start a worker")


def test_a_browser_that_cannot_start(farm: Examined) -> None:
    farm.farm.clock.advance(200)
    farm.now = farm.farm.clock.now()
    for worker in farm.farm.workers.alive():
        farm.beat(worker)
    code, lines = farm.doctor()
    assert code == 1
    assert [line for line in wrong(lines) if line.startswith("browser missing no browser has")]


def test_a_gate_that_is_missing(farm: Examined) -> None:
    farm.beat(a_worker().model_copy(update={"gate": False}))
    code, lines = farm.doctor()
    assert code == 1
    (said,) = wrong(lines)
    assert said.startswith("gate missing no worker on the queue pages has its gate. No job runs")


@pytest.mark.parametrize("known_by", ["browser", "worker"])
def test_a_sandbox_that_is_off_is_a_warning(farm: Examined, known_by: str) -> None:
    if known_by == "browser":
        child = a_child().model_copy(update={"sandbox": False})
        farm.farm.workers.child_beat(a_worker().id, child, ttl_s=60)
    else:
        farm.beat(a_worker(), sandbox="off: root may not have it")
    code, lines = farm.doctor()
    assert code == 0
    (said,) = wrong(lines)
    assert said.startswith("pages@host: sandbox warning off: no_sandbox")


@pytest.mark.parametrize(
    ("beat_s", "said"),
    [(0, None), (-20, None), (-40, "20 s ahead of its own"), (40, "40 s behind its own")],
)
def test_a_workers_clock_that_differs(farm: Examined, beat_s: float, said: str | None) -> None:
    farm.now += timedelta(seconds=beat_s)
    farm.beat(a_worker())
    code, lines = farm.doctor()
    found = wrong(lines)
    if said is None:
        assert (code, found) == (0, [])
    else:
        assert code == 1
        assert found[0].startswith("pages@host: clock missing the API's is")
        assert "NTP" in found[0]


def test_a_clock_here_that_differs_is_a_warning(farm: Examined) -> None:
    farm.farm.clock.advance(3600)
    farm.now = farm.farm.clock.now()
    for worker in farm.farm.workers.alive():
        farm.beat(worker)
    farm.farm.workers.browser_opened(
        BrowserCheck(at=farm.now, worker="w", version="1", sandbox=True)
    )
    code, lines = farm.doctor()
    assert code == 0
    (said,) = wrong(lines)
    assert "ahead of this machine's" in said


def test_too_little_memory_for_its_slots(farm: Examined) -> None:
    farm.beat(a_worker(), memory_bytes=str(600_000_000))
    code, lines = farm.doctor()
    assert code == 0
    (said,) = wrong(lines)
    assert said.startswith("pages@host: memory warning 600 MB for 2 slots, which take some 1,000")


@pytest.mark.parametrize(("missing", "warned"), [("CJK, Thai", True), ("", False), (None, False)])
def test_fonts_that_are_missing(farm: Examined, missing: str | None, warned: bool) -> None:
    farm.beat(a_worker(), fonts_missing=missing)
    code, lines = farm.doctor()
    assert code == 0
    assert bool(wrong(lines)) == warned
    if warned:
        assert "fonts warning none for CJK, Thai, whose text renders as boxes" in wrong(lines)[0]


def test_a_full_backlog_and_a_long_wait(farm: Examined) -> None:
    farm.farm.submit()
    service = replace(farm.farm.service, limits=Limits(backlog_max=1))
    farm.farm.clock.advance(301)
    farm.now = farm.farm.clock.now()
    for worker in farm.farm.workers.alive():
        farm.beat(worker)
    code, lines = farm.doctor(create_app(ApiSettings(), service))
    assert code == 1
    found = [line for line in wrong(lines) if line.startswith("backlog")]
    assert found[0].startswith("backlog missing 1 jobs wait on the queue pages, as many as may.")
    assert found[1].startswith("backlog warning 1 jobs wait on pages, one for 30")


@pytest.mark.parametrize(
    ("used", "limit", "code", "said"),
    [
        (50, 100, 0, ""),
        (70, 100, 0, "redis: memory warning 70%"),
        (95, 100, 1, "redis: memory missing 95%"),
        (95, None, 0, ""),
    ],
)
def test_a_redis_that_fills_up(
    farm: Examined, used: int, limit: int | None, code: int, said: str
) -> None:
    full = Store(99, 100)  # As it is meant to be.
    farm.farm.statistics.held = {"records": Store(used, limit), "artifacts": full}
    found, lines = farm.doctor()
    assert found == code
    assert "".join(wrong(lines)).startswith(said)
    assert len(wrong(lines)) == bool(said)


def test_a_farm_that_is_away_is_3(farm: Examined) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("[Errno 111] Connection refused", request=request)

    transport = httpx.MockTransport(refuse)
    with FarmClient(URL, "", transport=transport, sleep=lambda _: None) as client:
        done = CliRunner().invoke(cli, ["doctor", "--server"], obj=lambda *_: client)
    assert done.exit_code == 3
    assert "--url or FARM_URL" in done.stdout
    assert farm.doctor()[0] == 0


def test_a_key_that_may_not_look_is_4_and_what_is_open_is_told() -> None:
    keyed = KeyedFarm()
    examined = Examined()
    examined.farm.keys = keyed.keys
    app = create_app(ApiSettings(), replace(examined.farm.service, keys=keyed.keys))
    code, lines = examined.doctor(app, keyed.holder("jobs:read").text)
    assert code == 4
    assert [line.split()[0] for line in wrong(lines)] == ["workers", "backlog", "metrics"]
    assert all("farm:read" in line for line in wrong(lines))
    code, lines = examined.doctor(app, keyed.holder("farm:read").text)
    assert (code, wrong(lines)) == (0, [])
