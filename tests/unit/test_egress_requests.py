"""What a client may ask for, and what of it a server gets to read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.egress.framing import Malformed
from tasks.egress.requests import head_end, parse


def request(*lines: str, first: str = "GET http://public.test/a HTTP/1.1") -> bytes:
    return "\r\n".join([first, "Host: elsewhere.test", *lines, "", ""]).encode()


def test_the_server_reads_a_path_its_own_name_and_what_is_meant_for_it() -> None:
    head = parse(
        request(
            "User-Agent: Farm",
            "Connection: keep-alive, X-Hop",
            "X-Hop: secret",
            "Keep-Alive: 5",
            "Proxy-Connection: keep-alive",
            "Proxy-Authorization: Basic eA==",
            "TE: trailers",
            "Trailer: x",
            "Upgrade: websocket",
            "X-Farm-Gate: target_forbidden",
            "Cookie: a=b",
        )
    ).head
    assert (
        head == b"GET /a HTTP/1.1\r\nHost: public.test\r\nUser-Agent: Farm\r\nCookie: a=b\r\n\r\n"
    )


def test_a_body_is_framed_as_the_client_did() -> None:
    post = "POST http://public.test/ HTTP/1.1"
    sized = parse(request("Content-Length: 5", "Connection: content-length", first=post))
    assert sized.head.endswith(b"\r\nContent-Length: 5\r\n\r\n")
    assert sized.body.take(b"hello") == b"hello"
    chunked = parse(request("Transfer-Encoding: chunked", first=post))
    assert chunked.head.endswith(b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert chunked.body.take(b"1\r\nx\r\n0\r\n\r\n") == b"1\r\nx\r\n0\r\n\r\n"
    assert not sized.is_repeatable


@pytest.mark.parametrize(
    ("first", "line", "stays"),
    [
        ("GET http://a.test/ HTTP/1.1", "X: y", True),
        ("GET http://a.test/ HTTP/1.1", "Connection: Close", False),
        ("GET http://a.test/ HTTP/1.0", "X: y", False),
        ("GET http://a.test/ HTTP/1.0", "Connection: keep-alive", False),
    ],
)
def test_a_client_stays_if_it_says_so(first: str, line: str, stays: bool) -> None:
    assert parse(request(line, first=first)).stays is stays


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "DELETE", "PATCH"])
def test_only_what_changes_nothing_is_asked_twice(method: str) -> None:
    found = parse(request(first=f"{method} http://a.test/ HTTP/1.1"))
    assert found.is_repeatable is (method in {"GET", "HEAD", "OPTIONS"})


@pytest.mark.parametrize(
    "head",
    [
        request(first="GET http://a.test/ HTTP/2.0"),
        request(first="GET http://a.test/ HTTP/0.9"),
        request(first="GET http://a.test/"),
        request(first="GET  http://a.test/ HTTP/1.1"),
        request(first="G@T http://a.test/ HTTP/1.1"),
        request(first=" GET http://a.test/ HTTP/1.1"),
        request("Content-Length: 5", "Transfer-Encoding: chunked"),
        request("Content-Length: 5", "Content-Length: 6"),
        request("Content-Length: +5"),
        request("Content-Length: 0x5"),
        request("Content-Length: -5"),
        request("Transfer-Encoding: gzip, chunked"),
        request("Transfer-Encoding: identity"),
        request("Transfer-Encoding : chunked"),
        request("Host: two.test"),
        request("No colon"),
        request("X y: z"),
        request("Content-Length: 5", first="CONNECT a.test:443 HTTP/1.1"),
        request("Transfer-Encoding: chunked", first="CONNECT a.test:443 HTTP/1.1"),
        request(first="CONNECT http://a.test/ HTTP/1.1"),
        request(first="GET a.test:80 HTTP/1.1"),
        request(first="GET / HTTP/1.1"),
        request(first="OPTIONS * HTTP/1.1"),
        b"GET http://a.test/ HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"\r\n\r\n",
    ],
)
def test_54_what_can_be_read_in_two_ways_is_refused(head: bytes) -> None:
    with pytest.raises(Malformed):
        parse(head)


@pytest.mark.parametrize(
    "data",
    [
        b"GET http://a.test/ HTTP/1.1\nHost: a.test\n\n",
        b"GET http://a.test/ HTTP/1.1\r\nHost: a.test\n",
        b"GET http://a.test/ HTTP/1.1\r\nX: a\rb\r\n",
        b"GET http://a.test/ HTTP/1.1\r\nX: a\r\n b\r\n",
        b"GET http://a.test/ HTTP/1.1\r\nX: a\r\n\tb\r\n",
        b"GET http://a.test/\0 HTTP/1.1\r\n",
        b"GET http://a.test/ HTTP/1.1\r\nX: \x01\r\n",
        b"GET http://a.test/ HTTP/1.1\r\nX: \x7f\r\n",
        b"x" * 70_000,
        b"GET http://a.test/ HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
    ],
)
def test_54_what_no_honest_client_writes_is_refused_as_soon_as_it_is_seen(data: bytes) -> None:
    with pytest.raises(Malformed):
        head_end(data)


def test_a_head_is_waited_for() -> None:
    head = request("X: y")
    for length in range(len(head)):
        assert head_end(head[:length]) is None
    assert head_end(head) == len(head)
    assert head_end(head + b"GET") == len(head)
    assert head_end(request("X: " + "x" * 60_000)) is not None


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(max_size=120))
def test_noise_is_refused_or_understood(noise: bytes) -> None:
    for data in (noise + b"\r\n\r\n", request() + noise, request("X: ")[:-4] + noise + b"\r\n\r\n"):
        try:
            end = head_end(data)
            if end is None:
                continue
            found = parse(data[:end])
        except Malformed:
            continue
        assert found.head.count(b"\r\n\r\n") == 1
        assert found.head.endswith(b"\r\n\r\n")
        assert b"\n" not in found.head.replace(b"\r\n", b"")
