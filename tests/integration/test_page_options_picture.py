"""What of a page is in its picture, how it is encoded, and what is judged of it."""

import hashlib
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from tasks.outcome import Outcome
from tasks.pages.browser import BrowserHolder
from tests.support.pages import (
    BLUE,
    GREEN,
    RED,
    WHITE,
    failure,
    failure_of,
    is_near,
    picture,
    pixel,
    shoot,
)
from tests.support.site import Site

SMALL = {"width": 200, "height": 200}


def band(number: int) -> tuple[int, int, int]:
    return 37 * number % 256, 73 * number % 256, 151 * number % 256


def alpha_at(outcome: Outcome, x: int, y: int) -> int:
    return picture(outcome, "RGBA").crop((x, y, x + 1, y + 1)).tobytes()[3]


def test_a_full_page_shows_each_of_its_parts_once(browser: BrowserHolder, site: Site) -> None:
    outcome = shoot(browser, site.url("/bands"), viewport=SMALL, full_page=True, scroll_page=False)
    image = picture(outcome)
    assert image.size == (200, 5000)
    assert all(pixel(image, 100, 100 * i + 50) == band(i) for i in range(50))
    assert outcome.report["truncated"] is False


@pytest.mark.parametrize("image_type", ["png", "jpeg", "webp"])
def test_a_page_beyond_the_height_is_cut_and_says_so(
    browser: BrowserHolder, site: Site, image_type: str
) -> None:
    fields: dict[str, Any] = {"viewport": SMALL, "full_page": True, "full_page_max_height": 1250}
    outcome = shoot(browser, site.url("/bands"), **fields, type=image_type)
    image = picture(outcome)
    assert image.size == (200, 1250)
    assert (outcome.report["height"], outcome.report["truncated"]) == (1250, True)
    assert all(is_near(pixel(image, 100, 100 * i + 50), band(i), 20) for i in range(12))


def test_the_height_is_one_of_the_picture_s_pixels(browser: BrowserHolder, site: Site) -> None:
    fields: dict[str, Any] = {"viewport": SMALL, "full_page": True, "full_page_max_height": 1000}
    outcome = shoot(browser, site.url("/bands"), **fields, device_scale_factor=2)
    image = picture(outcome)
    assert image.size == (400, 1000)
    assert pixel(image, 200, 990) == band(4)
    assert outcome.report["truncated"] is True


@pytest.mark.parametrize("image_type", ["png", "jpeg", "webp"])
def test_a_page_of_more_than_16_000_px_is_cut_there_and_never_empty(
    browser: BrowserHolder, site: Site, image_type: str
) -> None:
    outcome = shoot(
        browser,
        site.url("/tall-16385"),
        viewport=SMALL,
        full_page=True,
        scroll_page=False,
        type=image_type,
    )
    image = picture(outcome)
    assert image.size == (200, 16_000)
    assert is_near(pixel(image, 100, 15_990), BLUE)
    assert outcome.report["truncated"] is True


def test_a_webp_is_as_tall_as_its_format_can_hold(browser: BrowserHolder, site: Site) -> None:
    fields: dict[str, Any] = {"viewport": SMALL, "full_page": True, "full_page_max_height": 16_383}
    url = site.url("/tall-16385")
    outcome = shoot(browser, url, **fields, type="webp", scroll_page=False)
    assert picture(outcome).size == (200, 16_383)


@pytest.mark.parametrize("path", ["/bars?full", "/bars?full-and-scrolled"])
def test_what_is_fixed_or_sticks_is_not_repeated_in_a_full_page(
    browser: BrowserHolder, site: Site, path: str
) -> None:
    fields: dict[str, Any] = {
        "full_page": True,
        "scroll_page": "scrolled" in path,
        "scroll_delay": 0,
    }
    image = picture(
        shoot(browser, site.url(path), viewport={"width": 100, "height": 600}, **fields)
    )
    column = [pixel(image, 50, y) for y in range(5, 4000, 10)]
    assert image.size == (100, 4000)
    assert (column.count(RED), column.count(BLUE)) == (5, 5)
    assert (column.index(RED), column.index(BLUE)) == (0, 50)


def test_an_element_alone_is_pictured(browser: BrowserHolder, site: Site) -> None:
    image = picture(shoot(browser, site.url("/element"), selector="#box"))
    assert image.size == (200, 100)
    assert image.getcolors() == [(20_000, GREEN)]


def test_an_element_has_padding_around_it(browser: BrowserHolder, site: Site) -> None:
    image = picture(shoot(browser, site.url("/element"), selector="#box", padding=10))
    assert image.size == (220, 120)
    assert [pixel(image, 110, y) for y in (5, 15, 105, 115)] == [WHITE, GREEN, GREEN, WHITE]
    assert [pixel(image, x, 60) for x in (5, 15, 205, 215)] == [WHITE, GREEN, GREEN, WHITE]


