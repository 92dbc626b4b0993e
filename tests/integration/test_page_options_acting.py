"""What is done to a page once it has loaded: styles, clicks, scripts, removals."""

from typing import Any

import pytest

from tasks.pages.browser import BrowserHolder
from tests.support.pages import (
    BLUE,
    GREEN,
    RED,
    failure,
    failure_of,
    picture,
    pixel,
    read,
    shoot,
)
from tests.support.site import Site

ANY_PAGE = ["/colours", "/csp-strict"]
LATER = "new Promise(done => setTimeout(() => { document.title = 'late'; done() }, 300))"


@pytest.mark.parametrize("path", ANY_PAGE)
def test_styles_apply_whatever_the_page_s_policy(
    browser: BrowserHolder, site: Site, path: str
) -> None:
    styles = ["html, body { background: #00f !important }", "div { display: none }"]
    image = picture(shoot(browser, site.url(path), styles=styles))
    assert pixel(image, 640, 50) == pixel(image, 640, 700) == BLUE


@pytest.mark.parametrize("path", ANY_PAGE)
def test_scripts_run_in_their_order_whatever_the_page_s_policy(
    browser: BrowserHolder, site: Site, path: str
) -> None:
    scripts = ["document.title = 'one'", "document.title += ' two'"]
    assert shoot(browser, site.url(path), scripts=scripts).report["title"] == "one two"


@pytest.mark.parametrize("path", ANY_PAGE)
def test_the_promise_of_a_script_is_awaited(browser: BrowserHolder, site: Site, path: str) -> None:
    scripts = [LATER, "document.title += ' and later'"]
    assert shoot(browser, site.url(path), scripts=scripts).report["title"] == "late and later"


def test_a_script_shares_the_page_s_world(browser: BrowserHolder) -> None:
    html = "<script>let mine = 'from the page'</script>"
    assert shoot(browser, html=html, scripts=["document.title = mine"]).report["title"] == (
        "from the page"
    )


@pytest.mark.parametrize("path", ANY_PAGE)
@pytest.mark.parametrize(
    "script",
    [
        "throw new Error('broken on purpose')",
        "Promise.reject(new Error('broken on purpose'))",
        "(async () => { throw new Error('broken on purpose') })()",
    ],
)
def test_a_script_that_throws_is_named(
    browser: BrowserHolder, site: Site, path: str, script: str
) -> None:
    error = failure(browser, site.url(path), scripts=["1", script])
    assert error.code == "script_failed"
    assert "scripts.1" in error.message
    assert "broken on purpose" in error.message


def test_a_script_that_is_none_is_named(browser: BrowserHolder, site: Site) -> None:
    error = failure(browser, site.url("/empty"), scripts=["if ("])
    assert error.code == "script_failed"
    assert "scripts.0: SyntaxError" in error.message


def test_a_promise_that_never_comes_ends_with_the_time(browser: BrowserHolder, site: Site) -> None:
    error = failure(browser, site.url("/empty"), scripts=["new Promise(() => {})"], timeout_s=2)
    assert error.code == "script_failed"
    assert "scripts.0" in error.message


def test_a_script_may_go_to_another_page(browser: BrowserHolder, site: Site) -> None:
    wait = "document.title == 'Colours'"
    script = "location.href = '/colours'"
    outcome = shoot(browser, site.url("/empty"), scripts=[script], wait_for_function=wait)
    assert outcome.report["final_url"] == site.url("/colours")
    assert pixel(picture(outcome), 640, 50) == RED


def test_a_click_presses_the_button(browser: BrowserHolder, site: Site) -> None:
    assert pixel(picture(shoot(browser, site.url("/button"))), 10, 10) == RED
    outcome = shoot(browser, site.url("/button"), click=["#button"])
    assert pixel(picture(outcome), 10, 10) == GREEN


def test_clicks_follow_one_another_and_take_any_selector_of_playwright_s(
    browser: BrowserHolder,
) -> None:
    html = """<button onclick="document.title += 'a'; next.hidden = false">One</button>
        <button id="next" hidden onclick="document.title += 'b'">Two</button>"""
    clicks = ["text=One", "role=button[name=Two]", "text=One"]
    assert shoot(browser, html=html, click=clicks).report["title"] == "aba"


def test_a_click_may_lead_to_another_page(browser: BrowserHolder, site: Site) -> None:
    outcome = shoot(browser, site.url("/article"), click=["text=Colours"])
    assert outcome.report["final_url"] == site.url("/colours#top")
    assert pixel(picture(outcome), 640, 50) == RED


@pytest.mark.parametrize(
    "fields", [{"click": ["a"]}, {"scripts": ["document.querySelector('a').click()"]}]
)
def test_the_page_that_a_click_leads_to_is_waited_for(
    browser: BrowserHolder, site: Site, fields: dict[str, Any]
) -> None:
    html = f"<!doctype html><a href='{site.url('/late-image')}'>Go on</a>"
    assert pixel(picture(shoot(browser, html=html, **fields)), 50, 50) == RED


