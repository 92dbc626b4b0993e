"""How far a body goes."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.egress.framing import Body, Chunked, Malformed, Sized, Unsized

SEVERAL = b"4\r\nfarm\r\n1;name=value\r\ns\r\n0\r\nTrailer: x\r\n\r\n"


def passed(body: Body, *pieces: bytes) -> bytes:
    return b"".join(body.take(piece) for piece in pieces)


def in_chunks(data: bytes, sizes: list[int]) -> bytes:
    """Return ``data`` as a sender with a mind of its own would."""
    out = b""
    for size in sizes:
        piece, data = data[:size], data[size:]
        if piece:
            out += b"%X;ext=%d\r\n%b\r\n" % (len(piece), size, piece)
    if data:
        out += b"%x \r\n%b\r\n" % (len(data), data)
    return out + b"00\r\n\r\n"


def cut(data: bytes, at: list[int]) -> list[bytes]:
    """Return ``data`` in the pieces in which a network may deliver it."""
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in at)})
    return [data[a:b] for a, b in pairwise(places)]


def test_a_sized_body_ends_where_it_should_and_the_rest_is_no_part_of_it() -> None:
    body = Sized(5)
    assert passed(body, b"he", b"llo, next") == b"hello"
    assert body.is_over
    assert body.surplus == b", next"


def test_no_body_is_over_at_once() -> None:
    assert Sized(0).is_over


def test_a_chunked_body_is_chunked_anew_or_laid_bare() -> None:
    assert passed(Chunked(chunked=True), SEVERAL) == b"5\r\nfarms\r\n0\r\n\r\n"
    assert passed(Chunked(chunked=False), SEVERAL) == b"farms"


def test_what_comes_behind_the_last_chunk_is_no_part_of_the_body() -> None:
    body = Chunked(chunked=False)
    assert passed(body, SEVERAL + b"GET /") == b"farms"
    assert body.surplus == b"GET /"


def test_a_body_without_size_ends_with_the_connection() -> None:
    body = Unsized(chunked=True)
    assert passed(body, b"hello") + body.end() == b"5\r\nhello\r\n0\r\n\r\n"
    assert body.is_over
    bare = Unsized(chunked=False)
    assert passed(bare, b"hello") + bare.end() == b"hello"


@pytest.mark.parametrize("body", [Sized(5), Chunked(chunked=True)])
def test_other_bodies_must_not_end_with_the_connection(body: Body) -> None:
    body.take(b"1")
    with pytest.raises(Malformed):
        body.end()


@pytest.mark.parametrize(
    "data",
    [
        *(b"x\r\n", b"-1\r\n", b"0x5\r\n", b"\r\n5\r\n", b" 5\r\nhello", b"5\nhello\r\n0\r\n\r\n"),
        *(b"5\r\nhelloworld\r\n", b"5\r\nhello\n0\r\n\r\n", b"1" * 16 + b"\r\n", b"5_0\r\n"),
        *(b"5;" + b"x" * 20_000, b"0\r\n" + b"a: b\r\n" * 5000),
    ],
)
def test_what_is_no_chunk_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        passed(Chunked(chunked=True), data)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    data=st.binary(max_size=200),
    sizes=st.lists(st.integers(1, 50), max_size=6),
    at=st.lists(st.integers(0, 400), max_size=8),
    surplus=st.binary(max_size=10),
)
def test_chunks_mean_the_same_however_they_are_delivered(
    data: bytes, sizes: list[int], at: list[int], surplus: bytes
) -> None:
    pieces = cut(in_chunks(data, sizes) + surplus, at)
    bare, out, behind = Chunked(chunked=False), b"", b""
    for piece in pieces:
        if bare.is_over:
            behind += piece
        else:
            out += bare.take(piece)
    assert out == data
    assert bare.surplus + behind == surplus


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.binary(min_size=1, max_size=20), max_size=10))
def test_noise_is_refused_or_waited_for(pieces: list[bytes]) -> None:
    body = Chunked(chunked=True)
    for piece in pieces:
        if body.is_over:
            break
        try:
            body.take(piece)
        except Malformed:
            break
