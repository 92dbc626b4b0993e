"""Pages on paper. What stands on them is read from Chromium's own plain way to write a PDF."""

import re
import zlib
from typing import Any

import pytest

from farm.jobs.errors import CaptureFailed
from tasks.pages.browser import BrowserHolder
from tests.support.pages import render
from tests.support.site import Site

A4 = (596, 843)  # rounded up to whole pixels
BLUE_FILL, RED_FILL = b"0 0 1 rg", b"1 0 0 rg"


class Paper:
    """A PDF, as far as Chromium's are to be read without a reader."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.pages = len(re.findall(rb"/Type\s*/Page\b", content))
        boxes = re.findall(rb"/MediaBox\s*\[0 0 ([0-9.]+) ([0-9.]+)\]", content)
        self.sizes = {(round(float(width)), round(float(height))) for width, height in boxes}
        streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL)
        self.drawn = b"\n".join(map(_unpacked, streams))

    @property
    def has_text(self) -> bool:
        return re.search(rb"\bT[jJ]\b", self.drawn) is not None


def _unpacked(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return b""


def printed(browser: BrowserHolder, url: str | None = None, **fields: Any) -> Paper:
    (made,) = render(browser, "pdf", url=url, scroll_page=False, **fields).made
    assert (made.name, made.media_type) == ("page.pdf", "application/pdf")
    return Paper(made.content)


def test_a_page_is_printed_on_a4_with_its_backgrounds(browser: BrowserHolder, site: Site) -> None:
    paper = printed(browser, site.url("/two-pages"))
    assert (paper.pages, paper.sizes, paper.has_text) == (2, {A4}, True)
    colours = printed(browser, site.url("/colours"))
    assert RED_FILL in colours.drawn
    assert BLUE_FILL in colours.drawn


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"format": "Letter"}, (612, 792)),
        ({"format": "A6"}, (298, 420)),
        ({"width": "100mm", "height": "4in"}, (283, 288)),
        ({"width": "800px", "height": "21cm"}, (600, 595)),
        ({"landscape": True}, A4[::-1]),
        ({"format": "Legal", "landscape": True}, (1008, 612)),
    ],
)
def test_the_paper_has_the_size_that_is_wanted(
    browser: BrowserHolder, site: Site, fields: dict[str, Any], size: tuple[int, int]
) -> None:
    (found,) = printed(browser, site.url("/two-pages"), **fields).sizes
    assert all(abs(is_pt - wanted_pt) <= 1 for is_pt, wanted_pt in zip(found, size, strict=True))


def test_the_page_s_own_size_wins_if_wished(browser: BrowserHolder) -> None:
    html = "<style>@page { size: 400px 400px }</style><p>Text"
    assert printed(browser, html=html).sizes == {A4}
    assert printed(browser, html=html, prefer_css_page_size=True).sizes == {(300, 300)}


def test_backgrounds_may_be_left_out(browser: BrowserHolder, site: Site) -> None:
    assert RED_FILL not in printed(browser, site.url("/colours"), print_background=False).drawn


def test_margins_leave_less_room_for_the_page(browser: BrowserHolder, site: Site) -> None:
    plain = printed(browser, site.url("/bands"))
    narrow = printed(browser, site.url("/bands"), margin={"top": "10cm", "bottom": "3in"})
    assert plain.pages < narrow.pages / 2
    right = printed(browser, html="<p>" + "word " * 2000, margin={"left": "5cm", "right": "5cm"})
    assert right.pages > printed(browser, html="<p>" + "word " * 2000).pages


def test_a_smaller_scale_puts_more_on_a_page(browser: BrowserHolder, site: Site) -> None:
    pages = [printed(browser, site.url("/bands"), scale=scale).pages for scale in (0.5, 1, 2)]
    assert pages[0] < pages[1] < pages[2]


@pytest.mark.parametrize(
    ("ranges", "pages"), [("2", 1), ("1-2", 2), ("2-", 4), ("-3", 3), ("1, 3-4", 3), ("", 5)]
)
def test_only_the_pages_that_are_wanted_are_printed(
    browser: BrowserHolder, site: Site, ranges: str, pages: int
) -> None:
    assert printed(browser, site.url("/bands"), page_ranges=ranges).pages == pages


def test_pages_that_are_not_there_are_said(browser: BrowserHolder, site: Site) -> None:
    with pytest.raises(CaptureFailed, match="page_ranges"):
        printed(browser, site.url("/bands"), page_ranges="7-9")


@pytest.mark.parametrize("part", ["header_template", "footer_template"])
def test_templates_are_printed(browser: BrowserHolder, part: str) -> None:
    template = "<span style='font-size: 20px' class=pageNumber></span>"
    room = {"top": "3cm", "bottom": "3cm"}
    fields: dict[str, Any] = {"html": "<!doctype html><p>", "margin": room}
    other = ({"header_template", "footer_template"} - {part}).pop()
    fields[other] = "<span></span>"
    assert printed(browser, **fields, **{part: template}).has_text
    assert not printed(browser, **fields, **{part: "<span></span>"}).has_text
    hidden = {**fields, part: template, "display_header_footer": False}
    assert not printed(browser, **hidden).has_text


def test_one_template_brings_nothing_of_the_browser_s_own_along(browser: BrowserHolder) -> None:
    fields: dict[str, Any] = {"html": "<!doctype html><p>", "margin": {"top": "3cm"}}
    assert not printed(browser, **fields, footer_template="<span></span>").has_text


def test_the_browser_s_own_header_is_printed_if_wished(browser: BrowserHolder) -> None:
    fields: dict[str, Any] = {"html": "<!doctype html><p>", "margin": {"top": "3cm"}}
    assert not printed(browser, **fields).has_text
    assert printed(browser, **fields, display_header_footer=True).has_text


def test_an_accessible_pdf_has_tags(browser: BrowserHolder, site: Site) -> None:
    sign = b"/StructTreeRoot"
    assert sign not in printed(browser, site.url("/article")).content
    assert sign in printed(browser, site.url("/article"), tagged=True).content


def test_headings_are_an_outline_if_wished(browser: BrowserHolder, site: Site) -> None:
    sign = b"/Outlines"
    assert sign not in printed(browser, site.url("/two-pages")).content
    assert sign in printed(browser, site.url("/two-pages"), outline=True).content


@pytest.mark.parametrize("has_address", [True, False])
def test_a_pdf_has_the_page_s_print_styles_unless_the_screen_s_are_wanted(
    browser: BrowserHolder, site: Site, has_address: bool
) -> None:
    style = "body { background: #f00 } @media print { body { background: #00f } }"
    page = {"url": site.url("/empty")} if has_address else {"html": "<!doctype html><p>Text"}
    on_paper = printed(browser, **page, styles=[style]).drawn
    assert (RED_FILL in on_paper, BLUE_FILL in on_paper) == (False, True)
    as_on_screen = printed(browser, **page, styles=[style], media="screen").drawn
    assert (RED_FILL in as_on_screen, BLUE_FILL in as_on_screen) == (True, False)


def test_lazy_images_are_on_paper_too(browser: BrowserHolder, site: Site) -> None:
    far = "<!doctype html><div style='height: 9000px'></div><img loading=lazy"
    html = f"{far} src='{site.url('/colour/ff0000.png?on-paper')}'>"
    assert b"/Subtype /Image" in render(browser, "pdf", html=html).made[0].content


def test_the_report_of_a_pdf_has_the_page_s_facts(browser: BrowserHolder, site: Site) -> None:
    outcome = render(browser, "pdf", url=site.url("/two-pages"))
    assert outcome.report["title"] == "Two pages"
    assert outcome.report["http_status"] == 200
