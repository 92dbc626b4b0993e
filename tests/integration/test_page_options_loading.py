"""What a page loads and may not load, what fails of it, and what comes only by scrolling."""

from collections.abc import Mapping
from typing import Any

import pytest

from tasks.outcome import Stopwatch
from tasks.pages.browser import BrowserHolder
from tests.support.neighbours import free_port
from tests.support.pages import (
    RED,
    WHITE,
    failure,
    failure_of,
    picture,
    pixel,
    read,
    render,
    shoot,
)
from tests.support.site import Site

WINDOW = {"width": 300, "height": 2000}


def images_of(browser: BrowserHolder, url: str, **fields: Any) -> list[bool]:
    """Return which of the 20 lazy images are in a picture of the whole page."""
    whole: dict[str, Any] = {"full_page": True, "full_page_max_height": 50_000, "viewport": WINDOW}
    image = picture(shoot(browser, url, **whole, **fields))
    assert image.height >= 38_200
    return [pixel(image, 100, 2000 * i + 100) == (12 * i, 255 - 12 * i, 128) for i in range(20)]


@pytest.mark.parametrize("path", ["/lazy", "/lazy-observer"])
def test_a_full_page_has_all_of_its_lazy_images(
    browser: BrowserHolder, site: Site, path: str
) -> None:
    assert images_of(browser, site.url(path)) == [True] * 20


@pytest.mark.parametrize("path", ["/lazy", "/lazy-observer"])
def test_a_page_that_is_not_scrolled_lacks_its_lazy_images(
    browser: BrowserHolder, site: Site, path: str
) -> None:
    assert images_of(browser, site.url(path), scroll_page=False).count(True) < 10


def test_lazy_images_that_are_slow_to_come_are_waited_for(
    browser: BrowserHolder, site: Site
) -> None:
    far = f"<div style='height: 9000px'></div><img loading=lazy src={site.url('/late.png')}>"
    html = far.replace("/late.png", "/colour/ff0000.png?wait=1")
    image = picture(shoot(browser, html=f"<body style='margin: 0'>{html}", full_page=True))
    assert pixel(image, 50, image.height - 50) == RED


def test_the_page_is_back_at_its_top_after_scrolling(browser: BrowserHolder, site: Site) -> None:
    image = picture(shoot(browser, site.url("/colours?top"), scroll_page=True))
    assert pixel(image, 5, 50) == RED
    styles = ["body { height: 9000px }"]
    image = picture(shoot(browser, site.url("/colours"), scroll_page=True, styles=styles))
    assert pixel(image, 5, 50) == RED


@pytest.mark.parametrize("kind", ["screenshot", "pdf", "content"])
def test_every_kind_scrolls_if_wished(browser: BrowserHolder, site: Site, kind: str) -> None:
    path = f"/echo?scrolled-{kind}"
    listen = f"addEventListener('scroll', () => fetch('{path}'), {{once: true}})"
    fields: dict[str, Any] = {"url": site.url("/tall"), "scripts": [listen]}
    render(browser, kind, **fields, scroll_page=False)
    assert site.seen(path) == 0
    render(browser, kind, **fields, scroll_page=True)
    assert site.seen(path) == 1


def test_scrolling_rests_on_each_screenful(browser: BrowserHolder, site: Site) -> None:
    stopwatch = Stopwatch()
    fields: dict[str, Any] = {"scroll_page": True, "scroll_delay": 600, "stopwatch": stopwatch}
    shoot(browser, site.url("/tall"), **fields)  # 3 000 px, of which the window shows 800
    assert stopwatch.timings_ms["settle"] >= 1800


def test_an_endless_page_is_scrolled_for_a_third_of_the_time(
    browser: BrowserHolder, site: Site
) -> None:
    stopwatch = Stopwatch()
    fields: dict[str, Any] = {
        "full_page": True,
        "scroll_delay": 900,
        "timeout_s": 9,
        "stopwatch": stopwatch,
    }
    outcome = shoot(browser, site.url("/growing"), **fields)
    assert 2500 < stopwatch.timings_ms["settle"] < 6000
    assert outcome.warnings == ["Not scrolled to the end: it would take too long."]


