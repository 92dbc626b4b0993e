"""The grammar of what a client may ask the gate for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.egress.target import Target, of_connect, of_request, of_url


@pytest.mark.parametrize(
    ("target", "host", "port"),
    [
        (b"public.test:443", "public.test", 443),
        (b"PUBLIC.test.:443", "public.test", 443),
        (b"10.0.0.5:80", "10.0.0.5", 80),
        (b"127.0.0.1.:80", "127.0.0.1", 80),  # 14
        (b"2130706433:80", "2130706433", 80),  # 12: a name, which the rules refuse
        (b"[::1]:443", "::1", 443),
        (b"[FD00:0:0::1]:443", "fd00::1", 443),
        (b"a_b.test:1", "a_b.test", 1),
    ],
)
def test_a_tunnel_is_to_a_host_and_a_port(target: bytes, host: str, port: int) -> None:
    assert of_connect(target) == Target(host, port)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"http://public.test/", Target("public.test", 80, b"public.test", b"/")),
        (b"http://public.test", Target("public.test", 80, b"public.test", b"/")),
        (b"HTTP://Public.Test:81?q", Target("public.test", 81, b"public.test:81", b"/?q")),
        (b"http://[::1]:81/a|b", Target("::1", 81, b"[::1]:81", b"/a|b")),
        (b'http://p.test/a?{"\\^`}', Target("p.test", 80, b"p.test", b'/a?{"\\^`}')),
        (b"http://p.test/@10.0.0.5/", Target("p.test", 80, b"p.test", b"/@10.0.0.5/")),
    ],
)
def test_a_request_is_for_an_absolute_address(target: bytes, expected: Target) -> None:
    assert of_request(target) == expected


@pytest.mark.parametrize(
    "target",
    [
        *(b"public.test", b"public.test:", b":443", b"public.test:0", b"public.test:65536"),
        *(b"public.test:999999", b"public.test:http", b"public.test:-1", b"public.test:+1"),
        *(b"[a]:80", b"[public.test]:80", b"[::1%25lo]:80", b"[::1]", b"::1:80", b"[1.2.3.4]:80"),
        *(b"user@public.test:80", b"a b:80", b"a\\b:80", b"a%2e:80", b"a/b:80", b"a..b:80"),
        *("①②⑦.0.0.1:80".encode(), b".test:80", b"", b"http://public.test:80"),
        b"a" * 300 + b":80",
    ],
)
def test_54_what_is_no_host_with_a_port_gets_no_tunnel(target: bytes) -> None:
    with pytest.raises(ValueError, match=r"^(not|no|too)"):
        of_connect(target)


@pytest.mark.parametrize(
    "target",
    [
        *(b"/", b"*", b"", b"public.test", b"//public.test/"),
        *(b"http://public.test@10.0.0.5/", b"http://user:pw@public.test/"),  # 17
        *(b"http://public.test\\@10.0.0.5/", b"http://public.test\\"),  # 18
        *(b"http:\\\\public.test\\", b"http:public.test", b"http:///etc/passwd"),  # 19
        *(b"ht\ttp://10.0.0.5/", b"http://10.0.0.5/\r\nX: y", b" http://a.test/"),  # 20
        *(b"http://a.test/\0", b"http://a.test/a b", b"http://a.test/\xff"),  # 20
        *(b"http://[public.test]/", b"http://[::1", b"http://::1/"),  # 21
        *(b"https://public.test/", b"ftp://public.test/", b"file:///etc/passwd"),
        *(b"http://public.test:/", b"http://public.test:0/", b"http://public.test:99999/"),
        *(b"http://public.test#/", b"http://public.test;/", b"http://%31.0.0.1/", b"http://a..b/"),
    ],
)
def test_17_to_21_what_parsers_take_differently_is_refused(target: bytes) -> None:
    with pytest.raises(ValueError, match=r"^(not|no|too)"):
        of_request(target)


def test_host_and_port_of_a_normalised_address_are_found() -> None:
    assert of_url("http://public.test/a?b#c") == ("public.test", 80)
    assert of_url("https://public.test") == ("public.test", 443)
    assert of_url("https://[fd00::1]:8443/") == ("fd00::1", 8443)
    for url in ("file:///etc/passwd", "http://", "public.test", "http://a@b/", "http://é.test/"):
        with pytest.raises(ValueError, match=r"^not"):
            of_url(url)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(max_size=60))
def test_whatever_passes_has_a_host_that_every_parser_reads_alike(rest: bytes) -> None:
    for parse, prefix in ((of_request, b"http://"), (of_connect, b"")):
        try:
            target = parse(prefix + rest)
        except ValueError:
            continue
        assert set(target.host) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-_:")
        assert 1 <= target.port <= 65535
        assert not set(target.path) & set(b"\r\n \t\0")


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    host=st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}(\.[a-z0-9-]{1,10}){0,3}", fullmatch=True),
    port=st.integers(1, 65535),
    path=st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=40),
)
def test_what_is_written_is_what_is_read(host: str, port: int, path: str) -> None:
    target = of_request(f"http://{host}:{port}/{path}".encode())
    assert (target.host, target.port, target.path) == (host, port, f"/{path}".encode())
    assert of_connect(f"{host}:{port}".encode()) == Target(host, port)
