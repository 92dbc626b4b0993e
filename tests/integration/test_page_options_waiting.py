"""How far a page must have come, for how long it is waited, and what comes of it in the end."""

import time
from typing import Any

import pytest

from tasks.outcome import Stopwatch
from tasks.pages.browser import BrowserHolder
from tests.support.pages import (
    GREEN,
    RED,
    failure,
    picture,
    pixel,
    read,
    render,
    shoot,
)
from tests.support.site import Site

ANY_PAGE = ["/empty", "/csp-strict"]
PATIENCE_S = 5
"""Much less than a page that never comes would take."""


def test_load_waits_for_images(browser: BrowserHolder, site: Site) -> None:
    assert pixel(picture(shoot(browser, site.url("/late-image"))), 50, 50) == RED


@pytest.mark.parametrize("state", ["commit", "domcontentloaded"])
def test_what_comes_before_load_waits_for_no_image(
    browser: BrowserHolder, site: Site, state: str
) -> None:
    started = time.monotonic()
    outcome = shoot(browser, site.url("/slow-image"), wait_until=state)
    assert time.monotonic() - started < PATIENCE_S
    assert outcome.report["partial"] is False


def test_domcontentloaded_waits_for_scripts_and_commit_does_not(
    browser: BrowserHolder, site: Site
) -> None:
    path = site.url("/slow-script")
    assert render(browser, "content", url=path, wait_until="commit").report["partial"] is False
    error = failure(browser, path, wait_until="domcontentloaded", timeout_s=2)
    assert error.code == "timeout"
    assert site.url("/silent?script") in error.message


def test_networkidle_waits_for_what_scripts_fetch(browser: BrowserHolder) -> None:
    html = """<script>let n = 0; const next = () => fetch(`http://127.0.0.1:1/${n}`)
        .catch(() => { document.title = ++n; if (n < 5) setTimeout(next, 100) })
        onload = () => setTimeout(next, 50)</script>"""
    assert read(browser, html=html, wait_until="networkidle")["title"] == "5"


def test_networkidle_is_given_up_on_a_page_that_polls(browser: BrowserHolder, site: Site) -> None:
    outcome = shoot(browser, site.url("/chatter"), wait_until="networkidle")
    assert outcome.report["partial"] is False
    assert outcome.warnings == ["Never without traffic; not waited for any longer after 5 s."]


@pytest.mark.parametrize("wanted", ["#late", {"selector": "text=Late >> nth=0"}])
def test_an_element_is_waited_for(browser: BrowserHolder, site: Site, wanted: object) -> None:
    fields: dict[str, Any] = {"wait_for_selector": wanted}
    outcome = render(browser, "content", url=site.url("/late-element"), **fields)
    assert b'id=\\"late\\"' in outcome.made[0].content


def test_an_element_may_be_waited_for_to_go(browser: BrowserHolder, site: Site) -> None:
    fields: dict[str, Any] = {"wait_for_selector": {"selector": "#gone", "state": "detached"}}
    assert "Going" not in read(browser, site.url("/vanishing-element"), **fields)["html"]


def test_an_element_may_be_waited_for_to_be_hidden(browser: BrowserHolder) -> None:
    html = "<p id=p>Going<script>setTimeout(() => { p.hidden = true }, 400)</script>"
    fields: dict[str, Any] = {
        "html": html,
        "wait_for_selector": {"selector": "#p", "state": "hidden"},
    }
    assert "Going" not in read(browser, **fields)["text"]


def test_an_element_that_is_attached_need_not_be_visible(
    browser: BrowserHolder, site: Site
) -> None:
    wanted = {"selector": "#hidden", "state": "attached"}
    assert shoot(browser, site.url("/element"), wait_for_selector=wanted).warnings == []
    error = failure(browser, site.url("/element"), wait_for_selector="#hidden", timeout_s=2)
    assert error.code == "timeout"
    assert "'#hidden' to be visible" in error.message


def test_a_selector_to_wait_for_that_is_none_is_said(browser: BrowserHolder, site: Site) -> None:
    assert failure(browser, site.url("/empty"), wait_for_selector="div[[").code == (
        "selector_not_found"
    )


def test_a_condition_is_waited_for(browser: BrowserHolder, site: Site) -> None:
    fields: dict[str, Any] = {"wait_for_function": "document.querySelector('#late') !== null"}
    assert "Late" in read(browser, site.url("/late-element"), **fields)["text"].splitlines()


@pytest.mark.parametrize("path", ANY_PAGE)
def test_the_promise_of_a_condition_is_awaited(
    browser: BrowserHolder, site: Site, path: str
) -> None:
    promise = "new Promise(yes => setTimeout(() => { document.title += '!'; yes(true) }, 300))"
    outcome = shoot(browser, site.url(path), wait_for_function=promise)
    assert outcome.report["title"].endswith("!")


@pytest.mark.parametrize("path", ANY_PAGE)
def test_a_condition_is_looked_at_until_it_is_true(
    browser: BrowserHolder, site: Site, path: str
) -> None:
    count = "(window.looks = (window.looks ?? 0) + 1, document.title = looks, looks > 3)"
    assert shoot(browser, site.url(path), wait_for_function=count).report["title"] == "4"


