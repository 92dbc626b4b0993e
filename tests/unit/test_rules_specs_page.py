"""What the options of the page kinds do not take, alone and together."""

from typing import Any

import pytest

from tests.support.builders import a_spec
from tests.support.refusals import refused, refused_fields

COOKIE = {"name": "a", "value": "b"}
CREDENTIALS = {"username": "a", "password": "b"}
BOX = {"x": 0, "y": 0, "width": 10, "height": 10}


def refused_html(**fields: Any) -> dict[str, str]:
    return refused({"kind": "content", "html": "<p>", **fields})


def refused_pdf(**fields: Any) -> dict[str, str]:
    return refused_fields(kind="pdf", **fields)


@pytest.mark.parametrize("quality", [0, 80])
def test_a_png_has_no_quality(quality: int) -> None:
    assert "png has no quality" in refused_fields(quality=quality)["quality"]
    assert "png has no quality" in refused_fields(type="png", quality=quality)["quality"]
    a_spec(type="webp", quality=quality)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"clip": BOX, "selector": "#a"}, "clip"),
        ({"clip": BOX, "full_page": True}, "clip"),
        ({"selector": "#a", "full_page": True}, "selector"),
        ({"padding": 1}, "padding"),
        ({"padding": 1, "clip": BOX}, "padding"),
        ({"type": "jpeg", "omit_background": True}, "omit_background"),
        ({"navigation_timeout": 30_001}, "navigation_timeout"),
        ({"timeout": 1000, "navigation_timeout": 1001}, "navigation_timeout"),
        ({"styles": ["a" * 65_536, "b"]}, "styles"),
        ({"scripts": ["a" * 32_768, "b" * 32_769]}, "scripts"),
        ({"extra_http_headers": {"Cookie": "a=b"}}, "extra_http_headers"),
        ({"extra_http_headers": {"proxy-anything": "a"}}, "extra_http_headers"),
        ({"extra_http_headers": {"a b": "c"}}, "extra_http_headers.a b.[key]"),
        ({"extra_http_headers": {"a": "b\r\nc: d"}}, "extra_http_headers.a"),
        ({"cookies": [{**COOKIE, "url": "http://a.test/", "domain": "a.test"}]}, "cookies.0.url"),
        ({"cookies": [{**COOKIE, "url": "http://a.test/", "path": "/"}]}, "cookies.0.url"),
        ({"cookies": [COOKIE, {**COOKIE, "path": "/"}]}, "cookies.1.path"),
        ({"cookies": [{**COOKIE, "domain": "a.test", "path": "a"}]}, "cookies.0.path"),
        ({"cookies": [{**COOKIE, "expires": -0.5}]}, "cookies.0.expires"),
        ({"cookies": [{**COOKIE, "sameSite": "lax"}]}, "cookies.0.sameSite"),
        ({"cookies": [{"name": "a" * 1024, "value": "b" * 3073}]}, "cookies.0.value"),
        *(({"cookies": [{**COOKIE, "name": n}]}, "cookies.0.name") for n in (" a", "a;", "a=b")),
        *(({"cookies": [{**COOKIE, "value": v}]}, "cookies.0.value") for v in ("a ", "a;", "\x7f")),
        ({"storage_state": {"cookies": [{**COOKIE, "path": "/"}]}}, "storage_state.cookies.0.path"),
        ({"user_agent": "a\n"}, "user_agent"),
        ({"mask_color": "red; x: url(a)"}, "mask_color"),
        ({"permissions": ["local-network-access"]}, "permissions.0"),
        ({"block_resources": ["document"]}, "block_resources.0"),
        ({"wait_for_selector": ""}, "wait_for_selector.selector"),
        ({"wait_for_selector": "a" * 1001}, "wait_for_selector.selector"),
        ({"kind": "content", "select": {"a": "h1"}}, "select.a"),
        ({"kind": "content", "select": {"a" * 65: {"selector": "a"}}}, f"select.{'a' * 65}.[key]"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_does_not_go_together_is_refused_at_the_field_to_change(
    fields: dict[str, Any], field: str
) -> None:
    assert list(refused_fields(**fields)) == [field]


@pytest.mark.parametrize(
    "fields",
    [
        {"clip": None, "selector": None, "full_page": True},
        {"padding": 0},
        {"padding": 500, "selector": "#a"},
        {"type": "webp", "omit_background": True},
        {"timeout": 1000, "navigation_timeout": 1000},
        {"styles": ["a" * 65_536], "scripts": ["a" * 65_536]},
        {"extra_http_headers": {"Authorization": "Bearer é", "X": ""}},
        {"cookies": [{**COOKIE, "domain": ".page.test"}, {**COOKIE, "url": "http://page.test/"}]},
        {"cookies": [{"name": "é e", "value": ""}, {**COOKIE, "expires": -1}]},
        {"cookies": [{"name": "a" * 1024, "value": "b" * 3072}]},
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_just_within_the_rules_is_taken(fields: dict[str, Any]) -> None:
    a_spec(**fields)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        (
            {"type": "webp", "full_page": True, "full_page_max_height": 16_384},
            "full_page_max_height",
        ),
        ({"type": "webp", "clip": {**BOX, "height": 16_384}}, "clip"),
        ({"type": "webp", "viewport": {"width": 7680}, "device_scale_factor": 3}, "viewport"),
        ({"clip": {**BOX, "height": 25_001}, "device_scale_factor": 2}, "clip"),
        ({"clip": {**BOX, "width": 8000, "height": 8001}}, "clip"),
        ({"viewport": {"width": 7680, "height": 4320}, "device_scale_factor": 2}, "viewport"),
    ],
    ids=str,
)
def test_a_picture_that_cannot_be_is_refused_where_the_spec_shows_it(
    fields: dict[str, Any], field: str
) -> None:
    assert list(refused_fields(**fields)) == [field]
    a_spec(**{**fields, "device_scale_factor": 1, "clip": None, "type": "jpeg"})


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "webp", "full_page": True, "full_page_max_height": 16_383},
        {"type": "webp", "full_page_max_height": 50_000},
        {"type": "webp", "clip": {**BOX, "height": 16_383}},
        {"clip": {**BOX, "height": 25_000}, "device_scale_factor": 2},
        {"clip": {**BOX, "width": 8000, "height": 8000}},
        {"clip": {**BOX, "height": 50_000}, "device_scale_factor": 4, "scale": "css"},
        {"full_page": True, "full_page_max_height": 50_000, "viewport": {"width": 7680}},
        {"selector": "#a", "viewport": {"width": 7680, "height": 4320}, "device_scale_factor": 2},
    ],
    ids=str,
)
def test_a_picture_that_can_be_is_not_refused(fields: dict[str, Any]) -> None:
    a_spec(**fields)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"extra_http_headers": {"a": "b"}}, "extra_http_headers_to"),
        ({"http_credentials": CREDENTIALS}, "http_credentials.origin"),
        ({"cookies": [COOKIE]}, "cookies"),
        ({"storage_state": {"cookies": [COOKIE]}}, "storage_state.cookies"),
    ],
)
def test_html_has_no_origin_that_a_secret_could_belong_to(
    fields: dict[str, Any], field: str
) -> None:
    assert list(refused_html(**fields)) == [field]
    a_spec(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"extra_http_headers": {"a": "b"}, "extra_http_headers_to": "all"},
        {"http_credentials": {**CREDENTIALS, "origin": "http://a.test/"}},
        {"cookies": [{**COOKIE, "domain": "a.test"}, {**COOKIE, "url": "http://a.test/"}]},
    ],
)
def test_html_takes_a_secret_that_says_where_it_belongs(fields: dict[str, Any]) -> None:
    a_spec(**fields, url=None, html="<p>")


