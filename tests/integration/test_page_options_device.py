"""The window and the user that a page believes to have."""

from collections.abc import Mapping
from typing import Any, get_args

import pytest

from farm.jobs.specs.device import Permission
from farm.jobs.specs.names import DEVICES, TIME_ZONES
from tasks.deadline import Deadline
from tasks.pages.browser import BrowserHolder
from tests.support.pages import GREEN, RED, WHITE, picture, pixel, read, render, selected, shoot
from tests.support.site import Site

BERLIN = {"latitude": 52.52, "longitude": 13.39}


def facts(browser: BrowserHolder, site: Site, *names: str, **fields: Any) -> list[str | None]:
    return selected(browser, site.url("/device"), *(f"#{each}" for each in names), **fields)


def test_the_viewport_is_the_page_s_window(browser: BrowserHolder, site: Site) -> None:
    assert facts(browser, site, "viewport") == ["1280x800"]
    viewport = {"width": 333, "height": 222}
    assert facts(browser, site, "viewport", viewport=viewport) == ["333x222"]
    assert picture(shoot(browser, site.url("/device"), viewport=viewport)).size == (333, 222)


def test_a_device_brings_all_of_itself_along(browser: BrowserHolder, site: Site) -> None:
    found = facts(browser, site, "viewport", "scale", "touch", "agent", device="iPhone 15")
    assert found[:3] == ["393x659", "3", "true"]
    assert "iPhone" in str(found[3])
    assert picture(shoot(browser, site.url("/device"), device="iPhone 15")).size == (1179, 1977)


def test_a_device_has_its_own_screen(browser: BrowserHolder, site: Site) -> None:
    assert facts(browser, site, "screen", device="iPhone 15") == ["393x852"]


def test_what_the_spec_says_itself_goes_before_the_device(
    browser: BrowserHolder, site: Site
) -> None:
    fields: dict[str, Any] = {
        "device": "iPhone 15",
        "viewport": {"width": 500, "height": 400},
        "device_scale_factor": 2,
        "has_touch": False,
        "user_agent": "ExampleBot/1.0",
    }
    found = facts(browser, site, "viewport", "scale", "touch", "agent", **fields)
    assert found == ["500x400", "2", "false", "ExampleBot/1.0"]
    assert picture(shoot(browser, site.url("/device"), **fields)).size == (1000, 800)


def test_a_picture_has_more_pixels_for_a_finer_screen(browser: BrowserHolder, site: Site) -> None:
    assert facts(browser, site, "scale", device_scale_factor=1.5) == ["1.5"]
    image = picture(shoot(browser, site.url("/colours"), device_scale_factor=1.5))
    assert image.size == (1920, 1200)
    assert [pixel(image, 5, y) for y in (145, 155)] == [RED, GREEN]


def test_a_phone_heeds_the_page_s_viewport(browser: BrowserHolder) -> None:
    html = """<!doctype html><meta name="viewport" content="width=1000">
        <p></p><script>document.querySelector('p').textContent = innerWidth</script>"""
    viewport = {"width": 500, "height": 400}
    for is_mobile, width in ((False, "500"), (True, "1000")):
        fields: dict[str, Any] = {"html": html, "viewport": viewport, "is_mobile": is_mobile}
        assert read(browser, **fields)["text"].strip() == width


def test_touch_is_there_if_wished(browser: BrowserHolder, site: Site) -> None:
    assert facts(browser, site, "touch") == ["false"]
    assert facts(browser, site, "touch", has_touch=True) == ["true"]


def test_the_user_agent_is_told_to_page_and_server(browser: BrowserHolder, site: Site) -> None:
    assert facts(browser, site, "agent", user_agent="ExampleBot/1.0") == ["ExampleBot/1.0"]
    assert site.headers("/device")["user-agent"] == "ExampleBot/1.0"


def test_the_locale_is_told_to_page_and_server(browser: BrowserHolder, site: Site) -> None:
    assert facts(browser, site, "locale") == ["en-US"]
    assert site.headers("/device")["accept-language"].startswith("en-US")
    assert facts(browser, site, "locale", locale="de-CH") == ["de-CH"]
    assert site.headers("/device")["accept-language"].startswith("de-CH")


def test_numbers_are_written_as_the_locale_does(browser: BrowserHolder) -> None:
    html = "<p><script>document.write((1234.5).toLocaleString())</script>"
    assert read(browser, html=html, locale="de-DE")["text"].strip() == "1.234,5"


def test_the_time_zone_is_the_page_s(browser: BrowserHolder, site: Site) -> None:
    assert facts(browser, site, "timezone") == ["UTC"]
    assert facts(browser, site, "timezone", timezone_id="Asia/Tokyo") == ["Asia/Tokyo"]


