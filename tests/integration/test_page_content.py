"""What a page says, as JSON, and what is taken out of it."""

from typing import Any

import pytest

from tasks.pages.browser import BrowserHolder
from tests.support.pages import read, render
from tests.support.site import Site


def test_an_article_is_read(browser: BrowserHolder, site: Site) -> None:
    found = read(browser, site.url("/article#main"))
    assert found["url"] == site.url("/article#main")
    assert found["title"] == "Lamps & more"
    assert found["lang"] == "en-GB"
    assert found["meta"] == {
        "description": "All about lamps.",
        "og:title": "Lamps",
        "og:image": "/colour/00ff00.png",
    }
    assert found["html"].startswith('<!DOCTYPE html><html lang="en-GB">')
    assert found["html"].endswith("</html>")
    assert found["select"] == {}


def test_the_text_is_what_can_be_seen(browser: BrowserHolder, site: Site) -> None:
    text = read(browser, site.url("/article"))["text"]
    for seen in ("The price of lamps", "€ 1,299.00", "Small\t5", "  kept   as it is", "one\ntwo"):
        assert seen in text
    for unseen in ("Hidden by", "Invisible by", "Product", "<", "green square"):
        assert unseen not in text


def test_links_are_absolute_and_in_their_order(browser: BrowserHolder, site: Site) -> None:
    assert read(browser, site.url("/article"))["links"] == [
        {"href": site.url("/empty"), "text": "Home", "rel": None},
        {"href": site.url("/colours#top"), "text": "Colours", "rel": None},
        {"href": "https://example.com/out", "text": "Out", "rel": "nofollow"},
        {"href": "mailto:x@y", "text": "Mail", "rel": None},
        {"href": site.url("/tall"), "text": "link", "rel": None},
    ]


def test_what_scripts_have_made_is_read(browser: BrowserHolder, site: Site) -> None:
    found = read(browser, site.url("/bands?bands=3"))
    assert found["html"].count('<div style="height: 100px') == 3
    assert "rgb(74, 146, 46)" in found["html"]


def test_text_and_attributes_of_all_that_matches_are_selected(
    browser: BrowserHolder, site: Site
) -> None:
    select = {
        "prices": {"selector": ".price"},
        "currencies": {"selector": ".price", "attribute": "data-currency"},
        "images": {"selector": "img", "attribute": "src"},
        "rels": {"selector": "a", "attribute": "rel"},
        "unseen": {"selector": "[hidden]"},
        "nothing": {"selector": "#no-such"},
    }
    assert read(browser, site.url("/article"), select=select)["select"] == {
        "prices": ["€ 19.90", "€ 1,299.00"],
        "currencies": ["EUR", "EUR"],
        "images": ["/colour/00ff00.png?w=20&h=20"],
        "rels": ["nofollow"],
        "unseen": ["Hidden by attribute."],
        "nothing": [],
    }


def test_names_of_selections_are_free(browser: BrowserHolder) -> None:
    select = {name: {"selector": "h1"} for name in ("__proto__", "constructor", "a b", "ü")}
    found = read(browser, html="<h1>One</h1>", select=select)["select"]
    assert found == {name: ["One"] for name in select}


def test_a_selector_that_is_none_is_said(browser: BrowserHolder) -> None:
    fields: dict[str, Any] = {"html": "<p>", "select": {"x": {"selector": "div[["}}}
    with pytest.raises(Exception, match=r"'div\[\[' is no CSS selector") as caught:
        render(browser, "content", **fields)
    assert getattr(caught.value, "code", None) == "selector_not_found"


def test_a_page_that_is_no_html_is_read(browser: BrowserHolder, site: Site) -> None:
    assert read(browser, site.url("/plain.txt"))["text"] == "A plain text, with <b>no</b> markup.\n"
    assert (
        '"x-probe": "7"'
        in read(browser, site.url("/echo"), extra_http_headers={"X-Probe": "7"})["text"]
    )
    assert "hello" in read(browser, site.url("/note.xml"))["text"]
    assert "<svg" in read(browser, site.url("/drawing.svg"))["html"]


def test_nothing_that_the_page_has_overwritten_is_in_the_way(browser: BrowserHolder) -> None:
    html = """<!doctype html><title>True</title><h1>One</h1><script>
        Document.prototype.querySelectorAll = () => []
        Object.defineProperty(document, 'title', {get: () => 'False'})
        Array.prototype.map = JSON.stringify = Object.entries = () => { throw 1 }</script>"""
    found = read(browser, html=html, select={"h": {"selector": "h1"}})
    assert (found["title"], found["select"]) == ("True", {"h": ["One"]})


def test_half_a_character_does_not_spoil_the_rest(browser: BrowserHolder) -> None:
    html = "<p id=p>a<script>p.append('\\ud800 b')</script>"
    assert read(browser, html=html)["text"] == "a\ud800 b"


def test_the_artifact_has_its_name_and_the_report_its_facts(
    browser: BrowserHolder, site: Site
) -> None:
    outcome = render(browser, "content", url=site.url("/hops?3"))
    (made,) = outcome.made
    assert (made.name, made.media_type) == ("content.json", "application/json")
    assert outcome.report["final_url"] == site.url("/colours")
    assert outcome.report["redirects"] == 3
