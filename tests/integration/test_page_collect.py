"""What else is kept of a page's one load, and what is reported of it."""

import hashlib
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from tasks.outcome import Outcome, Stopwatch
from tasks.pages.browser import BrowserHolder
from tests.support.pages import GREEN, RED, decoded, is_near, made, pixel, render, shoot
from tests.support.site import Site

ALL = {
    "html": ("page.html", "text/html; charset=utf-8"),
    "text": ("page.txt", "text/plain; charset=utf-8"),
    "pdf": ("page.pdf", "application/pdf"),
    "har": ("network.har", "application/json"),
    "console": ("console.json", "application/json"),
    "network": ("network.json", "application/json"),
    "thumbnail": ("thumbnail.webp", "image/webp"),
}
MAIN = {"screenshot": "screenshot.png", "pdf": "page.pdf", "content": "content.json"}


def thumbnail_of(outcome: Outcome) -> Image.Image:
    return Image.open(BytesIO(made(outcome, "thumbnail.webp").content), formats=["WEBP"])


def har_entries(browser: BrowserHolder, url: str, **fields: Any) -> list[dict[str, Any]]:
    outcome = shoot(browser, url, collect=["har"], **fields)
    entries: list[dict[str, Any]] = decoded(made(outcome, "network.har"))["log"]["entries"]
    return entries


@pytest.mark.parametrize("kind", list(MAIN))
def test_all_is_kept_of_one_load_of_each_kind(
    browser: BrowserHolder, site: Site, kind: str
) -> None:
    path = f"/article?collected-by-{kind}"
    outcome = render(browser, kind, url=site.url(path), collect=list(ALL))
    assert site.seen(path) == 1
    assert outcome.made[0].name == MAIN[kind]
    further = {each.name: each.media_type for each in outcome.made[1:]}
    assert further == {name: media for name, media in ALL.values() if name != MAIN[kind]}
    digests = {hashlib.sha256(each.content).digest() for each in outcome.made}
    assert len(digests) == len(outcome.made)


@pytest.mark.parametrize("collected", list(ALL))
def test_each_thing_is_kept_alone_if_it_alone_is_wanted(
    browser: BrowserHolder, site: Site, collected: str
) -> None:
    outcome = shoot(browser, site.url("/article"), collect=[collected])
    assert [(each.name, each.media_type) for each in outcome.made[1:]] == [ALL[collected]]
    assert outcome.made[1].content


def test_nothing_else_is_kept_unless_it_is_wanted(browser: BrowserHolder, site: Site) -> None:
    assert len(shoot(browser, site.url("/article")).made) == 1


def test_html_and_text_are_those_of_the_rendered_page(browser: BrowserHolder, site: Site) -> None:
    outcome = shoot(browser, site.url("/device"), collect=["html", "text"])
    html = made(outcome, "page.html").content.decode()
    assert html.startswith("<!DOCTYPE html><html")
    assert '<dd id="viewport">1280x800' in html
    assert "1280x800" in made(outcome, "page.txt").content.decode()


def test_a_kept_pdf_has_the_page_as_it_is(browser: BrowserHolder, site: Site) -> None:
    content = made(shoot(browser, site.url("/two-pages"), collect=["pdf"]), "page.pdf").content
    assert content.startswith(b"%PDF-")
    assert content.count(b"/Type /Page\n") == 2


def test_the_console_is_kept(browser: BrowserHolder, site: Site) -> None:
    outcome = shoot(browser, site.url("/errors"), collect=["console"])
    lines = decoded(made(outcome, "console.json"))
    said = {(each["type"], each["text"]) for each in lines}
    assert ("error", "an error on the console") in said
    assert ("warning", "a warning") in said
    assert ("exception", "Error: an exception") in said
    assert ("exception", "Error: a rejection") in said
    assert all(each.keys() == {"type", "text", "url"} for each in lines)


def test_the_requests_are_kept(browser: BrowserHolder, site: Site) -> None:
    fields: dict[str, Any] = {"block_urls": ["**/box.ttf"]}
    outcome = shoot(browser, site.url("/requests"), collect=["network"], **fields)
    by_type = {each["resource_type"]: each for each in decoded(made(outcome, "network.json"))}
    image = by_type["image"]
    assert image["url"] == site.url("/colour/ff0000.png?kept")
    assert (image["method"], image["status"], image["failure"]) == ("GET", 200, None)
    assert image["content_type"] == "image/png"
    assert image["size_bytes"] > 0
    assert image["duration_ms"] >= 0
    assert by_type["font"]["failure"] == "blocked"
    assert by_type["fetch"]["failure"] == "connection_failed"
    assert by_type["fetch"]["status"] is None


def test_redirects_are_among_the_requests(browser: BrowserHolder, site: Site) -> None:
    outcome = shoot(browser, site.url("/hops?2"), collect=["network"])
    found = [(each["url"], each["status"]) for each in decoded(made(outcome, "network.json"))]
    assert found[:3] == [
        (site.url("/hops?2"), 302),
        (site.url("/hops?1"), 302),
        (site.url("/colours"), 200),
    ]