@pytest.mark.parametrize("path", ANY_PAGE)
def test_a_condition_that_throws_is_said(browser: BrowserHolder, site: Site, path: str) -> None:
    error = failure(browser, site.url(path), wait_for_function="nothing.here", timeout_s=20)
    assert error.code == "script_failed"
    assert "nothing is not defined" in error.message


@pytest.mark.parametrize("condition", ["false", "new Promise(() => {})"])
def test_a_condition_that_never_holds_ends_with_the_time(
    browser: BrowserHolder, site: Site, condition: str
) -> None:
    error = failure(browser, site.url("/empty"), wait_for_function=condition, timeout_s=2)
    assert error.code == "timeout"
    assert "wait_for_function" in error.message


def test_a_condition_is_waited_for_where_the_page_s_scripts_may_not_run(
    browser: BrowserHolder, site: Site
) -> None:
    fields: dict[str, Any] = {"java_script_enabled": False, "timeout_s": 10}
    fields["wait_for_function"] = "document.title == 'Empty'"
    assert shoot(browser, site.url("/empty"), **fields).warnings == []


def test_a_rest_is_taken(browser: BrowserHolder, site: Site) -> None:
    stopwatch = Stopwatch()
    shoot(browser, site.url("/empty"), wait_for_timeout=900, stopwatch=stopwatch)
    assert stopwatch.timings_ms["settle"] >= 900


def test_a_rest_beyond_the_time_is_said(browser: BrowserHolder, site: Site) -> None:
    error = failure(browser, site.url("/empty"), wait_for_timeout=9000, timeout_s=2)
    assert error.code == "timeout"
    assert "wait_for_timeout" in error.message


def test_the_time_of_the_job_is_what_the_spec_says(browser: BrowserHolder, site: Site) -> None:
    error = failure(browser, site.url("/slow-image"), timeout=1500)
    assert error.code == "timeout"
    assert "1.5 s" in error.message


def test_loading_may_have_less_time_than_the_job(browser: BrowserHolder, site: Site) -> None:
    started = time.monotonic()
    error = failure(browser, site.url("/slow-image"), navigation_timeout=500)
    assert time.monotonic() - started < PATIENCE_S
    assert error.code == "timeout"


def test_what_did_not_come_in_time_is_named(browser: BrowserHolder, site: Site) -> None:
    error = failure(browser, site.url("/slow-image"), timeout_s=2)
    assert error.code == "timeout"
    assert site.url("/silent?image") in error.message


def test_a_best_effort_takes_what_is_there(browser: BrowserHolder, site: Site) -> None:
    outcome = shoot(browser, site.url("/slow-image"), best_effort=True, timeout_s=3)
    assert outcome.report["partial"] is True
    (warning,) = outcome.warnings
    assert site.url("/silent?image") in warning
    assert picture(outcome).getcolors(16) is None  # Its text is there.


@pytest.mark.parametrize("kind", ["pdf", "content"])
def test_a_best_effort_is_one_for_each_kind(browser: BrowserHolder, site: Site, kind: str) -> None:
    fields: dict[str, Any] = {
        "url": site.url("/slow-image"),
        "best_effort": True,
        "navigation_timeout": 500,
    }
    outcome = render(browser, kind, **fields, timeout_s=20)
    assert outcome.report["partial"] is True
    assert outcome.made[0].content


def test_a_best_effort_does_without_the_element_it_waits_for(
    browser: BrowserHolder, site: Site
) -> None:
    fields: dict[str, Any] = {"best_effort": True, "wait_for_selector": "#no-such", "timeout_s": 3}
    outcome = shoot(browser, site.url("/colours"), **fields)
    assert outcome.report["partial"] is True
    assert "'#no-such'" in outcome.warnings[0]
    assert pixel(picture(outcome), 640, 150) == GREEN


def test_a_page_in_time_is_not_partial_for_a_best_effort(
    browser: BrowserHolder, site: Site
) -> None:
    outcome = shoot(browser, site.url("/late-image"), best_effort=True)
    assert outcome.report["partial"] is False
    assert outcome.warnings == []


def test_no_effort_is_good_enough_for_a_server_that_says_nothing(
    browser: BrowserHolder, site: Site
) -> None:
    error = failure(browser, site.url("/silent"), best_effort=True, timeout_s=2)
    assert error.code == "timeout"


@pytest.mark.parametrize("path", ["/slow-font", "/slow-font-later"])
def test_a_font_holds_nothing_up_for_long(browser: BrowserHolder, site: Site, path: str) -> None:
    started = time.monotonic()
    outcome = shoot(browser, site.url(path))
    assert time.monotonic() - started < PATIENCE_S
    assert outcome.warnings == [f"Not waited for any longer: {site.url('/silent?font')}"]
    assert picture(outcome).getcolors(16) is None  # The text is there, in another font.


def test_a_font_that_comes_late_is_waited_for(browser: BrowserHolder, site: Site) -> None:
    image = picture(shoot(browser, site.url("/late-font")))
    assert pixel(image, 20, 80) == (0, 0, 0)
    assert len(image.getcolors() or []) < 16  # Boxes instead of letters.


def test_a_font_holds_nothing_up_where_scripts_may_not_run(
    browser: BrowserHolder, site: Site
) -> None:
    fields: dict[str, Any] = {
        "java_script_enabled": False,
        "wait_until": "domcontentloaded",
        "timeout_s": 15,
    }
    assert len(shoot(browser, site.url("/slow-font"), **fields).warnings) == 1