@pytest.mark.parametrize("status", [100, 404, 599, "404", "1xx", "5xx", "400-499", "500-500"])
def test_a_status_may_be_a_number_a_class_or_a_range(status: object) -> None:
    assert a_spec(fail_on_status=[status]).model_dump()["fail_on_status"] == (str(status),)


@pytest.mark.parametrize(
    "status",
    [
        *("", "0xx", "6xx", "4XX", "40", "404-", "-404", "404 ", "4xx-5xx", "500-400", "٤٠٤"),
        *(99, 600, -404, True, 404.0, None),
    ],
)
def test_a_status_that_is_none_is_refused(status: object) -> None:
    assert list(refused_fields(fail_on_status=[500, status])) == ["fail_on_status.1"]


def test_a_selector_alone_means_that_it_be_visible() -> None:
    short = a_spec(wait_for_selector="#a")
    assert short.model_dump()["wait_for_selector"] == {"selector": "#a", "state": "visible"}
    assert short == a_spec(wait_for_selector={"selector": "#a"})


@pytest.mark.parametrize("pages", ["", "1", "1-3", "1-3, 5,8-", "-3", "99999", "2-2"])
def test_page_ranges_name_pages(pages: str) -> None:
    assert a_spec(kind="pdf", page_ranges=pages).model_dump()["page_ranges"] == pages


