"""What ``isolation: batch`` shares, and that nothing else goes from one job to the next."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import psutil
import pytest

from tasks.outcome import Outcome
from tasks.pages import warm
from tasks.pages.browser import BrowserHolder
from tests.support.drivers import driver_of_this_process
from tests.support.pages import failure_of, picture, pixel, render
from tests.support.site import Site

BATCH = {"batch_id": "batch-1", "owner": "shop", "zones": ("public", "internal")}
ALONE = {"isolation": "job"}

Run = Callable[..., Outcome]
Contexts = Callable[[], int]


@pytest.fixture
def contexts(site: Site) -> Contexts:
    """Give what tells in how many contexts a page was that loads /kept.css, since asked last."""
    told = site.seen("/kept.css")

    def loaded() -> int:
        nonlocal told
        number = site.seen("/kept.css") - told
        told += number
        return number

    return loaded


@pytest.fixture
def run(browser: BrowserHolder) -> Run:
    """Give what runs a job of the batch, and rests after it, as a worker does."""
    browser.close()

    def rendered(url: str, kind: str = "screenshot", **fields: Any) -> Outcome:
        usual = {"isolation": "batch", "of": BATCH}
        try:
            return render(browser, kind, url=url, **{**usual, **fields})
        finally:
            browser.rest()

    return rendered


def found(run: Run, url: str, **fields: Any) -> dict[str, Any]:
    """Return what the page /finds finds, at ``url``."""
    shown = run(
        url,
        "content",
        select={"found": {"selector": "#found"}},
        wait_for_selector="#done",
        **fields,
    )
    (text,) = json.loads(shown.made[0].content)["select"]["found"]
    saw: dict[str, Any] = json.loads(text)
    return saw


def test_nothing_that_a_page_leaves_behind_is_there_for_the_next(
    run: Run, site: Site, contexts: Contexts
) -> None:
    untouched = found(run, site.url("/finds"), **ALONE)
    # What it would find: each of these can be seen.
    touched = found(run, site.url("/leaves?then=/finds"), **ALONE)
    assert {name for name, value in untouched.items() if touched[name] != value} >= {
        *("cookie", "local_storage", "session_storage", "indexed_db", "caches", "files"),
        *("name", "history", "referrer"),
    }
    assert site.seen("/left-beacon")
    assert site.seen("/left-alive")
    contexts()
    for _ in range(3):
        beacons = site.seen("/left-beacon"), site.seen("/left-alive")
        run(site.url("/leaves"), wait_for_selector="#done")
        ticks = site.seen("/left-worker"), site.seen("/left-timer")
        assert all(ticks)
        assert found(run, site.url("/finds")) == untouched
        assert (site.seen("/left-worker"), site.seen("/left-timer")) == ticks
        assert (site.seen("/left-beacon"), site.seen("/left-alive")) == beacons
    assert contexts() == 1


def test_a_worker_that_outlives_its_page_ends_with_its_job(
    run: Run, site: Site, contexts: Contexts
) -> None:
    untouched = found(run, site.url("/finds"), **ALONE)
    contexts()
    run(site.url("/lingers"), wait_for_selector="#done")
    assert found(run, site.url("/finds")) == untouched
    assert contexts() == 2


def test_credentials_that_a_page_gives_a_server_end_with_its_job(
    run: Run, site: Site, contexts: Contexts
) -> None:
    run(site.url("/gives-credentials"), wait_for_selector="#done")
    assert "authorization" in site.headers("/private")
    run(site.url("/private"))
    assert "authorization" not in site.headers("/private")
    run(site.url("/keeps"))
    assert contexts() == 2


def test_what_a_job_wanted_of_its_page_is_not_done_for_the_next(
    run: Run, site: Site, contexts: Contexts
) -> None:
    page = site.url("/colours")
    plain = run(page, **ALONE).made[0].content
    run(site.url("/keeps"))
    for fields in (
        {"styles": ["* {display: none !important}"], "hide_selectors": ["*"]},
        {"block_resources": ["image"], "block_urls": ["**/colour/**"]},
        {"block_ads": True},
        {"style": "* {background: red !important}", "full_page": True},
        {"selector": "body", "omit_background": True},
    ):
        run(page, **{"retry_blank": 0, **fields})
        assert run(page).made[0].content == plain
    run(site.url("/keeps"))
    assert contexts() == 1


def test_a_page_that_changed_its_window_is_not_passed_on(
    run: Run, site: Site, contexts: Contexts
) -> None:
    small = {"viewport": {"width": 60, "height": 50}}
    run(site.url("/keeps"), **small)
    large = picture(run(site.url("/drawing.svg"), full_page=True, **small)).size
    assert picture(run(site.url("/keeps"), **small)).size == (60, 50) != large
    assert contexts() == 2


@pytest.mark.parametrize(
    ("of", "fields"),
    [
        ({"batch_id": "batch-2"}, {}),
        ({"owner": "another"}, {}),
        ({"zones": ("internal",)}, {}),
        ({"batch_id": None}, {}),
        ({}, {"isolation": "job"}),
        ({}, {"viewport": {"width": 640, "height": 480}}),
        ({}, {"locale": "de-DE"}),
        ({}, {"color_scheme": "dark"}),
        ({}, {"media": "print"}),
        ({}, {"java_script_enabled": False}),
        ({}, {"permissions": ["clipboard-read"]}),
    ],
)
def test_jobs_that_differ_never_share_a_page(
    run: Run, site: Site, contexts: Contexts, of: Mapping[str, Any], fields: Mapping[str, Any]
) -> None:
    page = site.url("/keeps")
    run(page)
    run(page)
    assert contexts() == 1
    run(page, **{"of": {**BATCH, **of}, **fields})
    assert contexts() == 1
    # And the page of those before has been closed.
    run(page)
    assert contexts() == 1


def test_pictures_are_the_same_as_with_a_context_of_their_own(
    run: Run, site: Site, contexts: Contexts
) -> None:
    pages = (
        *("article", "bands", "bars", "button", "colours", "csp-strict", "cookie-banner"),
        *("element", "errors", "frames", "heavy-fonts", "heavy-images", "lazy", "liar", "tall"),
        *("many-images", "media-features", "print", "push-state", "scripts", "two-pages"),
    )
    wanted = {"color_scheme": "dark", "has_touch": True, "timezone_id": "Asia/Tokyo"}
    alone = {each: run(site.url(f"/{each}"), **wanted, **ALONE) for each in pages}
    run(site.url("/keeps"), **wanted)
    shared = {each: run(site.url(f"/{each}"), **wanted) for each in pages}
    run(site.url("/keeps"), **wanted)
    assert contexts() == 1
    differ = [each for each in pages if alone[each].made[0].content != shared[each].made[0].content]
    assert differ == []


def test_a_failure_harms_no_other_job_of_the_batch(
    run: Run, browser: BrowserHolder, site: Site
) -> None:
    run(site.url("/colours"))
    for path, code in (("/crash", "page_crashed"), ("/no-content", "empty_response")):
        assert failure_of(browser, site.url(path), isolation="batch", of=BATCH) == code
        browser.rest()
        assert pixel(picture(run(site.url("/colours"))), 10, 10) == (255, 0, 0)


def test_a_page_that_dies_between_two_jobs_is_replaced(
    run: Run, browser: BrowserHolder, site: Site
) -> None:
    render(browser, "screenshot", url=site.url("/colours"), isolation="batch", of=BATCH)
    for process in psutil.Process(driver_of_this_process().pid).children(recursive=True):
        if "--type=renderer" in process.cmdline():
            process.kill()
    browser.rest()
    assert picture(run(site.url("/colours"))).size == (1280, 800)


def test_a_page_serves_so_many_jobs_and_waits_so_long(
    run: Run, site: Site, contexts: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm, "_JOBS_MAX", 3)
    page = site.url("/keeps")
    for _ in range(6):
        run(page)
    assert contexts() == 2
    monkeypatch.setattr(warm, "_KEPT_S", 0)
    run(page)
    run(page)
    assert contexts() == 2