def test_styles_hold_for_the_page_that_a_click_leads_to(browser: BrowserHolder, site: Site) -> None:
    fields: dict[str, Any] = {"styles": ["html { background: #00f }"], "hide_selectors": ["div"]}
    outcome = shoot(browser, site.url("/article"), click=["text=Colours"], **fields)
    assert pixel(picture(outcome), 640, 50) == BLUE


def test_a_click_waits_for_its_element(browser: BrowserHolder) -> None:
    html = """<button id="late" hidden onclick="document.title = 'pressed'">Late</button>
        <script>setTimeout(() => { late.hidden = false }, 600)</script>"""
    assert shoot(browser, html=html, click=["#late"]).report["title"] == "pressed"


def test_nothing_to_click_on_is_said(browser: BrowserHolder, site: Site) -> None:
    error = failure(browser, site.url("/button"), click=["#button", "#no-such"])
    assert error.code == "selector_not_found"
    assert "'#no-such'" in error.message


def test_hidden_elements_keep_their_place_but_are_not_seen(
    browser: BrowserHolder, site: Site
) -> None:
    path = site.url("/colours")
    image = picture(shoot(browser, path, hide_selectors=["div:first-of-type"]))
    assert [pixel(image, 5, y) for y in (50, 150)] == [(255, 255, 255), GREEN]


def test_hidden_elements_stay_in_the_content(browser: BrowserHolder, site: Site) -> None:
    found = read(browser, site.url("/article"), hide_selectors=["footer"])
    assert "<footer>" in found["html"]
    assert "The foot of the page" not in found["text"]


def test_removed_elements_are_gone_from_the_picture(browser: BrowserHolder, site: Site) -> None:
    path = site.url("/colours")
    image = picture(shoot(browser, path, remove_selectors=["div:first-of-type"]))
    assert [pixel(image, 5, y) for y in (50, 150)] == [GREEN, BLUE]


def test_removed_elements_are_gone_from_the_content(browser: BrowserHolder, site: Site) -> None:
    before = read(browser, site.url("/article"))
    after = read(browser, site.url("/article"), remove_selectors=["header", "p, footer"])
    for sign in ("The foot of the page", "Second paragraph", "Colours"):
        assert sign in before["html"]
        assert sign not in after["html"]
        assert sign not in after["text"]
    assert "The price of lamps" in after["text"]
    assert after["links"] == []


def test_what_there_is_not_need_not_be_hidden_or_removed(
    browser: BrowserHolder, site: Site
) -> None:
    nothing = ["#no-such"]
    outcome = shoot(browser, site.url("/colours"), hide_selectors=nothing, remove_selectors=nothing)
    assert pixel(picture(outcome), 5, 50) == RED


@pytest.mark.parametrize("option", ["hide_selectors", "remove_selectors", "click"])
def test_a_selector_that_is_none_is_said(browser: BrowserHolder, site: Site, option: str) -> None:
    error = failure(browser, site.url("/colours"), **{option: ["div", "div[["]})
    assert error.code == "selector_not_found"
    assert "'div[['" in error.message


def test_all_is_done_in_the_order_that_is_promised(browser: BrowserHolder) -> None:
    html = """<style>#box { height: 100px } :root { --seen: no }</style><div id="box"></div>
        <button onclick="document.title = getComputedStyle(box).color">Go</button>"""
    outcome = shoot(
        browser,
        html=html,
        styles=["#box { color: rgb(1, 2, 3) }"],
        click=["button"],
        scripts=["document.title += ' script'; setTimeout(() => box.className = 'x', 200)"],
        wait_for_selector={"selector": "#box.x", "state": "attached"},
        wait_for_function="document.title += ' function'",
        remove_selectors=["#box"],
    )
    assert outcome.report["title"] == "rgb(1, 2, 3) script function"


def test_acting_works_where_the_page_s_own_scripts_may_not_run(
    browser: BrowserHolder, site: Site
) -> None:
    image = picture(
        shoot(
            browser,
            site.url("/colours"),
            java_script_enabled=False,
            styles=["div:last-of-type { background: #fff !important }"],
            remove_selectors=["div:first-of-type"],
            full_page=True,
            timeout_s=20,
        )
    )
    assert [pixel(image, 5, y) for y in (50, 150)] == [GREEN, (255, 255, 255)]


def test_a_script_where_scripts_may_not_run_is_bounded(browser: BrowserHolder) -> None:
    fields: dict[str, Any] = {"html": "<p>Text</p>", "java_script_enabled": False, "timeout_s": 3}
    assert failure_of(browser, **fields, scripts=["throw new Error()"]) == "script_failed"
