"""A gate in a process of its own, which serves the workers of other containers."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
from contextlib import closing, suppress
from importlib.metadata import packages_distributions

import pytest

from dev.stack import ROOT
from farm.jobs.errors import BackendUnavailable
from tasks.egress.client import Gate
from tasks.egress.control import Remote
from tasks.egress.policy import Policy
from tests.support.gate_alone import SECRET, GateAlone, gate_alone
from tests.support.gates import (
    LIMITS,
    TIMEOUT_S,
    LoopbackNetwork,
    Origin,
    dial,
    fetch,
    is_reset,
    read_all,
    saying,
    standing_gate,
    tunnel,
    whole,
)
from tests.support.neighbours import free_port, is_free, need
from tests.support.waiting import until

HELLO = json.dumps({"hello": SECRET}).encode() + b"\n"


@pytest.fixture
def place() -> Remote:
    return Remote("127.0.0.1", free_port(), SECRET)


def test_it_serves_a_session_by_its_own_rules() -> None:
    with (
        Origin(saying(whole(b"hello"))) as origin,
        gate_alone(EGRESS_ALLOW=f"127.0.0.1:{origin.port}") as alone,
        closing(Gate(alone.place)) as gate,
    ):
        url = origin.url(host="127.0.0.1")
        with gate.session("one", zones=["internal"], url=url, limits=LIMITS) as session:
            assert session.proxy == gate.proxy == f"http://127.0.0.1:{gate.port}"
            assert fetch(gate.port, url).body == b"hello"
            assert fetch(gate.port, "http://10.0.0.5/").code == "target_forbidden"
            assert session.denied == 1
        assert fetch(gate.port, url).code == "target_forbidden"


@pytest.mark.parametrize("name", ["", "--check"])
def test_a_stop_and_a_look_end_in_good_order(name: str) -> None:
    with gate_alone() as alone:
        assert alone.process is not None
        process = alone.run(name) if name else alone.process
        if not name:
            process.terminate()
        said, _ = process.communicate(timeout=20)
        assert process.returncode == 0, said


def test_a_look_at_no_gate_fails() -> None:
    look = GateAlone().run("--check")
    look.communicate(timeout=20)
    assert look.returncode == 1


def test_one_that_is_killed_spoils_the_session_and_the_next_one_serves() -> None:
    with gate_alone() as alone, closing(Gate(alone.place)) as gate:
        spoilt = gate.session("one", zones=["public"], url=None, limits=LIMITS)
        with pytest.raises(BackendUnavailable), spoilt:
            alone.kill()
        assert not gate.answers()
        alone.start()
        with gate.session("two", zones=["public"], url=None, limits=LIMITS):
            assert fetch(gate.port, "http://10.0.0.5/").code == "target_forbidden"


def test_a_session_ends_with_the_connection_of_its_worker(place: Remote) -> None:
    with Origin(saying(b"")) as origin:
        policy = Policy(ports=str(origin.port))
        with standing_gate(policy, LoopbackNetwork(), place), closing(Gate(place)) as gate:
            session = gate.session("one", zones=["public"], url=None, limits=LIMITS)
            session.__enter__()
            port = gate.port
            with tunnel(port, f"public.test:{origin.port}") as (client, head):
                assert head.startswith(b"HTTP/1.1 200 ")
                gate.close()
                assert is_reset(client)
            until(lambda: is_free(port), "its port is closed")


def test_only_the_address_that_ordered_it_may_use_a_proxy(place: Remote) -> None:
    # As another container would, whose browser tries the ports of the gate.
    with standing_gate(Policy(), LoopbackNetwork(), place) as gate:
        # By then the connection may even have been made.
        with (
            pytest.raises(ConnectionResetError),
            socket.create_connection(
                ("127.0.0.1", gate.port), TIMEOUT_S, source_address=("127.0.0.2", 0)
            ) as stranger,
        ):
            read_all(stranger)
        assert fetch(gate.port, "http://10.0.0.5/").code == "target_forbidden"


@pytest.mark.parametrize(
    "said",
    [
        b'{"hello": "another secret of thirty-two characters"}\n',
        b'{"hello": null}\n',
        b'{"begin": {}}\n',
        b"[]\n",
        b"[" * 5000 + b"\n",
        b"x" * 100_000 + b"\n",
        b'{"hello": "\\ud800"}\n',
        b"\n",
        # What a page can have a browser send.
        b"GET / HTTP/1.1\r\nHost: gate\r\n\r\n" + HELLO,
        b"POST / HTTP/1.1\r\nHost: gate\r\nContent-Type: text/plain\r\n\r\n" + HELLO,
    ],
    ids=lambda said: said[:20].decode(),
)
def test_who_does_not_say_the_secret_at_once_is_told_nothing(place: Remote, said: bytes) -> None:
    with standing_gate(Policy(), LoopbackNetwork(), place) as gate:
        assert gate.answers()
        with dial(place.port) as stranger:
            stranger.sendall(said)
            try:
                heard = read_all(stranger)
            except ConnectionResetError:
                heard = b""
        assert heard == b""
        assert gate.answers()


def test_who_says_nothing_is_hung_up_on(place: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.egress.gate._HELLO_S", 0.1)
    with standing_gate(Policy(), LoopbackNetwork(), place) as gate:
        assert gate.answers()
        with dial(place.port) as silent:
            assert read_all(silent) == b""


def test_a_wrong_secret_is_a_gate_that_is_away(
    place: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.egress.client._PATIENCE_S", 0.2)
    wrong = Remote(place.host, place.port, "another secret of thirty-two characters")
    with standing_gate(Policy(), LoopbackNetwork(), place) as gate:
        assert gate.answers()
        assert not Gate(wrong).answers()


@pytest.mark.parametrize("said", [b'{"hello": "echo"}\n', b"[]\n", b"HTTP/1.1 400 Bad Request\r\n"])
def test_somebody_else_in_its_place_is_a_gate_that_is_away(
    said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.egress.client._PATIENCE_S", 0.2)

    def greet(listener: socket.socket) -> None:
        with suppress(OSError):  # It was closed, or they are gone.
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(said)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=greet, args=[listener], daemon=True).start()
        assert not Gate(Remote("127.0.0.1", listener.getsockname()[1], SECRET)).answers()
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"GATE_SECRET": ""}, b"FARM_GATE_SECRET: "),
        ({"GATE_SECRET": "hunter2"}, b"FARM_GATE_SECRET: "),
        ({"GATE_LISTEN": "3100"}, b"FARM_GATE_LISTEN: must be a host and a port"),
        ({"GATE_LISTEN": "192.0.2.1:3100"}, b"FARM_GATE_LISTEN: nobody can listen there"),
        ({"EGRESS_ALLOW": "0.0.0.0/0"}, b"FARM_EGRESS_ALLOW: "),
    ],
)
def test_settings_that_cannot_be_end_it_with_a_word(
    settings: dict[str, str], complaint: bytes
) -> None:
    process = GateAlone(**settings).run()
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert complaint in said
    assert b"hunter2" not in said


def test_the_doctor_says_whether_it_answers() -> None:
    need("chromium-headless-shell")
    look = (
        "from tasks.doctor import checks\n"
        "row = next(row for row in checks() if row.name == 'gate')\n"
        "print(row.ok, row.detail)"
    )

    def told(alone: GateAlone) -> str:
        environment = {"FARM_GATE": alone.address, "FARM_GATE_SECRET": SECRET}
        done = subprocess.run(
            [sys.executable, "-c", look],
            cwd=ROOT,
            env={**os.environ, **environment},
            capture_output=True,
            check=True,
            text=True,
        )
        return done.stdout.strip()

    with gate_alone() as alone:
        assert told(alone) == f"True at {alone.address} answers"
        alone.kill()
        assert told(alone).startswith(f"False at {alone.address} does not answer; is it started")


def test_it_needs_nothing_that_its_image_does_not_have() -> None:
    # Neither browser nor Celery nor a client of Redis, nor what others come to import.
    lock = (ROOT / "requirements" / "gate.txt").read_text()
    there = {*re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE), "renderfarm"}
    missing = [
        module
        for module, owners in packages_distributions().items()
        if not there & {owner.lower().replace("_", "-") for owner in owners}
    ]
    assert {"redis", "celery", "playwright"} <= set(missing)
    start = f"import sys; sys.modules.update(dict.fromkeys({missing})); import tasks.egress.alone"
    done = subprocess.run(
        [sys.executable, "-c", start], cwd=ROOT, capture_output=True, check=False, text=True
    )
    assert done.returncode == 0, done.stderr
