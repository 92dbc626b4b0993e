"""Pictures by a real Chromium, of pages that behave and of pages that do not."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from farm.jobs.errors import FarmError, JobTimedOut
from tasks.deadline import Deadline
from tasks.outcome import Stopwatch
from tasks.pages.browser import BrowserHolder
from tasks.pages.check import open_a_page
from tasks.pages.render import Pages
from tasks.pages.visit import Visit
from tests.support.builders import a_job, a_spec
from tests.support.drivers import driver_of_this_process, living_children
from tests.support.gate import gate
from tests.support.neighbours import free_port
from tests.support.pages import (
    BLUE,
    GREEN,
    RED,
    WATCHDOG,
    WHITE,
    failure_of,
    picture,
    pixel,
    shoot,
)
from tests.support.processes import lives
from tests.support.site import Site
from tests.support.waiting import until

TOP = {"x": 0, "y": 0, "width": 400, "height": 300}


def works(browser: BrowserHolder, site: Site) -> bool:
    return pixel(picture(shoot(browser, site.url("/colours"))), 5, 50) == RED


def test_a_page_is_pictured_as_it_is(browser: BrowserHolder, site: Site) -> None:
    outcome = shoot(browser, site.url("/colours"))
    image = picture(outcome)
    assert image.size == (1280, 800)
    assert [pixel(image, 640, y) for y in (50, 150, 250, 350)] == [RED, GREEN, BLUE, WHITE]
    assert outcome.made[0].name == "screenshot.png"
    assert outcome.report["http_status"] == 200
    assert outcome.report["title"] == "Colours"
    assert outcome.report["final_url"] == site.url("/colours")
    assert (outcome.report["width"], outcome.report["height"]) == (1280, 800)


def test_a_full_page_is_pictured_to_its_end(browser: BrowserHolder, site: Site) -> None:
    image = picture(shoot(browser, site.url("/tall"), full_page=True))
    assert image.size == (1280, 3000)
    assert pixel(image, 640, 2990) == BLUE


def test_an_error_status_with_a_page_is_pictured(browser: BrowserHolder, site: Site) -> None:
    assert shoot(browser, site.url("/missing")).report["http_status"] == 404
    assert shoot(browser, site.url("/broken")).report["http_status"] == 500


@pytest.mark.parametrize("path", ["/popups", "/alert"])
def test_a_page_that_wants_attention_is_pictured_without(
    browser: BrowserHolder, site: Site, path: str
) -> None:
    assert shoot(browser, site.url(path)).report["http_status"] == 200


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/no-content", "empty_response"),
        ("/archive", "unsupported_content"),
        ("/loop", "too_many_redirects"),
        ("/crash", "page_crashed"),
    ],
)
def test_a_page_that_is_none_is_no_picture(
    browser: BrowserHolder, site: Site, path: str, code: str
) -> None:
    assert failure_of(browser, site.url(path)) == code


@pytest.mark.parametrize("part", [{}, {"full_page": True}, {"clip": TOP}, {"selector": "*"}])
def test_a_drawing_is_pictured_as_a_page_is(
    browser: BrowserHolder, site: Site, part: dict[str, Any]
) -> None:
    image = picture(shoot(browser, site.url("/drawing.svg"), **part, timeout_s=20))
    assert pixel(image, 50, 50) == GREEN


@pytest.mark.parametrize("path", ["/note.xml", "/note-broken.xml"])
def test_a_document_that_is_no_html_is_pictured_as_a_page_is(
    browser: BrowserHolder, site: Site, path: str
) -> None:
    image = picture(shoot(browser, site.url(path), full_page=True, timeout_s=20))
    assert len(image.getcolors() or range(9)) > 1


def test_a_page_that_has_no_size_yet_is_looked_at_again(
    browser: BrowserHolder, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [(0, 0)]
    layout_px = Visit.layout_px
    monkeypatch.setattr(Visit, "layout_px", lambda it: sizes.pop() if sizes else layout_px(it))
    image = picture(shoot(browser, site.url("/drawing.svg"), full_page=True))
    assert pixel(image, 50, 50) == GREEN
    assert sizes == []


def test_a_host_that_is_not_there_is_no_picture(browser: BrowserHolder) -> None:
    assert failure_of(browser, f"http://127.0.0.1:{free_port()}/") == "connection_failed"
    assert failure_of(browser, "http://nowhere.invalid/") == "dns_error"


def test_plain_http_where_tls_is_asked_for_is_a_tls_error(
    browser: BrowserHolder, site: Site
) -> None:
    assert failure_of(browser, site.url("/colours").replace("http", "https")) == "tls_error"


@pytest.mark.parametrize("full_page", [True, False])
def test_a_page_that_goes_on_at_once_is_pictured_where_it_went(
    browser: BrowserHolder, site: Site, full_page: bool
) -> None:
    outcome = shoot(browser, site.url("/goes-on"), full_page=full_page)
    assert outcome.report["final_url"] in {site.url("/goes-on"), site.url("/colours")}


@pytest.mark.parametrize("path", ["/too-tall", "/liar"])
def test_a_page_larger_than_a_picture_may_be_is_cut_whatever_it_says_of_its_size(
    browser: BrowserHolder, site: Site, path: str
) -> None:
    outcome = shoot(browser, site.url(path), full_page=True, scroll_page=False)
    assert picture(outcome).size == (1280, 16_000)
    assert outcome.report["truncated"] is True


def test_a_title_that_is_no_text_is_mended(browser: BrowserHolder, site: Site) -> None:
    assert shoot(browser, site.url("/bad-title")).report["title"] == "a?b"


def test_a_browser_that_does_not_start_is_the_farm_s_fault_and_known_in_time(
    site: Site, tmp_path: Path
) -> None:
    hanging = tmp_path / "chromium"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o755)
    holder = BrowserHolder(hanging, "auto", gate())
    deadline = Deadline(2)
    try:
        with pytest.raises(FarmError) as caught:
            Pages(holder).run(a_job(spec=a_spec(url=site.url("/empty"))), deadline, Stopwatch())
    finally:
        holder.close()
    assert (caught.value.code, caught.value.retryable) == ("browser_crashed", True)


def test_a_server_that_says_nothing_times_out(browser: BrowserHolder, site: Site) -> None:
    with pytest.raises(JobTimedOut, match="the server's answer") as caught:
        shoot(browser, site.url("/silent"), timeout_s=2)
    assert caught.value.step == "load"


@pytest.mark.parametrize("path", ["/spin", "/spin-later"])
@pytest.mark.parametrize("full_page", [True, False])
def test_a_page_that_never_comes_to_rest_is_unresponsive_and_the_next_one_works(
    browser: BrowserHolder, site: Site, path: str, full_page: bool
) -> None:
    fields = {"full_page": full_page, "timeout_s": 2}
    assert failure_of(browser, site.url(path), **fields) == "page_unresponsive"
    assert works(browser, site)


def test_a_page_that_spins_in_a_call_without_timeout_is_ended_by_the_watchdog(
    browser: BrowserHolder, site: Site
) -> None:
    # The size of a full page is asked of the page itself, which has no ears here.
    fields = {"full_page": True, "wait_until": "commit", "timeout_s": 1}
    assert failure_of(browser, site.url("/spin"), **fields) == "page_unresponsive"
    assert works(browser, site)


def test_one_job_sees_nothing_of_another_s_cookies(browser: BrowserHolder, site: Site) -> None:
    with browser.page(lambda _: {}, Deadline(20)) as page:
        page.goto(site.url("/empty"))
        page.evaluate("document.cookie = 'secret=1'; localStorage.secret = 1")
    with browser.page(lambda _: {}, Deadline(20)) as page:
        page.goto(site.url("/empty"))
        assert page.evaluate("[document.cookie, localStorage.secret || '']") == ["", ""]


# Playwright leaves a coroutine behind when its driver dies.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("victim", ["browser", "driver"])
def test_after_the_browser_or_its_driver_died_between_two_jobs_the_next_job_succeeds(
    browser: BrowserHolder, site: Site, victim: str
) -> None:
    shoot(browser, site.url("/colours"))
    driver = driver_of_this_process()
    (killed,) = [driver] if victim == "driver" else living_children(driver)
    os.kill(killed.pid, signal.SIGKILL)
    until(lambda: not lives(killed), "it is dead")
    assert works(browser, site)


def test_a_browser_that_dies_in_the_middle_of_a_job_is_the_farm_s_fault(
    browser: BrowserHolder, site: Site
) -> None:
    shoot(browser, site.url("/empty"))
    killer = threading.Timer(1, browser.kill)
    killer.start()
    with pytest.raises(FarmError) as caught:
        shoot(browser, site.url("/silent"), timeout_s=20)
    killer.join()
    assert (caught.value.code, caught.value.retryable) == ("browser_crashed", True)


def test_the_browser_sees_nothing_of_our_environment(
    browser: BrowserHolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARM_REDIS_URL", "redis://:hunter2@redis/0")
    browser.discard()
    open_a_page(browser, WATCHDOG)
    (main,) = living_children(driver_of_this_process())
    assert "PATH" in main.environ()
    assert "FARM_REDIS_URL" not in main.environ()


def test_the_check_opens_a_page_for_real(browser: BrowserHolder) -> None:
    open_a_page(browser, WATCHDOG)
    assert browser.version
