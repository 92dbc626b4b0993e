"""What a spec means that says no more than it must."""

from typing import Any

import pytest

from farm.jobs.specs.page import PageOptions
from farm.jobs.specs.requests import SPECS
from tests.support.builders import a_spec

JOB: dict[str, Any] = {
    "priority": "normal",
    "tags": (),
    "metadata": {},
    "expires_in": None,
    "max_attempts": 3,
    "retention": 86_400,
    "cache_ttl": 0,
    "fresh": False,
    "webhook_url": None,
    "webhook_secret": None,
}
PAGE = {
    **JOB,
    "url": "http://page.test/",
    "html": None,
    "wait_until": "load",
    "wait_for_selector": None,
    "wait_for_function": None,
    "wait_for_timeout": 0,
    "timeout": 30_000,
    "navigation_timeout": None,
    "best_effort": False,
    "viewport": {"width": 1280, "height": 800},
    "device": None,
    "device_scale_factor": 1,
    "is_mobile": False,
    "has_touch": False,
    "user_agent": None,
    "locale": "en-US",
    "timezone_id": "UTC",
    "geolocation": None,
    "permissions": (),
    "color_scheme": "light",
    "reduced_motion": None,
    "forced_colors": None,
    "contrast": None,
    "media": None,
    "java_script_enabled": True,
    "extra_http_headers": None,
    "extra_http_headers_to": "origin",
    "cookies": (),
    "http_credentials": None,
    "storage_state": None,
    "ignore_https_errors": False,
    "bypass_csp": False,
    "styles": (),
    "hide_selectors": (),
    "click": (),
    "scripts": (),
    "remove_selectors": (),
    "scroll_page": None,
    "scroll_delay": 50,
    "block_resources": (),
    "block_urls": (),
    "block_ads": False,
    "block_cookie_banners": False,
    "fail_on_status": (),
    "fail_on_console_error": False,
    "fail_on_resource_failure": False,
    "collect": (),
    "thumbnail_width": 320,
    "isolation": "job",
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "screenshot": {
        **PAGE,
        "type": "png",
        "quality": None,
        "full_page": False,
        "full_page_max_height": 16_000,
        "selector": None,
        "padding": 0,
        "clip": None,
        "omit_background": False,
        "scale": "device",
        "animations": "disabled",
        "caret": "hide",
        "mask": (),
        "mask_color": "#FF00FF",
        "style": None,
        "retry_blank": 1,
    },
    "pdf": {
        **PAGE,
        "format": "A4",
        "width": None,
        "height": None,
        "landscape": False,
        "margin": {"top": "0px", "right": "0px", "bottom": "0px", "left": "0px"},
        "scale": 1,
        "print_background": True,
        "page_ranges": "",
        "prefer_css_page_size": False,
        "display_header_footer": None,
        "header_template": None,
        "footer_template": None,
        "tagged": False,
        "outline": False,
    },
    "content": {**PAGE, "select": {}},
    "probe": {
        **JOB,
        "url": "http://page.test/",
        "upload_id": None,
        "headers": None,
        "user_agent": None,
        "timeout": 30_000,
        "sections": ("format", "streams", "chapters"),
        "show_entries": None,
        "select_streams": None,
        "count_frames": False,
        "read_intervals": None,
        "frame_limit": 500,
        "probesize": 5_000_000,
        "analyzeduration": 5_000_000,
        "thumbnails": None,
    },
}


@pytest.mark.parametrize("kind", DEFAULTS)
def test_a_spec_has_documented_defaults(kind: str) -> None:
    assert a_spec(kind=kind).model_dump() == {**DEFAULTS[kind], "kind": kind}


def test_every_kind_has_its_defaults_in_the_table_above() -> None:
    assert set(DEFAULTS) == set(SPECS)


@pytest.mark.parametrize(
    ("kind", "fields", "scrolls"),
    [
        ("screenshot", {}, False),
        ("screenshot", {"full_page": True}, True),
        ("screenshot", {"full_page": True, "scroll_page": False}, False),
        ("pdf", {}, True),
        ("pdf", {"scroll_page": False}, False),
        ("content", {}, False),
        ("content", {"scroll_page": True}, True),
    ],
)
def test_a_page_is_scrolled_where_that_is_good_for_the_kind_or_the_spec_says_so(
    kind: str, fields: dict[str, Any], scrolls: bool
) -> None:
    spec = a_spec(kind=kind, **fields)
    assert isinstance(spec, PageOptions)
    assert spec.scrolls is scrolls
