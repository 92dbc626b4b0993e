"""A job that is cancelled while it runs, with a real browser and a real ffprobe."""

import threading
import time
from typing import Any

import pytest

from farm.jobs.states import JobState
from tasks.media.probe import Probes
from tasks.pages.browser import BrowserHolder
from tasks.pages.render import Pages
from tasks.runner import JobRunner, Room
from tests.support.builders import MemoryFarm, a_spec
from tests.support.neighbours import need
from tests.support.site import Site
from tests.support.waiting import until


def was_asked_for(site: Site, path: str) -> bool:
    try:
        return bool(site.headers(path))
    except KeyError:
        return False


class Worker:
    """One child of a worker, over memory."""

    def __init__(self, browser: BrowserHolder) -> None:
        self.farm = MemoryFarm()
        pages = Room(Pages(browser).run, browser.kill)
        probes = Room(Probes(self.farm.artifacts, browser.gate).run)
        self.runner = JobRunner(
            farm=self.farm.service,
            kinds={"screenshot": pages, "probe": probes},
            worker="w",
            overtime=TimeoutError,
        )

    def run(self, **fields: Any) -> JobState:
        job = self.farm.service.submit(a_spec(**fields))
        self.runner.run(job.id)
        return self.farm.ledger.get(job.id).state

    def free_after_cancel_s(self, site: Site, path: str, **fields: Any) -> float:
        """Cancel a job on its way to ``path``; return how long the worker is busy then."""
        job = self.farm.service.submit(a_spec(url=site.url(path), timeout=60_000, **fields))
        cancelled_at: list[float] = []

        def cancel() -> None:
            until(lambda: was_asked_for(site, path), "the address is asked for")
            self.farm.service.cancel_or_forget(job.id)
            cancelled_at.append(time.monotonic())

        canceller = threading.Thread(target=cancel)
        canceller.start()
        self.runner.run(job.id)
        free_at = time.monotonic()
        canceller.join()
        assert self.farm.ledger.get(job.id).state is JobState.CANCELLED
        assert self.farm.queue.count(job.id) == 1
        return free_at - cancelled_at[0]


@pytest.mark.parametrize("path", ["/silent?cancelled", "/spin?cancelled", "/spin-later?cancelled"])
def test_a_page_that_never_comes_to_rest_is_let_go_within_a_second(
    browser: BrowserHolder, site: Site, path: str
) -> None:
    worker = Worker(browser)
    assert worker.run(url=site.url("/colours")) is JobState.SUCCEEDED
    assert worker.free_after_cancel_s(site, path) < 1
    assert worker.run(url=site.url("/colours")) is JobState.SUCCEEDED


@pytest.mark.parametrize("fields", [{}, {"headers": {"X-A": "1"}}], ids=["ffprobe", "redirects"])
def test_a_file_that_never_comes_is_let_go_within_a_second(
    browser: BrowserHolder, site: Site, fields: dict[str, Any]
) -> None:
    need("ffprobe")
    worker = Worker(browser)
    path = f"/silent?cancelled-{len(fields)}"
    assert worker.free_after_cancel_s(site, path, kind="probe", **fields) < 1
    assert worker.run(kind="probe", url=site.url("/video.mp4")) is JobState.SUCCEEDED
