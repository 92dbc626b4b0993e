"""Flower lets nobody in without its password, and with it one may look and do nothing."""

from collections.abc import Iterator

import httpx
import psutil
import pytest
from flower.urls import handlers
from redis import Redis
from tornado.web import RequestHandler

from dev.stack import Stack
from farm.client.http import FarmClient
from farm.jobs.states import JobState
from tests.support.site import Site
from tests.support.waiting import until

RULES = [
    rule[:2] if isinstance(rule, tuple) else (rule.regex.pattern.rstrip("$"), rule.handler_class)
    for rule in handlers
]
PATHS = sorted(path for path, _ in RULES if path != ".*")
OPEN = {"/healthcheck", "/metrics", "/static/(.*)", "/login/?", "/logout"}
"""What has nothing of any job: whether it lives, counts, and its own looks."""
ACTIONS = sorted(
    path
    for path, handler in RULES
    if getattr(handler, "post", None) is not RequestHandler.post and path not in OPEN | {".*"}
)
OF_THE_TABLE = "/tasks/datatable"
"""Reads, though by POST."""


@pytest.fixture
def worker(farm: Stack, client: FarmClient) -> str:
    """Name of a worker that Flower knows."""
    name = next(item.name for item in client.workers().items if "pages" in item.queues)

    def is_known() -> bool:
        return name in httpx.get(f"{farm.flower_url}/api/workers?refresh=1", auth=login(farm)).text

    until(is_known, "Flower knows the worker", 30)
    return name


@pytest.fixture(autouse=True)
def _same_after(client: FarmClient) -> Iterator[None]:
    before = [(item.pid, item.concurrency) for item in client.workers().items]
    yield
    assert [(item.pid, item.concurrency) for item in client.workers().items] == before


def login(farm: Stack) -> tuple[str, str]:
    return "farm", farm.flower_password


def address(farm: Stack, path: str, name: str) -> str:
    return f"{farm.flower_url}{path.replace('(.+)', name).replace('(.*)', name)}"


def test_these_are_the_actions_that_flower_has() -> None:
    assert {"/api/worker/shutdown/(.+)", "/api/worker/pool/grow/(.+)"} < set(ACTIONS)
    assert {"/api/task/revoke/(.+)", "/api/task/send-task/(.+)"} < set(ACTIONS)


@pytest.mark.parametrize(
    "path", [path for path in PATHS if path == OF_THE_TABLE or path not in {*OPEN, *ACTIONS}]
)
def test_without_the_password_nothing_is_shown(farm: Stack, path: str) -> None:
    url = address(farm, path, "x")
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, auth=("farm", "wrong")).status_code == 401
    assert httpx.get(url, params={"auth": farm.flower_password}).status_code == 401


@pytest.mark.parametrize("path", ACTIONS)
def test_without_the_password_nothing_is_done(farm: Stack, worker: str, path: str) -> None:
    assert httpx.post(address(farm, path, worker)).status_code in {401, 403}


@pytest.mark.parametrize("path", [path for path in ACTIONS if path != OF_THE_TABLE])
def test_with_the_password_nothing_is_done_either(farm: Stack, worker: str, path: str) -> None:
    answer = httpx.post(
        address(farm, path, worker),
        auth=login(farm),
        params={"n": 1, "min": 1, "max": 9, "queue": "pages", "terminate": "true"},
    )
    assert answer.status_code == 403, answer.text


def test_no_task_gets_in_by_flower(farm: Stack) -> None:
    with Redis.from_url(farm.redis_url) as redis:
        for path in ("send-task", "apply", "async-apply"):
            for task in ("screenshot", "check_browser"):
                url = f"{farm.flower_url}/api/task/{path}/{task}"
                answer = httpx.post(url, auth=login(farm), json={"args": ["x"]})
                assert answer.status_code == 403
        assert redis.llen("pages") == 0


def test_it_listens_on_this_machine_alone(farm: Stack) -> None:
    listening = {
        connection.laddr
        for process in psutil.Process(farm.pid).children(recursive=True)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert (farm.ports.flower) in {each.port for each in listening}
    assert {each.ip for each in listening} == {"127.0.0.1"}


def test_it_shows_jobs_by_their_ids(farm: Stack, client: FarmClient, site: Site) -> None:
    job = client.wait(
        client.submit({"kind": "screenshot", "url": site.url("/colours")}), timeout_s=60
    )
    assert job.state is JobState.SUCCEEDED
    url = f"{farm.flower_url}/api/task/info/{job.id}"
    until(lambda: httpx.get(url, auth=login(farm)).status_code == 200, "Flower shows it", 30)
    assert site.url("/colours") not in httpx.get(url, auth=login(farm)).text
    # It leads to the dashboard, as that leads here.
    page = httpx.get(f"{farm.flower_url}/task/{job.id}", auth=login(farm)).text
    assert f"{farm.url}/jobs/{job.id}" in page
