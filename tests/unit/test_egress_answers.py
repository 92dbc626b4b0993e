"""What a server answers, and what of it the client gets."""

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.egress.answers import Answer
from tasks.egress.framing import Malformed
from tasks.egress.requests import Request, parse
from tests.unit.test_egress_framing import cut, in_chunks


def asked(method: str = "GET", *lines: str, version: str = "1.1") -> Request:
    first = f"{method} http://public.test/ HTTP/{version}"
    return parse("\r\n".join([first, "Host: public.test", *lines, "", ""]).encode())


def answered(*lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join([*lines, "", ""]).encode() + body


def through(answer: Answer, *pieces: bytes) -> bytes:
    return b"".join(answer.take(piece) for piece in pieces)


def test_what_is_meant_for_the_client_goes_on_as_it_came() -> None:
    answer = Answer(asked())
    out = answer.take(
        answered(
            "HTTP/1.1 404 Not Here",
            "Content-Type: text/html",
            "Connection: keep-alive, X-Hop",
            "X-Hop: 1",
            "Keep-Alive: timeout=5",
            "Proxy-Authenticate: Basic",
            "X-Farm-Gate: target_forbidden",
            "Upgrade: h2c",
            "Set-Cookie: a=b",
            "set-cookie: c=d",
            "Content-Length: 2",
            body=b"no",
        )
    )
    assert out == (
        b"HTTP/1.1 404 Not Here\r\nContent-Type: text/html\r\nSet-Cookie: a=b\r\n"
        b"set-cookie: c=d\r\nContent-Length: 2\r\n\r\nno"
    )
    assert answer.is_over
    assert answer.server_stays
    assert answer.client_stays


def test_a_body_in_chunks_stays_in_chunks_even_if_a_size_is_given_too() -> None:
    answer = Answer(asked())
    head = answered("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Content-Length: 3")
    out = answer.take(head + b"2\r\nhi\r\n0\r\n\r\n")
    assert out == b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"


def test_a_body_without_a_size_gets_chunks_so_that_its_end_is_seen() -> None:
    answer = Answer(asked())
    out = through(answer, answered("HTTP/1.0 200 OK", body=b"h"), b"i") + answer.end()
    assert out.endswith(b"Transfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n")
    assert not answer.server_stays
    assert answer.client_stays


def test_an_old_client_gets_no_chunks() -> None:
    for head, body in (
        (answered("HTTP/1.1 200 OK", "Transfer-Encoding: chunked"), b"2\r\nhi\r\n0\r\n\r\n"),
        (answered("HTTP/1.1 200 OK"), b"hi"),
    ):
        answer = Answer(asked(version="1.0"))
        out = answer.take(head + body)
        assert out == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhi"
        assert not answer.client_stays


@pytest.mark.parametrize(
    ("method", "status", "length"),
    [("HEAD", "200 OK", "5"), ("GET", "304 Not Modified", "5"), ("GET", "204 No Content", None)],
)
def test_some_answers_have_no_body_whatever_they_say(
    method: str, status: str, length: str | None
) -> None:
    answer = Answer(asked(method))
    fields = [f"Content-Length: {length}"] if length else []
    out = answer.take(answered(f"HTTP/1.1 {status}", *fields))
    assert answer.is_over
    assert answer.server_stays
    assert (b"Content-Length: 5" in out) is (length is not None)
    assert b"Transfer-Encoding" not in out


def test_answers_that_only_announce_another_are_dropped() -> None:
    answer = Answer(asked())
    early = answered("HTTP/1.1 103 Early Hints", "Link: </a>") + answered("HTTP/1.1 100 Continue")
    out = through(answer, early[:30], early[30:], answered("HTTP/1.1 200 OK", "Content-Length: 0"))
    assert out == b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def test_oddities_that_browsers_take_are_taken() -> None:
    head = (
        b"HTTP/1.1 200\nno colon\r\nbad name: x\nX: a\r\n\tb\r\nY:c \r\nZ: \xe9\r\n"
        b"N: \0\r\nContent-Length: 1, 1\r\n\n"
    )
    out = Answer(asked()).take(head + b"h")
    assert out == b"HTTP/1.1 200 \r\nX: a b\r\nY: c\r\nZ: \xe9\r\nContent-Length: 1\r\n\r\nh"


def test_more_than_the_answer_costs_the_server_its_connection() -> None:
    answer = Answer(asked())
    answer.take(answered("HTTP/1.1 200 OK", "Content-Length: 1", body=b"hHTTP/1.1 200 OK"))
    assert answer.is_over
    assert not answer.server_stays


@pytest.mark.parametrize("line", ["Connection: close", "connection: x, Close"])
def test_who_wants_to_close_closes(line: str) -> None:
    answer = Answer(asked())
    answer.take(answered("HTTP/1.1 200 OK", "Content-Length: 0", line))
    assert not answer.server_stays
    assert answer.client_stays
    answer = Answer(asked("GET", line))
    out = answer.take(answered("HTTP/1.1 200 OK", "Content-Length: 0"))
    assert b"\r\nConnection: close\r\n" in out
    assert answer.server_stays
    assert not answer.client_stays


@pytest.mark.parametrize(
    "head",
    [
        b"\r\n\r\n",
        b"<html>\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1e9\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
        b"HTTP/1.1 200 O\rK\r\n\r\n",
        b"x" * 300_000,
    ],
)
def test_what_is_no_answer_is_refused(head: bytes) -> None:
    with pytest.raises(Malformed):
        Answer(asked()).take(head)


def test_an_answer_that_ends_too_early_is_refused() -> None:
    for said in (b"", b"HTTP/1.1 200 OK\r\n", answered("HTTP/1.1 200 OK", "Content-Length: 2")):
        answer = Answer(asked())
        answer.take(said)
        with pytest.raises(Malformed):
            answer.end()


def read_by_h11(data: bytes) -> tuple[int, bytes]:
    """Return status and body of an answer as another reader has them."""
    http = h11.Connection(h11.CLIENT)
    http.send(h11.Request(method="GET", target="/", headers=[("Host", "a.test")]))
    http.send(h11.EndOfMessage())
    http.receive_data(data)
    http.receive_data(b"")
    status, body = 0, b""
    while not isinstance(event := http.next_event(), h11.EndOfMessage):
        if isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
    return status, body


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    status=st.sampled_from([200, 206, 301, 404, 500]),
    frame=st.sampled_from(["sized", "chunked", "unsized"]),
    body=st.binary(max_size=100),
    sizes=st.lists(st.integers(1, 40), max_size=5),
    at=st.lists(st.integers(0, 300), max_size=8),
)
def test_the_client_reads_what_the_server_wrote(
    status: int, frame: str, body: bytes, sizes: list[int], at: list[int]
) -> None:
    field = {"sized": f"Content-Length: {len(body)}", "chunked": "Transfer-Encoding: chunked"}
    head = answered(f"HTTP/1.1 {status} Reason", field.get(frame, "X: y"))
    said = head + (in_chunks(body, sizes) if frame == "chunked" else body)
    answer = Answer(asked())
    out = through(answer, *cut(said, at))
    if frame == "unsized":
        out += answer.end()
    assert answer.is_over
    assert read_by_h11(out) == read_by_h11(said) == (status, body)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    start=st.sampled_from(
        [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]
    ),
    pieces=st.lists(st.binary(min_size=1, max_size=30), max_size=8),
)
def test_noise_is_refused_waited_for_or_passed_on_as_one_answer(
    start: bytes, pieces: list[bytes]
) -> None:
    answer = Answer(asked())
    out = b""
    for piece in [start, *pieces]:
        if answer.is_over:
            break
        try:
            out += answer.take(piece)
        except Malformed:
            return
    head = out.partition(b"\r\n\r\n")[0]
    assert not out or head.startswith(b"HTTP/1.1 ")
    assert b"\n" not in head.replace(b"\r\n", b"")
    assert b"x-farm-gate" not in head.lower()
