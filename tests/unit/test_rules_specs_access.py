"""Headers and cookies: which are a caller's to set, and for whom."""

import pytest

from tests.support.builders import a_spec
from tests.support.refusals import refused_fields, refused_probe

COOKIE = {"name": "a", "value": "b"}


@pytest.mark.parametrize(
    "name",
    [
        *("Host", "HOST", "Connection", "Content-Length", "content-type", "Content-Encoding"),
        *("Transfer-Encoding", "TE", "Trailer", "Upgrade", "Expect", "Keep-Alive", "Cookie"),
        *("Proxy-Authorization", "proxy-x", "Sec-Fetch-Site", "sec-x"),
        *("", " ", "a b", "a:", "a\r\nb", "a\n", "X-Ś", "ä", "a(b)", "\0"),
    ],
)
def test_103_a_header_that_is_not_the_caller_s_to_set_is_refused(name: str) -> None:
    page = refused_fields(extra_http_headers={name: "b"})
    assert next(iter(page)).startswith("extra_http_headers")
    probe = refused_probe(url="http://page.test/", headers={name: "b"})
    assert next(iter(probe)).startswith("headers")


@pytest.mark.parametrize("value", ["a\r\nHost: b", "a\n", "\0", "\x7f", "夏", "a" * 8193])
def test_103_a_header_whose_value_would_be_more_than_a_value_is_refused(value: str) -> None:
    assert list(refused_fields(extra_http_headers={"a": value})) == ["extra_http_headers.a"]
    assert list(refused_probe(url="http://page.test/", headers={"a": value})) == ["headers.a"]


def test_103_the_33rd_header_is_refused() -> None:
    headers = {f"x-{number}": "a" * 8192 for number in range(33)}
    assert list(refused_fields(extra_http_headers=headers)) == ["extra_http_headers"]
    assert list(refused_probe(url="http://page.test/", headers=headers)) == ["headers"]
    del headers["x-0"]
    a_spec(extra_http_headers=headers)


@pytest.mark.parametrize(
    ("page", "cookie"),
    [
        ("http://a.page.test/", {"domain": ".test"}),
        ("http://a.page.test/", {"domain": "test"}),
        ("http://a.page.test/", {"domain": "test."}),
        ("http://page.com/", {"domain": ".com"}),
        ("http://page.com/", {"domain": "COM"}),
        ("http://page.com/", {"domain": "other.com"}),
        ("http://page.com/", {"domain": "xpage.com"}),
        ("http://page.com/", {"domain": "sub.page.com"}),
        ("http://page.com/", {"url": "http://other.com/"}),
        ("http://page.com/", {"url": "http://sub.page.com/"}),
        ("http://10.0.0.1/", {"domain": "0.0.1"}),
        ("http://page.com/", {"domain": "127.0.0.1"}),
        ("http://shop.co.uk/", {"domain": "co.uk"}),
        ("http://shop.co.uk/", {"domain": ".CO.UK"}),
        ("http://shop.co.uk/", {"domain": "co.uk."}),
        ("http://ann.github.io/", {"domain": ".github.io"}),
        ("http://a.b.kawasaki.jp/", {"domain": "b.kawasaki.jp"}),
        ("http://a.xn--p1ai/", {"domain": "xn--p1ai"}),
        ("http://page.com/", {"domain": "."}),
    ],
    ids=str,
)
def test_107_a_cookie_that_is_not_for_the_page_is_refused(
    page: str, cookie: dict[str, str]
) -> None:
    assert list(refused_fields(url=page, cookies=[{**COOKIE, **cookie}])) == ["cookies"]


@pytest.mark.parametrize("part", ["a;b", "a\r\nb", "a\nb", "a\0"])
@pytest.mark.parametrize("place", ["name", "value", "domain", "path"])
def test_107_nothing_of_a_cookie_can_begin_another_one(place: str, part: str) -> None:
    cookie = {**COOKIE, "domain": "page.test", "path": "/", place: part}
    refused = refused_fields(cookies=[cookie])
    assert list(refused) == [f"cookies.0.{place}"]


@pytest.mark.parametrize(
    ("page", "cookie"),
    [
        ("http://page.com/", {}),
        ("http://page.com/", {"domain": "page.com"}),
        ("http://www.page.com/", {"domain": ".page.com"}),
        ("http://www.page.com/", {"domain": "PAGE.com"}),
        ("http://www.page.com:8080/a", {"url": "https://www.page.com/"}),
        ("http://www.shop.co.uk/", {"domain": ".shop.co.uk"}),
        ("http://ann.github.io/", {"domain": "ann.github.io"}),
        ("http://github.io/", {"domain": "github.io"}),
        ("http://www.city.kawasaki.jp/", {"domain": "city.kawasaki.jp"}),
        ("http://localhost/", {"domain": "localhost"}),
        ("http://intranet/", {"domain": "intranet"}),
        ("http://127.0.0.1:8000/", {"domain": "127.0.0.1"}),
        ("http://[::1]/", {"domain": "[::1]"}),
        ("http://[::1]/", {"url": "http://[::1]/"}),
    ],
    ids=str,
)
def test_107_a_cookie_of_the_page_s_host_or_of_one_above_it_is_taken(
    page: str, cookie: dict[str, str]
) -> None:
    a_spec(url=page, cookies=[{**COOKIE, **cookie}])


def test_107_a_storage_may_have_cookies_of_other_hosts_but_not_of_all_hosts() -> None:
    other = {**COOKIE, "domain": "other.com"}
    a_spec(storage_state={"cookies": [other]})
    html = {"url": None, "html": "<p>"}
    a_spec(**html, cookies=[other])
    for domain in (".com", "co.uk", ".github.io"):
        wide = {**COOKIE, "domain": domain}
        assert list(refused_fields(storage_state={"cookies": [wide]})) == ["storage_state.cookies"]
        assert list(refused_fields(**html, cookies=[wide])) == ["cookies"]
