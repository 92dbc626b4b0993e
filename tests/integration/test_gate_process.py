"""The gate's process: it lives exactly as long as its worker."""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from farm.jobs.errors import BackendUnavailable
from tasks.egress.client import Gate
from tasks.egress.keeper import Keeper
from tasks.identity import started_at
from tests.support.gates import LIMITS, Origin, fetch, saying, whole
from tests.support.processes import lives
from tests.support.waiting import until

WORKER = """
import threading
from tasks.egress.client import Gate
from tasks.egress.keeper import Keeper
keeper = Keeper()
keeper.start()
gate = Gate(keeper.control)
assert gate.port
print(keeper.control, flush=True)
threading.Event().wait()
"""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    made = Keeper()
    made.start()
    yield made
    made.stop()


def gate_at(control: Path) -> psutil.Process | None:
    """Return the process that takes orders there; other tests may have a gate beside it."""
    for process in psutil.Process().children(recursive=True):
        if lives(process) and f"--control={control}" in process.cmdline():
            return process
    return None


def test_a_deep_temporary_folder_takes_no_gate_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("deep" * 30)))
    keeper = Keeper()
    keeper.start()
    gate = Gate(keeper.control)
    assert gate.port
    gate.close()
    keeper.stop()
    assert not keeper.control.parent.exists()


def test_a_kept_gate_serves_and_stops_without_a_trace(tmp_path: Path) -> None:
    with Origin(saying(whole(b"hello"))) as origin:
        keeper = Keeper(allow=f"127.0.0.1:{origin.port}")
        keeper.start()
        gate = Gate(keeper.control)
        url = origin.url(host="127.0.0.1")
        with gate.session("one", zones=["internal"], url=url, limits=LIMITS) as session:
            assert fetch(gate.port, url).body == b"hello"
            assert fetch(gate.port, "http://127.0.0.1/").code == "target_forbidden"
            assert session.denied == 1
        folder = keeper.control.parent
        assert folder.stat().st_mode & 0o777 == 0o700
        process = gate_at(keeper.control)
        assert process is not None
        keeper.stop()
        assert not lives(process)
        assert list(tmp_path.iterdir()) == []
        gate.close()


def test_a_gate_that_dies_is_followed_by_another(keeper: Keeper) -> None:
    gate = Gate(keeper.control)
    port = gate.port
    first = gate_at(keeper.control)
    assert first is not None
    spoilt = gate.session("one", zones=["public"], url=None, limits=LIMITS)
    with pytest.raises(BackendUnavailable), spoilt:
        first.kill()
    with gate.session("two", zones=["public"], url=None, limits=LIMITS):
        assert gate.port != port
        assert fetch(gate.port, "http://10.0.0.5/").code == "target_forbidden"
    second = gate_at(keeper.control)
    assert second is not None
    assert second.pid != first.pid
    gate.close()


def test_the_gate_outlives_the_thread_that_made_its_keeper() -> None:
    made: list[Keeper] = []

    def make() -> None:
        made.append(Keeper())
        made[0].start()

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    gate = Gate(made[0].control)
    port = gate.port
    assert fetch(port, "http://10.0.0.5/").code == "target_forbidden"
    assert gate.port == port
    made[0].stop()
    gate.close()


def test_a_keeper_that_is_stopped_at_once_leaves_nothing(tmp_path: Path) -> None:
    for _ in range(5):
        keeper = Keeper()
        keeper.start()
        keeper.stop()
        assert gate_at(keeper.control) is None
    assert list(tmp_path.iterdir()) == []


def test_the_gate_dies_within_two_seconds_of_its_worker(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WORKER], env={"TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE
    ) as worker:
        assert worker.stdout is not None
        control = Path(worker.stdout.readline().decode().strip())
        gate = gate_at(control)
        assert gate is not None
        worker.kill()
        until(lambda: not lives(gate), "the gate is gone", timeout_s=2)
        until(lambda: not control.parent.exists(), "and its folder", timeout_s=2)


def test_where_the_kernel_does_not_tell_it_the_gate_sees_that_its_worker_is_gone(
    tmp_path: Path,
) -> None:
    options = ["--allow=", "--deny=", "--ports=80", "--own=", f"--control={tmp_path / 'control'}"]
    gate = subprocess.run(
        [sys.executable, "-m", "tasks.egress", "--parent=999999999", *options],
        timeout=20,
        check=False,
    )
    assert gate.returncode == 0


def test_rules_that_are_none_end_the_gate_with_a_word(tmp_path: Path) -> None:
    options = ["--allow=0.0.0.0/0", "--deny=", "--ports=80", "--own=", f"--parent={os.getpid()}"]
    gate = subprocess.run(
        [sys.executable, "-m", "tasks.egress", f"--control={tmp_path / 'control'}", *options],
        timeout=20,
        check=False,
        stderr=subprocess.PIPE,
    )
    assert gate.returncode == 1
    assert b"would open every address" in gate.stderr


def test_what_a_dead_worker_left_is_removed_by_the_next(tmp_path: Path) -> None:
    left = tmp_path / "farm-gate-999999999-1-abcdef"
    left.mkdir()
    (left / "control").touch()
    own = tmp_path / f"farm-gate-{os.getpid()}-{started_at(os.getpid())}-abcdef"
    own.mkdir()
    keeper = Keeper()
    keeper.start()
    until(lambda: not left.exists(), "it is removed")
    keeper.stop()
    assert list(tmp_path.iterdir()) == [own]
