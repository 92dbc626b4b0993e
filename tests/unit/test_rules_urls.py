"""The URL grammar: what is taken, what is refused, and the one spelling."""

from contextlib import suppress
from itertools import product
from urllib.parse import urlsplit

import pytest

from farm.jobs.urls import MAX_URL_LENGTH, normalise_url

LABEL = "a" * 63
HOST_OF_253 = f"{LABEL}.{LABEL}.{LABEL}.{'a' * 61}"


def long_url(length: int) -> str:
    start = "http://page.test/"
    return start + "x" * (length - len(start))


def shown(value: object) -> str:
    return ascii(value)[:60]


@pytest.mark.parametrize(
    ("url", "spelling"),
    [
        ("http://page.test", "http://page.test/"),
        ("HTTPS://Page.TEST/Path", "https://page.test/Path"),
        ("http://page.test:80/", "http://page.test/"),
        ("https://page.test:443/", "https://page.test/"),
        ("https://page.test:80/", "https://page.test:80/"),
        ("http://page.test:", "http://page.test/"),
        ("http://page.test:08080/", "http://page.test:8080/"),
        ("http://page.test:1/", "http://page.test:1/"),
        ("http://page.test:65535/", "http://page.test:65535/"),
        ("http://page.test?q=1", "http://page.test/?q=1"),
        ("http://page.test#part", "http://page.test/#part"),
        ("http://page.test/a?b=c&d#e", "http://page.test/a?b=c&d#e"),
        ("http://page.test/?u=user@host:80", "http://page.test/?u=user@host:80"),
        ("http://page.test/%20%C3%A9", "http://page.test/%20%C3%A9"),
        ("http://page.test/~!$&'()*+,;=:@[]", "http://page.test/~!$&'()*+,;=:@[]"),
        ("http://page.test//a/../b", "http://page.test//a/../b"),
        ("http://page.test./", "http://page.test./"),
        ("http://_dmarc.page.test/", "http://_dmarc.page.test/"),
        ("http://xn--bcher-kva.test/", "http://xn--bcher-kva.test/"),
        ("http://localhost/", "http://localhost/"),
        ("http://127.0.0.1/", "http://127.0.0.1/"),
        ("http://127.0.0.1./", "http://127.0.0.1/"),
        ("http://1a.test/", "http://1a.test/"),
        ("http://[::1]/", "http://[::1]/"),
        ("http://[0:0:0:0:0:0:0:1]:8080/", "http://[::1]:8080/"),
        ("http://[2001:DB8::A]/", "http://[2001:db8::a]/"),
        (f"http://{LABEL}.test/", f"http://{LABEL}.test/"),
        (f"http://{HOST_OF_253}/", f"http://{HOST_OF_253}/"),
        # The limit of 253 is without the final dot (RFC 1035).
        (f"http://{HOST_OF_253}./", f"http://{HOST_OF_253}./"),
        (long_url(8192), long_url(8192)),
    ],
    ids=shown,
)
def test_a_good_url_has_one_spelling(url: str, spelling: str) -> None:
    assert normalise_url(url) == spelling
    assert normalise_url(spelling) == spelling


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "must start with"),
        ("page.test", "must start with"),
        ("//page.test/", "must start with"),
        ("/etc/passwd", "must start with"),
        ("http:page.test", "must start with"),
        ("http:/page.test", "must start with"),
        (" http://page.test/", "must start with"),
        ("\thttp://page.test/", "must start with"),
        ("ht\ntp://page.test/", "must start with"),
        ("http\x00://page.test/", "must start with"),
        ("httpſ://page.test/", "must start with"),  # noqa: RUF001 - the point of it
        ("file:///etc/passwd", "must start with"),
        ("ftp://page.test/", "must start with"),
        ("ws://page.test/", "must start with"),
        ("data:text/html,<p>", "must start with"),
        ("data://text/html,x", "must start with"),
        ("javascript:alert(1)", "must start with"),
        ("javascript://page.test/%0aalert(1)", "must start with"),
        ("view-source:http://page.test/", "must start with"),
        ("blob:http://page.test/1", "must start with"),
        ("filesystem:http://page.test/", "must start with"),
        ("about:blank", "must start with"),
        ("chrome://version", "must start with"),
        ("devtools://devtools", "must start with"),
        ("concat:http://page.test/", "must start with"),
        ("http://", "no host"),
        ("http:///path", "no host"),
        ("http://?q", "no host"),
        ("http://#f", "no host"),
        ("http://:80/", None),
        ("http://user@page.test/", "user name"),
        ("http://user:password@page.test/", "user name"),
        ("http://@page.test/", "user name"),
        ("http://page.test:80@other.test/", "user name"),
        ("http://page.test\\@other.test/", None),
        ("http:\\\\page.test\\", "must start with"),
        ("http://page.test\\path", None),
        ("http://page.test/\\path", None),
        ("http://page.test/ ", None),
        ("http://page.test/\n", None),
        ("http://pa ge.test/", None),
        ("http://pa%67e.test/", None),
        ("http://pagé.test/", "ASCII"),
        ("http://page.test/é", "ASCII"),
        ("http://page。test/", "ASCII"),
        ("http://①②⑦.0.0.1/", "ASCII"),
        ("http://page.test/\ud800", "ASCII"),
        ("http://a..b/", None),
        ("http://.page.test/", None),
        ("http://page.test../", None),
        ("http://./", None),
        ("http://-page.test/", None),
        ("http://page-.test/", None),
        (f"http://{LABEL}a.test/", None),
        (f"http://{HOST_OF_253}a/", None),
        ("http://2130706433/", None),
        ("http://0x7f000001/", None),
        ("http://017700000001/", None),
        ("http://0177.0.0.1/", None),
        ("http://0x7f.0.0.1/", None),
        ("http://127.0.0.0x1/", None),
        ("http://127.1/", None),
        ("http://127.0.0.256/", None),
        ("http://127.0.0.1.1/", None),
        ("http://127.0.0.1../", None),
        ("http://page.0x/", None),
        ("http://page.1/", None),
        ("http://[]/", None),
        ("http://[::1/", None),
        ("http://::1/", None),
        ("http://[1::2::3]/", None),
        ("http://[::12345]/", None),
        ("http://[127.0.0.1]/", None),
        ("http://[fe80::1%25eth0]/", None),
        ("http://[fe80::1%eth0]/", None),
        ("http://[v1.a]/", None),
        ("http://[::1]page.test/", None),
        ("http://page.test:0/", "port"),
        ("http://page.test:65536/", "port"),
        ("http://page.test:99999/", "port"),
        ("http://page.test:100000/", None),
        ("http://page.test:-1/", None),
        ("http://page.test:+80/", None),
        ("http://page.test:8 0/", None),
        ("http://page.test:80:80/", None),
        ("http://page.test:٨٠/", "ASCII"),
        (long_url(8193), "8192"),
    ],
    ids=shown,
)
def test_a_bad_url_is_refused_with_a_reason(url: str, reason: str | None) -> None:
    with pytest.raises(ValueError, match=reason):
        normalise_url(url)


