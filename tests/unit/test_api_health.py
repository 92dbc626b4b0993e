"""Whether the process lives, and whether the farm can work."""

from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.settings import ApiSettings
from farm.backends.memory import MemoryLedger
from farm.jobs.errors import BackendUnavailable
from farm.jobs.service import JobService
from farm.jobs.workers import BrowserCheck
from tests.support.builders import NOON, MemoryFarm, a_worker


class AbsentLedger(MemoryLedger):
    def ping(self) -> None:
        raise BackendUnavailable("Redis is away.")


def asking(service: JobService) -> FlaskClient:
    return create_app(ApiSettings(), service).test_client()


@pytest.fixture
def farm() -> MemoryFarm:
    """A farm that is ready."""
    farm = MemoryFarm()
    farm.workers.beat(a_worker("both@host", "pages", "media"), ttl_s=60)
    check = BrowserCheck(at=NOON, worker="both@host", version="1", sandbox=True)
    farm.workers.browser_opened(check)
    return farm


def test_the_process_lives_whatever_else_is_away(farm: MemoryFarm) -> None:
    answer = asking(replace(farm.service, ledger=AbsentLedger(farm.clock))).get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_a_ready_farm_is_200(farm: MemoryFarm) -> None:
    answer = asking(farm.service).get("/readyz")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    checks = dict.fromkeys(
        ("redis", "media", "pages", "browser", "gate", "broker", "artifacts"), "ok"
    )
    assert answer.json == {"ready": True, "checks": checks}
    assert "Retry-After" not in answer.headers


def test_a_farm_that_is_not_ready_is_503_and_says_why(farm: MemoryFarm) -> None:
    farm.workers.leave("both@host")
    answer = asking(farm.service).get("/readyz")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.get_json()["ready"] is False
    assert answer.get_json()["checks"] == {
        "redis": "ok",
        "broker": "ok",
        "artifacts": "ok",
        "browser": "ok",
        "pages": "no worker is alive on the queue pages",
        "media": "no worker is alive on the queue media",
        "gate": "no worker is alive, and so no gate",
    }


def test_a_queue_none_of_whose_workers_has_its_gate_is_not_ready(farm: MemoryFarm) -> None:
    shut = a_worker("pages@host", "pages").model_copy(update={"gate": False})
    farm.workers.beat(shut, ttl_s=60)
    assert asking(farm.service).get("/readyz").status_code == 200, "another one has its own"
    farm.workers.leave("both@host")
    farm.workers.beat(a_worker("media@host", "media"), ttl_s=60)
    answer = asking(farm.service).get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["checks"]["gate"] == "no worker on the queue pages has its gate"


def test_without_redis_the_farm_is_not_ready(farm: MemoryFarm) -> None:
    answer = asking(replace(farm.service, ledger=AbsentLedger(farm.clock))).get("/readyz")
    assert answer.status_code == 503
    checks = {"redis": "Redis is away.", "broker": "ok", "artifacts": "ok"}
    assert answer.json == {"ready": False, "checks": checks}