def test_the_har_has_each_request(browser: BrowserHolder, site: Site) -> None:
    entries = har_entries(browser, site.url("/article"))
    found = {each["request"]["url"]: each["response"]["status"] for each in entries}
    assert found[site.url("/article")] == 200
    assert found[site.url("/colour/00ff00.png?w=20&h=20")] == 200


def test_the_har_tells_nobody_s_secrets(browser: BrowserHolder, site: Site) -> None:
    secret = "hunter2"
    outcome = shoot(
        browser,
        site.url("/private"),
        collect=["har"],
        scripts=["fetch('/cookies')"],
        extra_http_headers={"X-Secret": f"{secret}-header"},
        cookies=[{"name": "session", "value": f"{secret}-cookie"}],
        http_credentials={"username": "user", "password": "secret"},
    )
    assert site.headers("/private")["authorization"].startswith("Basic ")
    content = made(outcome, "network.har").content.decode()
    assert secret not in content
    assert "dXNlcjpzZWNyZXQ" not in content  # user:secret, as it is sent
    assert "visited=yes" not in content
    entries = decoded(made(outcome, "network.har"))["log"]["entries"]
    hidden = {
        header["name"].lower(): header["value"]
        for each in entries
        for header in (*each["request"]["headers"], *each["response"]["headers"])
        if header["value"] == "***"
    }
    assert {"cookie", "set-cookie"} <= hidden.keys()


def test_headers_for_all_are_hidden_in_the_har_too(browser: BrowserHolder, site: Site) -> None:
    fields: dict[str, Any] = {
        "extra_http_headers": {"X-Secret": "hunter2"},
        "extra_http_headers_to": "all",
    }
    entries = har_entries(browser, site.url("/empty"), **fields)
    headers = {each["name"].lower(): each["value"] for each in entries[0]["request"]["headers"]}
    assert headers["x-secret"] == "***"


def test_a_thumbnail_is_the_picture_made_smaller(browser: BrowserHolder, site: Site) -> None:
    small = thumbnail_of(shoot(browser, site.url("/colours"), collect=["thumbnail"]))
    assert small.size == (320, 200)
    assert is_near(pixel(small, 160, 10), RED, 30)
    assert is_near(pixel(small, 160, 37), GREEN, 30)


@pytest.mark.parametrize("kind", list(MAIN))
def test_a_thumbnail_has_the_width_that_is_wanted(
    browser: BrowserHolder, site: Site, kind: str
) -> None:
    fields: dict[str, Any] = {"collect": ["thumbnail"], "thumbnail_width": 640}
    small = thumbnail_of(render(browser, kind, url=site.url("/colours"), **fields))
    assert small.size == (640, 400)
    assert is_near(pixel(small, 320, 20), RED, 30)


def test_the_thumbnail_of_a_tall_page_shows_its_top(browser: BrowserHolder, site: Site) -> None:
    fields: dict[str, Any] = {"full_page": True, "collect": ["thumbnail"], "thumbnail_width": 100}
    small = thumbnail_of(
        shoot(browser, site.url("/bands"), viewport={"width": 400, "height": 400}, **fields)
    )
    assert small.size == (100, 200)
    assert is_near(pixel(small, 50, 37), (37, 73, 151), 30)


def test_the_report_tells_the_way_to_the_page(browser: BrowserHolder, site: Site) -> None:
    report = shoot(browser, site.url("/hops?3")).report
    assert report["final_url"] == site.url("/colours")
    assert report["http_status"] == 200
    assert report["redirects"] == 3
    assert report["redirect_chain"] == [
        {"url": site.url(f"/hops?{left}"), "status": 302} for left in (3, 2, 1)
    ]


def test_the_report_has_all_of_its_facts(browser: BrowserHolder, site: Site) -> None:
    report = shoot(browser, site.url("/colours")).report
    assert browser.version is not None
    assert browser.version[0].isdigit()
    assert (
        report.items()
        >= {
            "final_url": site.url("/colours"),
            "http_status": 200,
            "redirects": 0,
            "redirect_chain": [],
            "title": "Colours",
            "content_type": "text/html; charset=utf-8",
            "width": 1280,
            "height": 800,
            "truncated": False,
            "partial": False,
            "blank": False,
            "console_errors": 0,
            "failed_requests": 0,
            "blocked_requests": 0,
            "browser_version": browser.version,
        }.items()
    )


def test_each_stage_is_timed(browser: BrowserHolder, site: Site) -> None:
    stopwatch = Stopwatch({"queue": 0})
    shoot(browser, site.url("/colours"), stopwatch=stopwatch)
    assert list(stopwatch.timings_ms) == ["queue", "browser", "load", "settle", "capture"]
    assert stopwatch.timings_ms["capture"] > 0
