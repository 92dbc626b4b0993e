"""A browser is renewed when it has worked enough, and got rid of when it is stuck."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import BrowserContext

from farm.jobs.errors import FarmError
from tasks.deadline import Deadline
from tasks.pages import ahead
from tasks.pages import browser as module
from tasks.pages.browser import BrowserHolder
from tests.support.builders import MemoryFarm
from tests.support.drivers import driver_of_this_process, drivers_of_this_process, living_children
from tests.support.gate import gate
from tests.support.pages import WATCHDOG, shoot
from tests.support.processes import lives
from tests.support.site import Site
from tests.support.waiting import until

# Playwright leaves a coroutine behind when its driver dies.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def pids() -> tuple[int, int]:
    """Return those of the driver and of its browser."""
    driver = driver_of_this_process()
    (browser,) = living_children(driver)
    return driver.pid, browser.pid


def work(browser: BrowserHolder, site: Site, jobs: int = 1) -> tuple[int, int]:
    """Run jobs with a rest after each; return who ran the last one."""
    for _ in range(jobs):
        shoot(browser, site.url("/empty"))
        found = pids()
        browser.rest()
    return found


def test_a_browser_is_renewed_after_so_many_pages_and_the_driver_after_so_many_browsers(
    browser: BrowserHolder, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.close()
    monkeypatch.setattr(module, "_PAGES_MAX", 2)
    monkeypatch.setattr(module, "_BROWSERS_MAX", 2)
    served = [work(browser, site) for _ in range(6)]
    browsers = [each for _, each in served]
    drivers = [each for each, _ in served]
    assert [browsers[0], browsers[2], browsers[4]] == browsers[1::2]
    assert len(set(browsers)) == 3
    assert drivers[0] == drivers[3]
    assert drivers[3] != drivers[4]


def test_a_browser_that_is_too_large_or_too_old_is_renewed(
    browser: BrowserHolder, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = work(browser, site)
    browser.weigh()
    assert work(browser, site) == first
    with monkeypatch.context() as patch:
        patch.setattr(module, "_TREE_MAX_BYTES", 1)
        browser.weigh()
    assert work(browser, site) == first
    second = work(browser, site, 2)
    assert second != first
    monkeypatch.setattr(module, "_AGE_MAX_S", 0)
    assert work(browser, site) == second
    assert work(browser, site) != second


def test_browsers_are_counted_as_they_come_and_go(
    browser: BrowserHolder, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.close()
    gate().tallies.hand_over(MemoryFarm().statistics)  # What other tests have counted.
    farm = MemoryFarm()
    _, first = work(browser, site)
    os.killpg(first, signal.SIGKILL)
    monkeypatch.setattr(module, "_PAGES_MAX", 1)
    work(browser, site)
    work(browser, site)
    gate().tallies.hand_over(farm.statistics)
    counts = farm.statistics.counts()
    assert {name: count for name, count in counts.items() if "browsers" in name} == {
        "farm_browsers_launched": 3,
        "farm_browsers_lost": 1,
        "farm_browsers_retired": 2,
    }


def test_what_a_job_leaves_open_is_closed_in_the_rest_after_it_or_by_the_next(
    browser: BrowserHolder,
) -> None:
    browser.close()
    left: list[BrowserContext] = []
    for rests in (True, False, False):
        with browser.tab(lambda _: {}, Deadline(20)) as tab:
            opened = tab.context.browser
            assert opened is not None
            assert opened.contexts == [tab.context]
        assert opened.contexts == [tab.context]  # Its job can be told of by now.
        left.append(tab.context)
        if rests:
            browser.rest()
            assert opened.contexts == []
    assert len({id(each) for each in left}) == 3


def test_what_is_written_of_a_page_is_there_as_soon_as_its_job_has_left_it(
    browser: BrowserHolder, tmp_path: Path
) -> None:
    file = tmp_path / "network.har"
    with browser.tab(lambda _: {"record_har_path": file}, Deadline(20)) as tab:
        opened = tab.context.browser
    assert opened is not None
    assert opened.contexts == []
    assert file.stat().st_size > 0


def test_what_the_last_two_jobs_wanted_is_opened_ahead_and_taken_by_the_next(
    browser: BrowserHolder, site: Site
) -> None:
    browser.close()
    taken: list[BrowserContext] = []
    for _ in range(4):
        with browser.page(lambda _: {"locale": "de"}, Deadline(20)) as page:
            assert page.context.browser is not None
            assert page.context.browser.contexts == [page.context]
            page.goto(site.url("/empty"))
            assert page.evaluate("[navigator.language, document.cookie]") == ["de", ""]
            page.evaluate("document.cookie = 'secret=1'")
            taken.append(page.context)
        browser.rest()
    assert len({id(each) for each in taken}) == 4
    with browser.page(lambda _: {"locale": "fr"}, Deadline(20)) as page:
        assert page.evaluate("navigator.language") == "fr"
        assert page.context.browser is not None
        assert page.context.browser.contexts == [page.context]  # The other one is closed.


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"locale": "de"}, 1),
        ({"extra_http_headers": {"X-Secret": "1"}}, 0),
        ({"http_credentials": {"username": "u", "password": "p"}}, 0),
        ({"storage_state": {"cookies": [], "origins": []}}, 0),
    ],
)
def test_nothing_is_opened_ahead_with_a_secret_in_it(
    browser: BrowserHolder, options: dict[str, Any], count: int
) -> None:
    browser.close()
    for expected in (0, count):
        with browser.page(lambda _: options, Deadline(20)) as page:
            opened = page.context.browser
        browser.rest()
        assert opened is not None
        assert len(opened.contexts) == expected


def test_what_was_opened_ahead_too_long_ago_is_not_taken(
    browser: BrowserHolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.close()
    for _ in range(2):
        with browser.page(lambda _: {}, Deadline(20)) as page:
            opened = page.context.browser
        browser.rest()
    assert opened is not None
    (ready,) = opened.contexts
    monkeypatch.setattr(ahead, "_KEPT_S", 0)
    with browser.page(lambda _: {}, Deadline(20)) as page:
        assert page.context is not ready


def test_what_was_opened_ahead_and_went_away_is_not_taken(browser: BrowserHolder) -> None:
    browser.close()
    for _ in range(2):
        with browser.page(lambda _: {}, Deadline(20)) as page:
            opened = page.context.browser
        browser.rest()
    assert opened is not None
    (ready,) = opened.contexts
    ready.pages[0].close()
    with browser.page(lambda _: {}, Deadline(20)) as page:
        assert page.context is not ready
        assert opened.contexts == [page.context]


@pytest.mark.parametrize("part", ["driver", "browser"])
def test_a_stopped_part_holds_a_job_up_for_no_more_than_its_time(
    browser: BrowserHolder, site: Site, part: str
) -> None:
    driver, chromium = work(browser, site)
    if part == "driver":
        os.kill(driver, signal.SIGSTOP)
    else:
        os.killpg(chromium, signal.SIGSTOP)
    begun = time.monotonic()
    with pytest.raises(FarmError):
        shoot(browser, site.url("/empty"), timeout_s=2)
    assert time.monotonic() - begun < 2 + 8  # Before Celery raises in the child.
    assert work(browser, site)
    until(lambda: not psutil.pid_exists(chromium) or not lives(psutil.Process(chromium)), "gone")


def test_a_browser_that_hangs_as_it_starts_is_killed_with_its_job(
    browser: BrowserHolder, tmp_path: Path
) -> None:
    browser.close()  # A thread can have one driver only.
    hanging = tmp_path / "chromium"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o755)
    holder = BrowserHolder(hanging, "off", gate())
    deadline = Deadline(60)
    begun = threading.Event()

    def is_wanted() -> bool:
        begun.set()
        return not any(map(is_sleeping, psutil.Process().children(recursive=True)))

    try:
        with (
            pytest.raises(FarmError),
            WATCHDOG.over(deadline, holder.kill, is_wanted),
            holder.page(lambda _: {}, deadline),
        ):
            raise AssertionError("there is a page")
    finally:
        holder.close()
    assert begun.is_set()
    assert deadline.is_cut
    assert not holder.is_beyond_help
    until(lambda: not drivers_of_this_process(), "no driver is left")


def is_sleeping(process: psutil.Process) -> bool:
    try:
        return process.name() == "sleep"
    except psutil.NoSuchProcess:
        return False
