"""One job's time at the gate, as a worker's child has it."""

import socket
import threading
from pathlib import Path

import pytest

from farm.jobs.errors import BackendUnavailable
from tasks.egress import client as module
from tasks.egress.client import Gate, Limits
from tasks.egress.policy import Policy
from tests.support.builders import MemoryFarm
from tests.support.gates import (
    LIMITS,
    TIMEOUT_S,
    Client,
    LoopbackNetwork,
    Origin,
    fetch,
    is_reset,
    read_all,
    saying,
    scene,
    standing_gate,
    tunnel,
    whole,
)
from tests.support.neighbours import is_free
from tests.support.waiting import until


def limits(max_bytes: int = 1_000_000, max_requests: int = 1000, max_seconds: float = 60) -> Limits:
    return Limits(max_bytes, max_requests, max_seconds)


def test_without_a_session_everything_is_refused_and_nothing_is_looked_up() -> None:
    network = LoopbackNetwork()
    with standing_gate(Policy(), network) as gate:
        assert fetch(gate.port, "http://public.test/").code == "target_forbidden"
        with gate.session("one", zones=["public"], url=None, limits=LIMITS):
            pass
        assert fetch(gate.port, "http://public.test/").code == "target_forbidden"
        assert network.asked == []


def test_a_session_knows_what_was_refused_and_nothing_of_the_one_before() -> None:
    with standing_gate(Policy(), LoopbackNetwork()) as gate:
        with gate.session("one", zones=["public"], url=None, limits=LIMITS) as one:
            fetch(gate.port, "http://10.0.0.5/")
            fetch(gate.port, "http://unknown.test/")
            with tunnel(gate.port, "[::1]:443"):
                pass
            assert one.denied == 2
            assert one.refusal("10.0.0.5", 80) == "target_forbidden"
            assert one.refusal("[::1]", 443) == "target_forbidden"
            assert one.refusal("UNKNOWN.test.", 80) == "dns_error"
            assert one.refusal("10.0.0.5", 443) is None
            assert one.cut is None
        assert (one.denied, one.refusal("unknown.test", 80)) == (2, "dns_error")
        with gate.session("two", zones=["public"], url=None, limits=LIMITS) as two:
            assert (two.denied, two.refusal("10.0.0.5", 80)) == (0, None)


def test_what_the_gate_made_of_requests_is_counted_when_a_session_ends() -> None:
    farm = MemoryFarm()
    with (
        Origin(saying(whole())) as origin,
        standing_gate(Policy(ports=f"80,{origin.port}"), LoopbackNetwork()) as gate,
    ):
        for _ in range(2):
            with gate.session("one", zones=["public"], url=None, limits=LIMITS):
                for _ in range(3):
                    fetch(gate.port, f"http://public.test:{origin.port}/")
                fetch(gate.port, "http://10.0.0.5/")
                fetch(gate.port, "http://unknown.test/")
        gate.tallies.hand_over(farm.statistics)
    counts = dict(farm.statistics.counts())
    assert counts.pop("farm_gate_bytes") > 2 * 3 * len(whole())
    assert counts == {
        "farm_gate_requests|allowed": 6,
        "farm_gate_requests|target_forbidden": 2,
        "farm_gate_requests|dns_error": 2,
    }


def test_the_last_refusal_counts() -> None:
    with scene(names={"late.test": ["93.184.216.34"]}) as the:
        the.network.dead.add("93.184.216.34")
        the.fetch("http://late.test/")
        assert the.session.refusal("late.test", 80) == "connection_failed"


def test_the_log_keeps_the_newest_thousand_targets() -> None:
    with scene() as the, Client(the.port) as client:
        for number in range(1005):
            client.get(f"http://10.0.0.5:{2000 + number}/")
        client.get("http://10.0.0.5:2005/")
        assert the.session.denied == 1006
        refused = [port for port in range(2000, 3005) if port > 2990 or port < 2012]
        known = [port for port in refused if the.session.refusal("10.0.0.5", port)]
        assert known == [port for port in refused if port >= 2005]


def test_a_new_session_breaks_off_all_of_the_one_before() -> None:
    with Origin(saying(b"")) as origin:
        target = f"public.test:{origin.port}"
        with (
            scene(policy=Policy(ports=str(origin.port))) as the,
            tunnel(the.port, target) as (client, head),
        ):
            assert head.startswith(b"HTTP/1.1 200 ")
            with the.gate.session("two", zones=["public"], url=None, limits=LIMITS):
                assert is_reset(client)


def test_two_children_have_ports_and_sessions_of_their_own() -> None:
    with Origin(saying(whole())) as origin:
        policy = Policy(ports=str(origin.port))
        with scene(policy=policy) as the:
            other = Gate(the.gate.control)
            port = other.port
            assert port != the.port
            assert fetch(port, origin.url()).code == "target_forbidden"
            assert the.fetch(origin.url()).status == 200
            other.close()
            until(lambda: is_free(port), "its port is closed")
            assert the.fetch(origin.url()).status == 200