def test_kinds_of_resources_are_not_loaded(browser: BrowserHolder, site: Site) -> None:
    plain = shoot(browser, site.url("/late-image"))
    seen = site.seen("/colour/ff0000.png?w=100&h=100&wait=1")
    blocked = shoot(browser, site.url("/late-image"), block_resources=["image", "font"])
    assert site.seen("/colour/ff0000.png?w=100&h=100&wait=1") == seen
    assert [pixel(picture(each), 50, 50) for each in (plain, blocked)] == [RED, WHITE]
    assert [each.report["blocked_requests"] for each in (plain, blocked)] == [0, 1]
    assert blocked.report["failed_requests"] == 0


@pytest.mark.parametrize(
    ("kind", "loader"),
    [
        ("stylesheet", "<link rel=stylesheet href={}>"),
        ("script", "<script src={}></script>"),
        ("fetch", "<script>fetch('{}').catch(() => 0)</script>"),
        ("xhr", "<script>x = new XMLHttpRequest(); x.open('GET', '{}'); x.send()</script>"),
        ("eventsource", "<script>new EventSource('{}')</script>"),
        ("media", "<video src={} autoplay muted></video>"),
        ("image", "<img src={}>"),
        (
            "font",
            "<style>@font-face {{ font-family: F; src: url({}) }}</style><p style='font: 9px F'>T",
        ),
    ],
)
def test_each_kind_of_resource_is_known(
    browser: BrowserHolder, site: Site, kind: str, loader: str
) -> None:
    url = site.url(f"/echo?blocked-{kind}")
    outcome = shoot(browser, html=loader.format(url), block_resources=[kind], timeout_s=20)
    assert outcome.report["blocked_requests"] == 1
    assert site.seen(f"/echo?blocked-{kind}") == 0


@pytest.mark.parametrize(
    ("glob", "is_blocked"),
    [
        ("**/colour/*.png*", True),
        ("**/*.{gif,png}*", True),
        ("*/colour/*", False),
        ("**/other/**", False),
    ],
)
def test_addresses_are_not_loaded(
    browser: BrowserHolder, site: Site, glob: str, is_blocked: bool
) -> None:
    html = f"<body style='margin: 0'><img src='{site.url('/colour/ff0000.png')}'>"
    outcome = shoot(browser, html=html, block_urls=[glob])
    assert pixel(picture(outcome), 50, 50) == (WHITE if is_blocked else RED)
    assert outcome.report["blocked_requests"] == int(is_blocked)


def test_the_page_itself_is_never_blocked_but_its_frames_are(
    browser: BrowserHolder, site: Site
) -> None:
    fields: dict[str, Any] = {"block_urls": ["**"], "block_resources": ["other", "image"]}
    outcome = shoot(browser, site.url("/frames"), **fields)
    assert (outcome.report["http_status"], outcome.report["title"]) == (200, "Frames")
    assert outcome.report["blocked_requests"] == 1


def test_the_page_a_redirect_leads_to_is_not_blocked(browser: BrowserHolder, site: Site) -> None:
    outcome = shoot(browser, site.url("/hops?2"), block_urls=["**"])
    assert outcome.report["title"] == "Colours"


def test_blocking_and_headers_go_together(browser: BrowserHolder, site: Site) -> None:
    fields: dict[str, Any] = {"extra_http_headers": {"X-Secret": "7"}, "block_urls": ["**/*.png*"]}
    outcome = shoot(browser, site.url("/article?both"), **fields)
    assert site.headers("/article?both")["x-secret"] == "7"
    assert outcome.report["blocked_requests"] == 1


@pytest.mark.parametrize("wanted", [404, "404", "4xx", "400-404"])
def test_a_status_may_be_a_failure(browser: BrowserHolder, site: Site, wanted: object) -> None:
    error = failure(browser, site.url("/missing"), fail_on_status=["5xx", wanted])
    assert (error.code, error.message) == ("http_error", "The server answered with HTTP 404.")


