"""How a page is reached: headers, cookies, credentials, storage, certificates, policies."""

from typing import Any
from urllib.parse import quote

import pytest

from tasks.pages.browser import BrowserHolder
from tests.support.pages import GREEN, RED, failure_of, picture, pixel, read, selected, shoot
from tests.support.site import Site, serving_tls

SECRET = {"X-Secret": "hunter2", "Authorization": "Bearer hunter2"}
USER = {"username": "user", "password": "secret"}


def fetching(*urls: str) -> str:
    """Return a script that fetches ``urls``, wherever they are."""
    return f"Promise.allSettled({list(urls)}.map(url => fetch(url, {{mode: 'no-cors'}})))"


def test_headers_go_to_the_page_and_to_what_it_loads_from_its_own_origin(
    browser: BrowserHolder, site: Site
) -> None:
    script = fetching(site.url("/echo?by-script"))
    shoot(browser, site.url("/frames?own"), extra_http_headers=SECRET, scripts=[script])
    for path in ("/frames?own", "/colours", "/echo?by-script"):
        assert site.headers(path)["x-secret"] == "hunter2"
        assert site.headers(path)["authorization"] == "Bearer hunter2"


def test_104_headers_do_not_go_to_another_origin(
    browser: BrowserHolder, site: Site, elsewhere: Site
) -> None:
    script = fetching(elsewhere.url("/echo?foreign"))
    shoot(browser, site.url("/empty"), extra_http_headers=SECRET, scripts=[script])
    assert not {"x-secret", "authorization"} & elsewhere.headers("/echo?foreign").keys()


def test_105_headers_do_not_follow_a_redirect_to_another_origin(
    browser: BrowserHolder, site: Site, elsewhere: Site
) -> None:
    path = f"/redirect?to={quote(elsewhere.url('/echo?redirected'), safe='')}"
    shoot(browser, site.url(path), extra_http_headers=SECRET)
    assert site.headers(path)["x-secret"] == "hunter2"
    assert not {"x-secret", "authorization"} & elsewhere.headers("/echo?redirected").keys()


def test_105_headers_are_there_again_once_a_redirect_leads_back_to_their_origin(
    browser: BrowserHolder, site: Site, elsewhere: Site
) -> None:
    back = f"/redirect?to={quote(site.url('/echo?back-again'), safe='')}"
    path = f"/redirect?to={quote(elsewhere.url(back), safe='')}"
    shoot(browser, site.url(path), extra_http_headers=SECRET)
    assert not {"x-secret", "authorization"} & elsewhere.headers(back).keys()
    assert site.headers("/echo?back-again")["x-secret"] == "hunter2"


def test_104_headers_do_not_go_to_another_origin_s_pictures_and_frames(
    browser: BrowserHolder, site: Site, elsewhere: Site
) -> None:
    html = (
        f"<img src={elsewhere.url('/colour/00ff00.png?104')}>"
        f"<iframe src={elsewhere.url('/echo?104')}></iframe>"
    )
    script = f"document.body.innerHTML = {html!r}"
    shoot(
        browser,
        site.url("/empty"),
        extra_http_headers=SECRET,
        scripts=[script],
        wait_for_timeout=500,
    )
    for path in ("/colour/00ff00.png?104", "/echo?104"):
        assert not {"x-secret", "authorization"} & elsewhere.headers(path).keys()


def test_105_headers_follow_a_redirect_within_the_origin(
    browser: BrowserHolder, site: Site
) -> None:
    shoot(browser, site.url("/redirect?to=/echo?within"), extra_http_headers=SECRET)
    assert site.headers("/echo?within")["x-secret"] == "hunter2"


def test_headers_for_all_go_to_another_origin_too(
    browser: BrowserHolder, site: Site, elsewhere: Site
) -> None:
    fields: dict[str, Any] = {"extra_http_headers": SECRET, "extra_http_headers_to": "all"}
    script = fetching(elsewhere.url("/echo?for-all"))
    shoot(browser, site.url("/echo?all"), **fields, scripts=[script])
    assert site.headers("/echo?all")["x-secret"] == "hunter2"
    assert elsewhere.headers("/echo?for-all")["x-secret"] == "hunter2"


def test_headers_for_all_need_no_origin(browser: BrowserHolder, elsewhere: Site) -> None:
    html = f"<!doctype html><img src={elsewhere.url('/colour/00ff00.png?all')}>"
    fields: dict[str, Any] = {"extra_http_headers": SECRET, "extra_http_headers_to": "all"}
    shoot(browser, html=html, **fields)
    assert elsewhere.headers("/colour/00ff00.png?all")["x-secret"] == "hunter2"


def test_headers_leave_those_of_the_browser_as_they_are(browser: BrowserHolder, site: Site) -> None:
    post = "fetch('/echo?posted', {method: 'POST', body: 'abc'})"
    fields: dict[str, Any] = {
        "cookies": [{"name": "session", "value": "7"}],
        "user_agent": "ExampleBot/1.0",
        "locale": "de-DE",
        "extra_http_headers": {"X-Secret": "hunter2"},
    }
    shoot(browser, site.url("/echo?beside"), **fields, scripts=[post])
    for path in ("/echo?beside", "/echo?posted"):
        came = site.headers(path)
        assert came["x-secret"] == "hunter2"
        assert came["cookie"] == "session=7"
        assert came["user-agent"] == "ExampleBot/1.0"
        assert came["accept-language"].startswith("de-DE")
    assert site.headers("/echo?posted")["content-length"] == "3"