class TestLimits:
    def test_too_many_bytes_break_everything_off(self) -> None:
        endless = b"HTTP/1.1 200 OK\r\nContent-Length: 90000000\r\n\r\n" + bytes(2_000_000)
        with Origin(saying(endless)) as origin:
            policy = Policy(ports=str(origin.port))
            with scene(policy=policy, limits=limits(max_bytes=1_000_000)) as the:
                with tunnel(the.port, f"public.test:{origin.port}") as (idle, _):
                    with pytest.raises(ConnectionResetError):
                        the.fetch(origin.url())
                    assert is_reset(idle)
                assert the.fetch(origin.url()).code == "response_too_large"
                assert the.session.refusal("public.test", origin.port) == "response_too_large"
                assert the.session.cut == "response_too_large"
            assert the.session.cut == "response_too_large"

    def test_bytes_that_are_sent_count_too(self) -> None:
        with Origin(saying(b"")) as origin:
            policy = Policy(ports=str(origin.port))
            target = f"public.test:{origin.port}"
            with scene(policy=policy, limits=limits(max_bytes=100_000)) as the:
                with tunnel(the.port, target) as (client, _), pytest.raises(ConnectionError):
                    client.sendall(bytes(90_000_000))
                assert the.session.cut == "response_too_large"

    def test_too_many_requests_are_refused_and_the_rest_goes_on(self) -> None:
        with Origin(saying(whole())) as origin:
            policy = Policy(ports=str(origin.port))
            with scene(policy=policy, limits=limits(max_requests=3)) as the:
                with Client(the.port) as client:
                    codes = [client.get(origin.url()).code for _ in range(5)]
                assert codes == [None] * 3 + ["response_too_large"] * 2
                assert the.session.cut is None

    def test_too_much_time_breaks_everything_off(self) -> None:
        with Origin(saying(b"")) as origin:
            policy = Policy(ports=str(origin.port))
            with scene(policy=policy, limits=limits(max_seconds=0.2)) as the:
                with tunnel(the.port, f"public.test:{origin.port}") as (client, _):
                    assert is_reset(client)
                assert the.fetch(origin.url()).code == "timeout"
                assert the.session.cut == "timeout"

    def test_one_host_is_asked_by_no_more_than_so_many_at_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tasks.egress.session._OF_ONE_HOST_MAX", 3)
        released, lock = threading.Event(), threading.Lock()
        running = most = 0

        def answer(connection: socket.socket, _: bytes) -> None:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            released.wait(TIMEOUT_S)
            with lock:
                running -= 1
            connection.sendall(whole())

        with Origin(answer) as origin, scene(policy=Policy(ports=str(origin.port))) as the:
            got: list[int] = []
            threads = [
                threading.Thread(target=lambda: got.append(the.fetch(origin.url()).status))
                for _ in range(10)
            ]
            for thread in threads:
                thread.start()
            until(lambda: running == 3, "three are asked")
            released.set()
            for thread in threads:
                thread.join()
            assert got == [200] * 10
            assert most == 3


class TestClient:
    def test_nobody_at_the_gate_is_the_farms_fault(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_PATIENCE_S", 0.2)
        with pytest.raises(BackendUnavailable, match="The gate is away"):
            _ = Gate(tmp_path / "control").port

    def test_a_gate_that_went_away_spoils_the_session(self) -> None:
        network = LoopbackNetwork()
        with standing_gate(Policy(), network) as gate:
            session = gate.session("one", zones=["public"], url=None, limits=LIMITS)
            standing = session.__enter__()
        with pytest.raises(BackendUnavailable):
            standing.refusal("public.test", 80)
        with pytest.raises(BackendUnavailable):
            session.__exit__(None, None, None)

    def test_an_error_in_the_block_ends_the_session_and_goes_on(self) -> None:
        network = LoopbackNetwork()
        with standing_gate(Policy(), network) as gate:
            with (
                pytest.raises(ZeroDivisionError),
                gate.session("one", zones=["public"], url=None, limits=LIMITS),
            ):
                _ = 1 / 0
            assert fetch(gate.port, "http://public.test/").code == "target_forbidden"

    @pytest.mark.parametrize("order", [b"nonsense\n", b"{}\n", b'{"begin": {}}\n', b"[]\n", b"\n"])
    def test_who_orders_nonsense_is_hung_up_on(self, order: bytes) -> None:
        with scene() as the, socket.socket(socket.AF_UNIX) as other:
            other.connect(str(the.gate.control))
            other.sendall(order)
            assert read_all(other).count(b"\n") == 1  # The greeting.
            assert the.session.denied == 0