ODD_CHARACTERS = [
    *map(chr, range(0x21)),
    *'"<>\\^`{|}\x7f\x80\x85\xa0\u00ad\u200b\u2028\u3002\ufeff\uff0e\udfff\U0001f600',
    # Python's Unicode rules fold these four onto ASCII letters when case is ignored.
    *"\u0130\u0131\u017f\u212a",
]


PLACES = [
    "ht{}tp://page.test/",
    "http{}://page.test/",
    "http:/{}/page.test/",
    "http://{}page.test/",
    "http://pa{}ge.test/",
    "http://page.test{}/",
    "http://page.test:8{}0/",
    "http://page.test/pa{}th",
    "http://page.test/?que{}ry",
    "http://page.test/#frag{}ment",
]


@pytest.mark.parametrize("character", ODD_CHARACTERS, ids=ascii)
def test_a_character_that_no_url_has_is_refused_wherever_it_stands(character: str) -> None:
    taken = []
    for place in PLACES:
        with suppress(ValueError):
            taken.append(normalise_url(place.format(character)))
    assert taken == []


@pytest.mark.parametrize("host", ["page.test", "PAGE.test.", "127.0.0.1.", "[0::0001]", "_a.b-c.d"])
def test_the_spelling_is_stable_and_means_the_same_to_python(host: str) -> None:
    for scheme, port, rest in product(
        ("http", "HTTPS"),
        ("", ":", ":80", ":443", ":0443", ":8080"),
        ("", "/", "?q#f", "#f?q", "//x"),
    ):
        spelling = normalise_url(f"{scheme}://{host}{port}{rest}")
        assert normalise_url(spelling) == spelling
        parts = urlsplit(spelling)
        wanted = int(port.strip(":") or 0) or None
        default = {"http": 80, "https": 443}[parts.scheme]
        assert parts.port == (None if wanted == default else wanted)
        assert (parts.username, parts.path[:1]) == (None, "/")


@pytest.mark.parametrize("rest", ["?", "#"])
def test_24_what_is_too_long_once_it_is_spelled_out_is_refused(rest: str) -> None:
    # The slash that is added makes it one character longer than may be stored.
    start = f"http://page.test{rest}"
    with pytest.raises(ValueError, match="8192"):
        normalise_url(start + "x" * (MAX_URL_LENGTH - len(start)))


@pytest.mark.parametrize(
    "url", ["http://user:hunter2@page.test/", "http://page.test:99999/?token=hunter2"]
)
def test_the_reason_does_not_repeat_what_may_be_a_secret(url: str) -> None:
    with pytest.raises(ValueError) as refused:
        normalise_url(url)
    assert "hunter2" not in str(refused.value)
