"""Advertising and cookie banners, by the real engines and lists."""

from pathlib import Path

import pytest

from farm.jobs.errors import OptionUnavailable
from tasks.deadline import Deadline
from tasks.outcome import Stopwatch
from tasks.pages.ads import INSTALLED
from tasks.pages.browser import BrowserHolder
from tasks.pages.render import Pages
from tests.support.builders import a_job, a_spec
from tests.support.pages import BLUE, RED, picture, pixel, shoot
from tests.support.site import Site


def test_advertising_is_neither_loaded_nor_shown_and_the_page_s_own_pictures_are(
    browser: BrowserHolder, site: Site
) -> None:
    plain = picture(shoot(browser, site.url("/advertising")))
    assert pixel(plain, 50, 50) == RED
    assert site.seen("/ad_300x250.png") == 1
    blocked = shoot(browser, site.url("/advertising", host="page.localhost"), block_ads=True)
    assert pixel(picture(blocked), 50, 50) == BLUE
    assert site.seen("/ad_300x250.png") == 1
    assert blocked.report["blocked_requests"] == 1
    assert blocked.report["ads"]["adblock"]
    assert blocked.report["ads"]["easylist"]


def test_what_is_blocked_by_wish_is_no_failure_of_a_resource(
    browser: BrowserHolder, site: Site
) -> None:
    fields = {"block_ads": True, "fail_on_resource_failure": True, "fail_on_console_error": True}
    assert shoot(browser, site.url("/advertising"), **fields).report["failed_requests"] == 0


@pytest.mark.parametrize("banner", ["onetrust", "cookiebot", "home-made"])
def test_a_cookie_banner_is_answered_with_no(
    browser: BrowserHolder, site: Site, banner: str
) -> None:
    url = site.url(f"/banner-{banner}")
    assert pixel(picture(shoot(browser, url)), 640, 700) == RED
    outcome = shoot(browser, url, block_cookie_banners=True)
    assert pixel(picture(outcome), 640, 700) == BLUE
    assert outcome.report["title"] == "no"
    assert outcome.report["cookie_banner"]["result"] == "closed"
    assert outcome.report["cookie_banner"]["autoconsent"]


def test_where_there_is_no_banner_the_report_says_so(browser: BrowserHolder, site: Site) -> None:
    report = shoot(browser, site.url("/colours"), block_cookie_banners=True).report
    assert report["cookie_banner"]["result"] == "none"


@pytest.mark.parametrize("content", [None, "! Title: EasyList\n"])
def test_without_a_list_the_option_fails_and_does_not_pass_for_done(
    browser: BrowserHolder, site: Site, tmp_path: Path, content: str | None
) -> None:
    easylist = tmp_path / "easylist.txt"
    if content is not None:
        easylist.write_text(content, encoding="utf-8")
    job = a_job(spec=a_spec(url=site.url("/advertising"), block_ads=True))
    with pytest.raises(OptionUnavailable):
        Pages(browser, easylist).run(job, Deadline(60), Stopwatch())


def test_the_list_is_where_the_set_up_puts_it() -> None:
    assert INSTALLED.is_file()
