"""Pictures by a real Chromium."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from farm.jobs.errors import FarmError, JobTimedOut
from tasks.deadline import Deadline
from tasks.outcome import Outcome, Stopwatch
from tasks.pages.browser import BrowserHolder
from tasks.pages.check import open_a_page
from tasks.pages.screenshot import Screenshots
from tests.support.builders import a_job, a_spec
from tests.support.neighbours import free_port, need
from tests.support.site import Site
from tests.support.waiting import until

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserHolder]:
    need("chromium-headless-shell")
    holder = BrowserHolder(None, "auto")
    yield holder
    holder.close()
    until(lambda: not drivers_of_this_process(), "no driver is left")


def shoot(browser: BrowserHolder, url: str, *, timeout_s: float = 20, **fields: Any) -> Outcome:
    job = a_job(spec=a_spec(url=url, **fields))
    return Screenshots(browser).run(job, Deadline(timeout_s), Stopwatch())


def failure_of(browser: BrowserHolder, url: str, *, timeout_s: float = 20, **fields: Any) -> str:
    with pytest.raises(FarmError) as caught:
        shoot(browser, url, timeout_s=timeout_s, **fields)
    return caught.value.code


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return those that are no zombies: a driver reaps its browsers in its own time."""
    found = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def drivers_of_this_process() -> list[psutil.Process]:
    """Return Playwright's drivers; other tests may have a farm running meanwhile."""
    found = []
    for process in living(psutil.Process().children()):
        with suppress(psutil.NoSuchProcess):
            if process.name().startswith("node"):
                found.append(process)
    return found


def driver_of_this_process() -> psutil.Process:
    (driver,) = drivers_of_this_process()
    return driver


def picture(outcome: Outcome) -> Image.Image:
    return Image.open(BytesIO(outcome.made[0].content)).convert("RGB")


def test_a_page_is_pictured_as_it_is(browser: BrowserHolder, site: Site) -> None:
    outcome = shoot(browser, site.url("/colours"))
    image = picture(outcome)
    assert image.size == (1280, 800)
    assert [image.getpixel((640, y)) for y in (50, 150, 250, 350)] == [RED, GREEN, BLUE, WHITE]
    assert outcome.made[0].name == "screenshot.png"
    assert outcome.report["http_status"] == 200
    assert outcome.report["title"] == "Colours"
    assert outcome.report["final_url"] == site.url("/colours")
    assert (outcome.report["width"], outcome.report["height"]) == (1280, 800)


@pytest.mark.parametrize("image_type", ["png", "jpeg", "webp"])
def test_each_type_is_of_that_type(browser: BrowserHolder, site: Site, image_type: str) -> None:
    made = shoot(browser, site.url("/colours"), type=image_type).made[0]
    assert made.media_type == f"image/{image_type}"
    assert Image.open(BytesIO(made.content)).format == image_type.upper()


def test_a_lower_quality_makes_a_smaller_file(browser: BrowserHolder, site: Site) -> None:
    low, high = (
        len(shoot(browser, site.url("/colours"), type="jpeg", quality=quality).made[0].content)
        for quality in (5, 95)
    )
    assert low < high


def test_the_viewport_is_the_picture_s_size(browser: BrowserHolder, site: Site) -> None:
    outcome = shoot(browser, site.url("/colours"), viewport={"width": 333, "height": 222})
    assert picture(outcome).size == (333, 222)


def test_a_full_page_is_pictured_to_its_end(browser: BrowserHolder, site: Site) -> None:
    image = picture(shoot(browser, site.url("/tall"), full_page=True))
    assert image.size == (1280, 3000)
    assert image.getpixel((640, 2990)) == BLUE


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


def test_a_page_that_lies_about_its_size_is_measured_all_the_same(
    browser: BrowserHolder, site: Site
) -> None:
    assert failure_of(browser, site.url("/liar"), full_page=True) == "page_too_large"


def test_a_title_that_is_no_text_is_mended(browser: BrowserHolder, site: Site) -> None:
    assert shoot(browser, site.url("/bad-title")).report["title"] == "a?b"


def test_a_browser_that_does_not_start_is_the_farm_s_fault_and_known_in_time(
    site: Site, tmp_path: Path
) -> None:
    hanging = tmp_path / "chromium"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o755)
    holder = BrowserHolder(hanging, "auto")
    deadline = Deadline(2)
    try:
        with pytest.raises(FarmError) as caught:
            Screenshots(holder).run(
                a_job(spec=a_spec(url=site.url("/empty"))), deadline, Stopwatch()
            )
    finally:
        holder.close()
    assert (caught.value.code, caught.value.retryable) == ("browser_crashed", True)


def test_a_page_larger_than_a_picture_may_be_is_refused_with_the_sizes(
    browser: BrowserHolder, site: Site
) -> None:
    assert failure_of(browser, site.url("/too-tall"), full_page=True) == "page_too_large"


@pytest.mark.parametrize(
    ("path", "step"), [("/silent", "load"), ("/spin", "load"), ("/spin-later", "capture")]
)
def test_a_page_that_never_comes_to_rest_times_out_and_the_next_one_works(
    browser: BrowserHolder, site: Site, path: str, step: str
) -> None:
    with pytest.raises(JobTimedOut) as caught:
        shoot(browser, site.url(path), timeout_s=2)
    assert caught.value.step == step
    assert picture(shoot(browser, site.url("/colours"))).getpixel((5, 50)) == RED


def test_a_page_that_spins_in_a_call_without_timeout_is_ended_by_the_watchdog(
    browser: BrowserHolder, site: Site
) -> None:
    # The size of a full page is asked of the page itself, which has no ears here.
    fields = {"full_page": True, "wait_until": "commit"}
    assert failure_of(browser, site.url("/spin"), timeout_s=1, **fields) == "page_unresponsive"
    assert picture(shoot(browser, site.url("/colours"))).getpixel((5, 50)) == RED


def test_one_job_sees_nothing_of_another_s_cookies(browser: BrowserHolder, site: Site) -> None:
    with browser.page({}, Deadline(20)) as page:
        page.goto(site.url("/empty"))
        page.evaluate("document.cookie = 'secret=1'; localStorage.secret = 1")
    with browser.page({}, Deadline(20)) as page:
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
    (killed,) = [driver] if victim == "driver" else living(driver.children())
    os.kill(killed.pid, signal.SIGKILL)
    until(lambda: not living([killed]), "it is dead")
    assert picture(shoot(browser, site.url("/colours"))).getpixel((5, 50)) == RED


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
    open_a_page(browser)
    (main,) = living(driver_of_this_process().children())
    assert "PATH" in main.environ()
    assert "FARM_REDIS_URL" not in main.environ()


def test_the_check_opens_a_page_for_real(browser: BrowserHolder) -> None:
    open_a_page(browser)
    assert browser.version
