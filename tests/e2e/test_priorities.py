"""An urgent job is next, however much waits before it; what is not urgent still moves."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from dev.stack import Stack, running
from farm.client.http import FarmClient
from farm.jobs.states import JobState
from farm.jobs.views import JobView
from tests.support.neighbours import need
from tests.support.site import Site
from tests.support.stacks import a_stack
from tests.support.waiting import until

SLOTS = 2
WAITING = 400

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Iterator[tuple[Stack, Site]]:
    """A farm of its own with many jobs of low priority, which end with it."""
    need("redis-server")
    run_dir = tmp_path_factory.mktemp("loaded")
    settings = {"STACK_PAGES_CONCURRENCY": str(SLOTS), "STACK_MEDIA_CONCURRENCY": "1"}
    with (
        (run_dir / "farm.log").open("wb") as log,
        running(a_stack(run_dir, log, settings)) as stack,
    ):
        stack.wait_ready()
        with FarmClient(stack.url) as client, ThreadPoolExecutor(4) as threads:
            spec = {"kind": "screenshot", "url": site.url("/colours"), "priority": "low"}
            list(threads.map(client.submit, [spec] * WAITING))
        yield stack, site


def low_jobs(client: FarmClient, **wanted: Any) -> list[JobView]:
    return [job for job in client.all_jobs(**wanted) if job.priority == "low"]


def count_succeeded(client: FarmClient) -> int:
    return len(low_jobs(client, state="succeeded"))


@contextmanager
def steady_load(client: FarmClient, spec: dict[str, Any]) -> Iterator[list[JobView]]:
    """Keep twice as many jobs waiting as there are slots; give those that have ended."""
    ended: list[JobView] = []
    enough = threading.Event()

    def submit_again_and_again() -> None:
        while not enough.is_set():
            ended.append(client.wait(client.submit(spec), timeout_s=60))

    with ThreadPoolExecutor(2 * SLOTS) as threads:
        work = [threads.submit(submit_again_and_again) for _ in range(2 * SLOTS)]
        try:
            yield ended
        finally:
            enough.set()
    for each in work:
        each.result()


def test_an_urgent_job_is_the_next_that_a_worker_starts(loaded: tuple[Stack, Site]) -> None:
    stack, site = loaded
    with FarmClient(stack.url) as client:
        until(lambda: count_succeeded(client) > 0, "the load moves")
        urgent = client.submit(
            {"kind": "screenshot", "url": site.url("/colours"), "priority": "high"}
        )
        urgent = client.wait(urgent, timeout_s=60)
        assert urgent.state is JobState.SUCCEEDED
        assert urgent.started_at is not None
        assert client.pressure().queues["pages"].queued > WAITING / 4  # It did not wait for these.
        overtook = [
            job
            for job in low_jobs(client)
            if job.started_at and urgent.created_at < job.started_at < urgent.started_at
        ]
        # Each slot may have been about to take one when the urgent job came.
        assert len(overtook) <= SLOTS


def test_what_is_not_urgent_moves_under_a_steady_load_of_what_is(
    loaded: tuple[Stack, Site],
) -> None:
    stack, site = loaded
    spec = {"kind": "screenshot", "url": site.url("/colours")}
    with FarmClient(stack.url) as client, steady_load(client, spec) as ended:
        until(lambda: len(ended) >= 2 * SLOTS, "the steady load has all slots")
        before = count_succeeded(client)
        until(lambda: count_succeeded(client) >= before + 3, "the low ones move", 120)
        assert client.pressure().queues["pages"].queued > 0
    assert {job.state for job in ended} == {JobState.SUCCEEDED}