def test_the_place_is_told_to_a_page_that_asks(browser: BrowserHolder, site: Site) -> None:
    known = {"wait_for_function": "document.documentElement.dataset.place != 'unknown'"}
    assert facts(browser, site, "place", **known) == ["refused"]
    assert facts(browser, site, "place", geolocation=BERLIN, **known) == ["52.52,13.39"]


def test_a_permission_is_granted(browser: BrowserHolder, site: Site) -> None:
    ask = """navigator.permissions.query({name: 'notifications'})
        .then(({state}) => { document.title = state })"""
    url = site.url("/empty")
    titles = [
        read(browser, url, scripts=[ask], permissions=permissions)["title"]
        for permissions in ([], ["notifications"])
    ]
    assert titles[0] != titles[1] == "granted"


def test_all_permissions_are_granted_together(browser: BrowserHolder, site: Site) -> None:
    outcome = shoot(browser, site.url("/empty"), permissions=list(get_args(Permission)))
    assert outcome.report["http_status"] == 200


@pytest.mark.parametrize(
    ("fields", "number"),
    [
        ({"color_scheme": "dark"}, 0),
        ({"reduced_motion": "reduce"}, 1),
        ({"forced_colors": "active"}, 2),
        ({"contrast": "more"}, 3),
        ({"media": "print"}, 4),
    ],
)
def test_a_media_feature_is_the_one_that_is_wanted(
    browser: BrowserHolder, site: Site, fields: Mapping[str, str], number: int
) -> None:
    image = picture(shoot(browser, site.url("/media-features"), **fields))
    boxes = [pixel(image, 640, 100 * i + 50) for i in range(5)]
    assert boxes == [GREEN if i == number else RED for i in range(5)]


def test_media_features_add_up(browser: BrowserHolder, site: Site) -> None:
    fields: dict[str, Any] = {
        "color_scheme": "dark",
        "reduced_motion": "reduce",
        "forced_colors": "active",
        "contrast": "more",
        "media": "print",
    }
    image = picture(shoot(browser, site.url("/media-features"), **fields))
    assert [pixel(image, 640, 100 * i + 50) for i in range(5)] == [GREEN] * 5


def test_a_dark_page_is_dark(browser: BrowserHolder, site: Site) -> None:
    url = site.url("/dark-mode")
    assert pixel(picture(shoot(browser, url)), 5, 5) == WHITE
    assert pixel(picture(shoot(browser, url, color_scheme="dark")), 5, 5) == (0, 0, 0)


def test_no_preference_is_none(browser: BrowserHolder, site: Site) -> None:
    fields: dict[str, Any] = {"color_scheme": "no-preference", "reduced_motion": "no-preference"}
    more: dict[str, Any] = {"contrast": "no-preference", "forced_colors": "none", "media": "screen"}
    image = picture(shoot(browser, site.url("/media-features"), **fields, **more))
    assert [pixel(image, 640, 100 * i + 50) for i in range(5)] == [RED] * 5


def test_scripts_of_the_page_run_unless_they_may_not(browser: BrowserHolder, site: Site) -> None:
    assert len(read(browser, site.url("/bands"))["html"]) > 1000
    image = picture(shoot(browser, site.url("/bands"), java_script_enabled=False))
    assert image.getcolors() == [(1280 * 800, WHITE)]


@pytest.mark.parametrize("kind", ["pdf", "content"])
def test_every_kind_works_without_scripts(browser: BrowserHolder, site: Site, kind: str) -> None:
    fields: dict[str, Any] = {"java_script_enabled": False, "scroll_page": False, "timeout_s": 20}
    outcome = render(browser, kind, url=site.url("/article"), **fields)
    assert outcome.report["title"] == "Lamps & more"
    assert outcome.made[0].content


def test_html_is_a_page_without_an_address(browser: BrowserHolder) -> None:
    html = "<!doctype html><title>Mine</title><body bgcolor=#00ff00>"
    outcome = shoot(browser, html=html)
    assert pixel(picture(outcome), 640, 400) == GREEN
    assert outcome.report["title"] == "Mine"
    assert outcome.report["final_url"] is None
    assert outcome.report["http_status"] is None


def test_html_may_load_from_elsewhere(browser: BrowserHolder, site: Site) -> None:
    html = f"<body style='margin: 0'><img src='{site.url('/colour/ff0000.png')}'>"
    assert pixel(picture(shoot(browser, html=html)), 50, 50) == RED


def test_devices_and_time_zones_are_those_of_the_browser(browser: BrowserHolder) -> None:
    devices: set[str] = set()

    def options(registry: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
        devices.update(registry)
        return {}

    with browser.page(options, Deadline(60)) as page:
        unknown = page.evaluate(
            """zones => zones.filter(timeZone => {
              try { new Intl.DateTimeFormat('en', {timeZone}); } catch { return true; }
            })""",
            list(TIME_ZONES),
        )
    assert devices == set(DEVICES)
    assert len(DEVICES) == len(set(DEVICES))
    assert unknown == []