def test_an_element_is_pictured_wherever_it_is(browser: BrowserHolder, site: Site) -> None:
    fields: dict[str, Any] = {"selector": "body > div:nth-of-type(43)", "device_scale_factor": 2}
    image = picture(shoot(browser, site.url("/bands"), **fields, viewport=SMALL))
    assert image.getcolors() == [(400 * 200, band(42))]


@pytest.mark.parametrize("selector", ["#no-such", "#hidden", "div[["])
def test_an_element_that_is_not_there_is_said(
    browser: BrowserHolder, site: Site, selector: str
) -> None:
    error = failure(browser, site.url("/element"), selector=selector)
    assert error.code == "selector_not_found"
    assert repr(selector) in error.message


def test_a_clip_may_lie_below_the_fold(browser: BrowserHolder, site: Site) -> None:
    clip = {"x": 30, "y": 3050, "width": 70, "height": 100}
    image = picture(shoot(browser, site.url("/bands"), clip=clip, viewport=SMALL))
    assert image.size == (70, 100)
    assert [pixel(image, 35, y) for y in (10, 90)] == [band(30), band(31)]


def test_a_clip_ends_with_the_page(browser: BrowserHolder, site: Site) -> None:
    clip = {"x": 150, "y": 4900, "width": 500, "height": 500}
    assert picture(shoot(browser, site.url("/bands"), clip=clip, viewport=SMALL)).size == (50, 100)


def test_a_clip_outside_of_the_page_is_said(browser: BrowserHolder, site: Site) -> None:
    clip = {"x": 0, "y": 6000, "width": 10, "height": 10}
    error = failure(browser, site.url("/bands"), clip=clip)
    assert error.code == "capture_failed"
    assert error.message == "The clip lies outside of the page, which is 1280 by 5000 pixels."


@pytest.mark.parametrize("image_type", ["png", "webp"])
def test_a_page_without_background_may_be_transparent(
    browser: BrowserHolder, site: Site, image_type: str
) -> None:
    fields: dict[str, Any] = {"type": image_type, "viewport": SMALL}
    plain = shoot(browser, site.url("/transparent"), **fields)
    clear = shoot(browser, site.url("/transparent"), **fields, omit_background=True)
    assert [alpha_at(plain, *at) for at in ((50, 50), (150, 150))] == [255, 255]
    assert [alpha_at(clear, *at) for at in ((50, 50), (150, 150))] == [255, 0]


def test_a_lower_quality_makes_a_smaller_file(browser: BrowserHolder, site: Site) -> None:
    for image_type in ("jpeg", "webp"):
        low, usual, high = (
            len(shoot(browser, site.url("/article"), type=image_type, **quality).made[0].content)
            for quality in ({"quality": 5}, {}, {"quality": 99})
        )
        assert low < usual < high


def test_a_webp_of_quality_100_has_the_very_colours(browser: BrowserHolder, site: Site) -> None:
    fields: dict[str, Any] = {
        "viewport": {"width": 100, "height": 800},
        "type": "webp",
        "quality": 100,
    }
    image = picture(shoot(browser, site.url("/bands"), **fields))
    assert [pixel(image, 50, 100 * i + 50) for i in range(8)] == [band(i) for i in range(8)]


def test_each_type_is_named_for_what_it_is(browser: BrowserHolder, site: Site) -> None:
    for image_type in ("png", "jpeg", "webp"):
        (made,) = shoot(browser, site.url("/colours"), type=image_type).made
        assert (made.name, made.media_type) == (f"screenshot.{image_type}", f"image/{image_type}")
        assert Image.open(BytesIO(made.content)).format == image_type.upper()


@pytest.mark.parametrize(("scale", "size"), [("device", (600, 300)), ("css", (200, 100))])
def test_a_picture_has_the_device_s_pixels_or_the_page_s(
    browser: BrowserHolder, site: Site, scale: str, size: tuple[int, int]
) -> None:
    fields: dict[str, Any] = {"device_scale_factor": 3, "scale": scale}
    viewport = {"width": 200, "height": 100}
    for part in ({}, {"selector": "div"}, {"clip": {"x": 0, "y": 0, "width": 200, "height": 100}}):
        outcome = shoot(browser, site.url("/colours"), viewport=viewport, **fields, **part)
        assert picture(outcome).size == size
        assert (outcome.report["width"], outcome.report["height"]) == size