def test_other_statuses_are_no_failure(browser: BrowserHolder, site: Site) -> None:
    wanted = ["5xx", 403, "405-499"]
    assert shoot(browser, site.url("/missing"), fail_on_status=wanted).report["http_status"] == 404


def test_the_status_that_counts_is_the_one_after_redirects(
    browser: BrowserHolder, site: Site
) -> None:
    fields: dict[str, Any] = {"fail_on_status": ["3xx", "4xx"]}
    assert failure_of(browser, site.url("/redirect?to=/missing"), **fields) == "http_error"
    assert shoot(browser, site.url("/hops?2"), **fields).report["http_status"] == 200


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("console.error('on purpose')", "on purpose"),
        ("throw new Error('on purpose')", "Error: on purpose"),
        ("Promise.reject(new Error('on purpose'))", "Error: on purpose"),
    ],
)
def test_an_error_on_the_console_may_be_a_failure(
    browser: BrowserHolder, script: str, said: str
) -> None:
    html = f"<p>Text</p><script>{script}</script>"
    error = failure(browser, html=html, fail_on_console_error=True)
    assert error.code == "console_error"
    assert said in error.message
    assert shoot(browser, html=html).report["console_errors"] == 1


def test_warnings_and_missing_images_are_no_errors_on_the_console(
    browser: BrowserHolder, site: Site
) -> None:
    html = f"<script>console.warn('careful')</script><img src='{site.url('/missing.png')}'>"
    outcome = shoot(browser, html=html, fail_on_console_error=True)
    assert outcome.report["console_errors"] == 0


@pytest.mark.parametrize("option", ["fail_on_console_error", "fail_on_resource_failure"])
def test_a_page_without_faults_does_not_fail(
    browser: BrowserHolder, site: Site, option: str
) -> None:
    assert shoot(browser, site.url("/article"), **{option: True}).report["http_status"] == 200


def test_an_image_that_is_missing_may_be_a_failure(browser: BrowserHolder, site: Site) -> None:
    load = (
        "new Promise(done => { const i = new Image(); i.onerror = done; i.src = '/missing.png' })"
    )
    fields: dict[str, Any] = {"scripts": [load], "fail_on_resource_failure": True}
    error = failure(browser, site.url("/empty"), **fields)
    assert error.code == "resource_failed"
    assert f"{site.url('/missing.png')} (HTTP 404)" in error.message


def test_a_refused_connection_may_be_a_failure(browser: BrowserHolder) -> None:
    url = f"http://127.0.0.1:{free_port()}/style.css"
    html = f"<link rel=stylesheet href={url}>"
    error = failure(browser, html=html, fail_on_resource_failure=True)
    assert error.code == "resource_failed"
    assert url in error.message
    assert shoot(browser, html=html).report["failed_requests"] == 1


@pytest.mark.parametrize("fields", [{"block_resources": ["image"]}, {"block_urls": ["**/*.png"]}])
def test_what_is_blocked_is_no_failure(
    browser: BrowserHolder, site: Site, fields: Mapping[str, Any]
) -> None:
    html = f"<img src='{site.url('/missing.png')}'>"
    strict: dict[str, Any] = {"fail_on_resource_failure": True, "fail_on_console_error": True}
    assert shoot(browser, html=html, **strict, **fields).report["blocked_requests"] == 1


def test_the_status_of_the_page_is_no_failure_of_a_resource(
    browser: BrowserHolder, site: Site
) -> None:
    outcome = shoot(browser, site.url("/missing"), fail_on_resource_failure=True)
    assert outcome.report["failed_requests"] == 0


def test_all_that_goes_wrong_is_counted(browser: BrowserHolder, site: Site) -> None:
    report = shoot(browser, site.url("/errors")).report
    # The fetch too: what the gate answers it instead may not be read from another origin.
    assert report["console_errors"] == 4
    assert report["failed_requests"] == 2
    assert read(browser, site.url("/errors"))["title"] == "Errors"