def test_cookies_that_the_site_sets_go_back_beside_headers(
    browser: BrowserHolder, site: Site
) -> None:
    script = "fetch('/echo?back')"
    shoot(browser, site.url("/cookies"), extra_http_headers=SECRET, scripts=[script])
    assert site.headers("/echo?back")["cookie"] == "visited=yes"


def test_a_header_may_replace_one_of_the_browser(browser: BrowserHolder, site: Site) -> None:
    shoot(browser, site.url("/echo?own-accept"), extra_http_headers={"Accept": "text/x-mine"})
    assert site.headers("/echo?own-accept")["accept"] == "text/x-mine"


def test_cookies_are_sent_with_the_page(browser: BrowserHolder, site: Site) -> None:
    assert selected(browser, site.url("/cookies"), "#cookies") == ["none"]
    cookies = [{"name": "a", "value": "1"}, {"name": "b", "value": "2", "url": site.url("/")}]
    assert selected(browser, site.url("/cookies"), "#cookies", cookies=cookies) == ["a=1; b=2"]


def test_a_cookie_goes_where_it_belongs(browser: BrowserHolder, site: Site) -> None:
    cookies = [
        {"name": "here", "value": "1", "domain": "127.0.0.1", "path": "/cookies"},
        {"name": "elsewhere", "value": "2", "domain": "127.0.0.1", "path": "/other"},
    ]
    stored = {"cookies": [{"name": "foreign", "value": "3", "domain": "example.com"}]}
    options = {"cookies": cookies, "storage_state": stored}
    assert selected(browser, site.url("/cookies"), "#cookies", **options) == ["here=1"]


def test_a_page_without_credentials_is_asked_for_them(browser: BrowserHolder, site: Site) -> None:
    outcome = shoot(browser, site.url("/private"))
    assert outcome.report["http_status"] == 401
    assert outcome.warnings == ["The page asks for credentials (HTTP 401)."]


def test_credentials_open_a_page(browser: BrowserHolder, site: Site) -> None:
    outcome = shoot(browser, site.url("/private"), http_credentials=USER)
    assert (outcome.report["http_status"], outcome.report["title"]) == (200, "Private")
    assert outcome.warnings == []


def test_wrong_credentials_do_not_open_a_page(browser: BrowserHolder, site: Site) -> None:
    wrong = {**USER, "password": "guess"}
    assert shoot(browser, site.url("/private"), http_credentials=wrong).report["http_status"] == 401


def test_credentials_are_not_sent_to_another_origin(
    browser: BrowserHolder, site: Site, elsewhere: Site
) -> None:
    script = fetching(elsewhere.url("/private?foreign"))
    shoot(browser, site.url("/private"), http_credentials=USER, scripts=[script])
    assert "authorization" not in elsewhere.headers("/private?foreign")


def test_credentials_go_to_the_origin_that_they_are_for(
    browser: BrowserHolder, site: Site, elsewhere: Site
) -> None:
    named = {**USER, "origin": elsewhere.url("/any/path")}
    path = f"/redirect?to={quote(elsewhere.url('/private'), safe='')}"
    assert shoot(browser, site.url(path), http_credentials=named).report["title"] == "Private"
    outcome = shoot(browser, site.url("/private"), http_credentials=named)
    assert outcome.report["http_status"] == 401


def test_storage_is_there_before_the_page(browser: BrowserHolder, site: Site) -> None:
    assert pixel(picture(shoot(browser, site.url("/storage"))), 640, 400) == RED
    storage = {
        "cookies": [],
        "origins": [{"origin": site.url("/"), "localStorage": [{"name": "token", "value": "t-1"}]}],
    }
    outcome = shoot(browser, site.url("/storage"), storage_state=storage)
    assert pixel(picture(outcome), 640, 400) == GREEN
    assert selected(browser, site.url("/storage"), "#token", storage_state=storage) == ["t-1"]


def test_the_cookies_of_a_storage_are_sent(browser: BrowserHolder, site: Site) -> None:
    cookie = {"name": "kept", "value": "1", "domain": "127.0.0.1", "path": "/", "expires": -1}
    whole: dict[str, Any] = {**cookie, "httpOnly": True, "secure": False, "sameSite": "Lax"}
    fields: dict[str, Any] = {
        "storage_state": {"cookies": [whole]},
        "cookies": [{"name": "new", "value": "2"}],
    }
    assert selected(browser, site.url("/cookies"), "#cookies", **fields) == ["kept=1; new=2"]


def test_one_job_knows_nothing_of_another_s_access(browser: BrowserHolder, site: Site) -> None:
    cookies = [{"name": "secret", "value": "1"}]
    shoot(
        browser,
        site.url("/echo?first"),
        cookies=cookies,
        extra_http_headers=SECRET,
        http_credentials=USER,
    )
    shoot(browser, site.url("/echo?second"))
    assert not {"cookie", "x-secret", "authorization"} & site.headers("/echo?second").keys()
    assert shoot(browser, site.url("/private")).report["http_status"] == 401


def test_a_certificate_that_nobody_vouches_for_is_taken_if_wished(browser: BrowserHolder) -> None:
    with serving_tls("self-signed") as site:
        assert failure_of(browser, site.url("/colours")) == "tls_error"
        outcome = shoot(browser, site.url("/colours"), ignore_https_errors=True)
        assert pixel(picture(outcome), 5, 50) == RED


@pytest.mark.parametrize(("bypass_csp", "title"), [(False, "Csp strict"), (True, "a script ran")])
def test_a_policy_is_not_applied_if_wished(
    browser: BrowserHolder, site: Site, bypass_csp: bool, title: str
) -> None:
    assert read(browser, site.url("/csp-strict"), bypass_csp=bypass_csp)["title"] == title