def test_animations_stand_still_unless_they_are_wanted(browser: BrowserHolder) -> None:
    html = """<style>body { margin: 0 } div { height: 100px; background: #f00; transition: 50s }
        .end { background: #0f0 }</style><div id="box"></div>"""
    start = "getComputedStyle(box).top; box.className = 'end'"
    fields: dict[str, Any] = {"html": html, "scripts": [start]}
    assert pixel(picture(shoot(browser, **fields)), 50, 50) == GREEN
    assert pixel(picture(shoot(browser, **fields, animations="allow")), 50, 50) != GREEN


def test_an_endless_animation_is_taken_off_unless_it_is_wanted(
    browser: BrowserHolder, site: Site
) -> None:
    url = site.url("/animation")
    assert pixel(picture(shoot(browser, url)), 50, 50) == WHITE
    assert pixel(picture(shoot(browser, url, animations="allow")), 50, 50) in {RED, BLUE}


def test_the_caret_is_hidden_unless_it_is_wanted(browser: BrowserHolder, site: Site) -> None:
    for caret, is_seen in (("hide", False), ("initial", True)):
        image = picture(shoot(browser, site.url("/caret"), caret=caret))
        assert (RED in {pixel(image, x, 80) for x in range(48, 58)}) is is_seen


def test_what_is_masked_is_covered(browser: BrowserHolder, site: Site) -> None:
    fields: dict[str, Any] = {"mask": ["div >> nth=0", "div:nth-of-type(3)", "#no-such"]}
    image = picture(shoot(browser, site.url("/colours"), **fields))
    assert [pixel(image, 5, y) for y in (50, 150, 250)] == [(255, 0, 255), GREEN, (255, 0, 255)]


def test_no_policy_of_the_page_is_in_the_way_of_a_mask(browser: BrowserHolder, site: Site) -> None:
    image = picture(shoot(browser, site.url("/csp-strict"), mask=["body"]))
    assert pixel(image, 640, 20) == (255, 0, 255)


def test_the_mask_has_the_colour_that_is_wanted(browser: BrowserHolder, site: Site) -> None:
    fields: dict[str, Any] = {"mask": ["div >> nth=0"], "mask_color": "rgb(1, 2, 3)"}
    assert pixel(picture(shoot(browser, site.url("/colours"), **fields)), 5, 50) == (1, 2, 3)


@pytest.mark.parametrize("path", ["/colours", "/csp-strict"])
def test_a_style_applies_while_the_picture_is_taken(
    browser: BrowserHolder, site: Site, path: str
) -> None:
    style = "html, body { background: #123456 !important } div { display: none }"
    image = picture(shoot(browser, site.url(path), style=style))
    assert pixel(image, 640, 700) == (0x12, 0x34, 0x56)


def test_a_blank_picture_is_taken_again(browser: BrowserHolder, site: Site) -> None:
    page = site.url("/blank-then-painted")
    first = shoot(browser, page, retry_blank=0)
    assert pixel(picture(first), 640, 400) == WHITE
    # Red all over is of one colour as well, so it is still called blank.
    again = shoot(browser, page, retry_blank=1)
    assert pixel(picture(again), 640, 400) == RED


def test_a_picture_of_one_colour_is_called_blank(browser: BrowserHolder, site: Site) -> None:
    for image_type in ("png", "jpeg", "webp"):
        fields: dict[str, Any] = {"type": image_type, "retry_blank": 0}
        assert shoot(browser, site.url("/blank"), **fields).report["blank"] is True
        assert shoot(browser, site.url("/colours"), **fields).report["blank"] is False
        assert shoot(browser, site.url("/article"), **fields).report["blank"] is False


def test_a_blank_page_that_fills_is_not_blank(browser: BrowserHolder) -> None:
    html = """<body><script>setTimeout(() => { document.body.innerHTML =
        '<div style="height: 300px; background: #00f">' }, 700)</script>"""
    assert shoot(browser, html=html, retry_blank=1).report["blank"] is False


def test_a_page_that_stands_still_has_the_same_picture_each_time(
    browser: BrowserHolder, site: Site
) -> None:
    url = site.url("/article")
    shots = [shoot(browser, url, viewport={"width": 600, "height": 400}) for _ in range(20)]
    assert len({hashlib.sha256(each.made[0].content).digest() for each in shots}) == 1


def test_an_element_too_large_for_a_picture_is_refused(browser: BrowserHolder, site: Site) -> None:
    fields: dict[str, Any] = {"selector": "div", "type": "webp", "viewport": SMALL}
    error = failure(browser, site.url("/tall-16385"), **fields)
    assert error.code == "page_too_large"
    assert "png" in error.message
    assert failure_of(browser, site.url("/too-tall"), selector="div") == "page_too_large"
