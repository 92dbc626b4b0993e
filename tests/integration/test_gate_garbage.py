"""What the gate makes of clients that are none: number 54 of the hostile corpus."""

import random
from pathlib import Path

import pytest

from tasks.egress import conversation
from tasks.egress.policy import Policy
from tests.support.gates import (
    Origin,
    Scene,
    dial,
    fetch,
    is_reset,
    read_all,
    say,
    saying,
    scene,
    tunnel,
    whole,
)
from tests.support.waiting import until

MALFORMED = b"HTTP/1.1 400 Bad Request\r\n"
GET = "GET {} HTTP/1.1\r\nHost: a\r\n\r\n"
WORDS = [
    *(b"GET ", b"CONNECT ", b"POST ", b"http://", b"public.test", b":443", b"/", b" HTTP/1.1"),
    *(b"\r\n", b"\r\n\r\n", b"\n", b"Host: a", b"Content-Length: 5", b"[::1]", b"@", b"\0"),
    *(b"Transfer-Encoding: chunked", b"5\r\nhello\r\n", b"0\r\n\r\n", b"10.0.0.5", b"%00"),
]


@pytest.mark.parametrize(
    "data",
    [
        b"GET http://public.test/ HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
        b"x" * 70_000,
        b"CONNECT [a]:80 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://public.test/ HTTP/1.1\nHost: a\n\n",
        b"GET http://public.test/ HTTP/1.1\r\nHost: a\r\nX: a\n\r\n",
        b"GET http://public.test/\r\n\r\n",
        b"GET http://public.test/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n",
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_54_garbage_is_malformed_and_leads_nowhere(data: bytes) -> None:
    with scene() as the:
        said = say(the.port, data)
        assert said.startswith(MALFORMED)
        assert b"X-Farm-Gate: connection_failed\r\n" in said
        assert the.network.dialled == []
        assert fetch(the.port, "http://10.0.0.5/").status == 403


def test_54_a_body_that_is_none_breaks_the_connection() -> None:
    with (
        Origin(saying(b"")) as origin,
        scene(policy=Policy(ports=str(origin.port))) as the,
        dial(the.port) as client,
    ):
        head = GET.format(origin.url()).replace("Host", "Transfer-Encoding: chunked\r\nHost")
        client.sendall(head.encode() + b"nonsense\r\n")
        assert is_reset(client)


def test_54_who_is_silent_or_dawdles_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "_HEAD_S", 0.5)
    with (
        Origin(saying(whole())) as origin,
        scene(policy=Policy(ports=str(origin.port))) as the,
        dial(the.port) as silent,
        dial(the.port) as dawdler,
        dial(the.port) as rested,
    ):
        rested.sendall(GET.format(origin.url()).encode())
        dawdler.settimeout(0.05)
        head = iter(b"GET http://public.test/ HTTP/1.1\r\n" + b"X: y\r\n" * 1000)

        def heard() -> bytes | None:
            dawdler.send(bytes([next(head)]))
            try:
                return dawdler.recv(1000)
            except TimeoutError:
                return None

        assert until(heard, "the dawdler is told").startswith(MALFORMED)
        assert read_all(silent) == b""
        assert read_all(rested).endswith(b"hello")


def test_the_gate_survives_noise() -> None:
    chance = random.Random(54)
    with scene() as the:
        for _ in range(200):
            with dial(the.port) as client:
                noise = b"".join(chance.choices(WORDS, k=chance.randint(1, 15)))
                client.sendall(noise + chance.randbytes(chance.randint(0, 20)))
        assert fetch(the.port, "http://10.0.0.5/").status == 403
        assert set(the.network.dialled) <= {"93.184.216.34"}


def test_nothing_is_left_of_500_connections_that_end_in_every_way() -> None:
    descriptors = Path("/proc/self/fd")

    def once(the: Scene, origin: Origin, way: int) -> None:
        if way == 0:
            assert the.fetch(origin.url()).status == 200
        elif way == 1:
            with tunnel(the.port, f"public.test:{origin.port}"):
                pass
        elif way == 2:
            the.fetch("http://10.0.0.5/")
        elif way == 3:
            say(the.port, b"nonsense\r\n\r\n")
        else:
            with dial(the.port) as client:
                client.sendall(GET.format(origin.url()).encode())

    answer = saying(whole(b"hello", b"Connection: close"), close=True)
    with Origin(answer) as origin, scene(policy=Policy(ports=str(origin.port))) as the:
        for way in range(5):
            once(the, origin, way)
        before = len(list(descriptors.iterdir()))
        for number in range(500):
            once(the, origin, number % 5)
        until(
            lambda: len(list(descriptors.iterdir())) <= before, "all connections are closed again"
        )
