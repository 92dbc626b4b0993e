"""Whatever text it is given, the URL grammar refuses it or returns what all parsers read alike."""

import ipaddress
import re
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
from hypothesis import event, given, settings
from hypothesis import strategies as st

from farm.jobs.urls import MAX_URL_LENGTH, normalise_url

BOUNDED = settings(max_examples=500, derandomize=True, database=None, deadline=None)
# RFC 3986's, by name: what is reserved, what is not, and the escape.
URL_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")

SCHEMES = st.sampled_from(["http", "https", "HTTP", "hTTps", "ftp", "file", "", "http:http", "ws"])
SEPARATORS = st.sampled_from(["://", "://", "://", ":", ":/", ":///", ":\\\\", "//"])
LABELS = st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True)
HOSTS = st.one_of(
    st.lists(LABELS, min_size=1, max_size=4).map(".".join),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).flatmap(
        lambda address: st.sampled_from([f"[{address}]", f"[{address.exploded}]", str(address)])
    ),
    st.integers(0, 2**33).map(str),
    st.integers(0, 2**33).map(hex),
    st.text(max_size=10),
    st.sampled_from(["127.1", "0x7f.1", "[::ffff:127.0.0.1]", "[::1%25lo]", "a..b", "a.", ".", ""]),
)
USERS = st.sampled_from(["", "", "", "", "user@", "user:password@", "@", "page.test\\@", "a%40"])
PORTS = st.one_of(
    st.just(""), st.integers(0, 70_000).map(":{}".format), st.text(max_size=4).map(":{}".format)
)
PATH_CHARACTERS = st.sampled_from("aZ0/?#[]@!$&'()*+,;=:%-._~") | st.characters()
RESTS = st.text(PATH_CHARACTERS, max_size=20).map("/{}".format) | st.sampled_from(["", "?q", "#f"])
PIECED = st.tuples(SCHEMES, SEPARATORS, USERS, HOSTS, PORTS, RESTS).map("".join)
GOOD = st.tuples(
    st.sampled_from(["http", "HTTPS"]),
    st.just("://"),
    HOSTS,
    st.integers(1, 65_535).map(":{}".format) | st.just(""),
    st.text(st.sampled_from("aZ0/?#[]@!$&'()*+,;=:%-._~"), max_size=20).map("/{}".format),
).map("".join)
TEXTS = st.one_of(st.text(max_size=60), PIECED, GOOD, GOOD)


def spelling_of(text: str) -> str | None:
    """Return the normalised form; ``None`` where it is refused, which only ValueError may say."""
    with suppress(ValueError):
        return normalise_url(text)
    return None


@BOUNDED
@given(text=TEXTS)
def test_what_is_taken_has_one_spelling(text: str) -> None:
    spelling = spelling_of(text)
    event("refused" if spelling is None else "taken")
    if spelling is not None:
        assert normalise_url(spelling) == spelling


@BOUNDED
@given(text=TEXTS)
def test_what_is_taken_is_short_printable_ascii_without_a_user(text: str) -> None:
    spelling = spelling_of(text)
    if spelling is not None:
        assert URL_CHARACTERS.fullmatch(spelling)
        assert len(spelling) <= MAX_URL_LENGTH
        assert re.match(r"https?://[^/@]+/", spelling)


@BOUNDED
@given(text=TEXTS)
def test_what_is_taken_means_the_same_to_other_parsers(text: str) -> None:
    spelling = spelling_of(text)
    if spelling is not None:
        python, client = urlsplit(spelling), httpx.URL(spelling)
        assert (python.username, python.password, client.userinfo) == (None, None, b"")
        assert (client.scheme, client.port) == (python.scheme, python.port)
        assert client.raw_host.decode() == python.hostname
        assert python.netloc == client.netloc.decode()
        assert python.port not in {0, 80 if python.scheme == "http" else 443}


@BOUNDED
@given(text=TEXTS)
def test_a_host_that_ends_in_a_number_is_a_whole_address(text: str) -> None:
    spelling = spelling_of(text)
    if spelling is not None:
        host = urlsplit(spelling).hostname or ""
        last = host.removesuffix(".").rsplit(".", 1)[-1]
        if ":" in host or re.fullmatch(r"\d+|0x[0-9a-f]*", last):
            assert str(ipaddress.ip_address(host)) == host


@BOUNDED
@given(text=GOOD)
def test_what_it_means_is_what_was_asked_for(text: str) -> None:
    spelling = spelling_of(text)
    if spelling is not None:
        asked, meant = urlsplit(text), urlsplit(spelling)
        rest = text.split("://", 1)[1].partition("/")[2]
        assert spelling.split("://", 1)[1].partition("/")[2] == rest
        assert meant.scheme == asked.scheme.lower()
        default = {"http": 80, "https": 443}[meant.scheme]
        assert (meant.port or default) == (asked.port or default)