@pytest.mark.parametrize("pages", ["0", "-", ",", " ", "1,", "3-1", "1-2-3", "a", "100000", "٣"])
def test_page_ranges_that_name_none_are_refused(pages: str) -> None:
    assert list(refused_pdf(page_ranges=pages)) == ["page_ranges"]


@pytest.mark.parametrize("length", ["1px", "210mm", "8.5in", "21.0cm", "200in", "0.0001mm"])
def test_a_length_has_a_unit(length: str) -> None:
    a_spec(kind="pdf", width=length, height="1in", margin={"top": length})


@pytest.mark.parametrize("length", ["", "1", "1 px", "-1px", "1e3px", "200.1in", "1pt", ".5in", 1])
def test_a_length_that_is_none_is_refused(length: object) -> None:
    assert list(refused_pdf(width=length, height="1in")) == ["width"]
    assert list(refused_pdf(margin={"left": length})) == ["margin.left"]


def test_paper_has_a_size_and_only_one() -> None:
    a_spec(kind="pdf", margin={"top": "0px"})
    assert list(refused_pdf(width="0px", height="1in")) == ["width"]
    assert list(refused_pdf(width="1in")) == ["height"]
    assert list(refused_pdf(height="1in")) == ["width"]
    assert list(refused_pdf(width="1in", height="1in", format="A4")) == ["format"]


@pytest.mark.parametrize(
    ("field", "value", "hint"),
    [
        ("device", "iphone 15", "'iPhone 15'"),
        ("device", "Pixel7", "'Pixel 7'"),
        ("timezone_id", "europe/berlin", "'Europe/Berlin'"),
        ("timezone_id", "Europe/Berlni", "'Europe/Berlin'"),
    ],
)
def test_a_name_that_is_nearly_one_is_answered_with_the_nearest(
    field: str, value: str, hint: str
) -> None:
    assert refused_fields(**{field: value})[field].endswith(f"; did you mean {hint}?")


@pytest.mark.parametrize("value", ["", "xyzzy", "x" * 65, "x" * 2_000_000])
@pytest.mark.parametrize("field", ["device", "timezone_id"])
def test_a_name_that_is_like_none_is_refused_without_a_guess(field: str, value: str) -> None:
    assert "did you mean" not in refused_fields(**{field: value})[field]


@pytest.mark.parametrize(
    "locale",
    ["en", "yue", "de-DE", "es-419", "zh-Hant-TW", "ca-ES-valencia", "th-TH-u-ca-buddhist"],
)
def test_a_locale_is_a_bcp_47_tag(locale: str) -> None:
    a_spec(locale=locale)


@pytest.mark.parametrize("locale", ["", "x", "de_DE", "de-", "de-1-1", "root", "de-DE\n", "en-u"])
def test_a_locale_that_the_browser_would_not_take_is_refused(locale: str) -> None:
    assert list(refused_fields(locale=locale)) == ["locale"]
