"""What ``farm doctor`` finds, prints and exits with."""

import importlib.metadata
from collections.abc import Iterable
from importlib.metadata import EntryPoint
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from farm.client.cli import cli
from tests.support.fake_farm import URL, FakeFarm, problem

PARTS = """
from farm.jobs.doctor import DoctorRow

def well():
    return [DoctorRow("ffprobe", ok=True, detail="7.1")]

def unsure():
    yield DoctorRow("sandbox", ok=None, detail="is off")

def ill():
    yield DoctorRow("chromium", ok=False, detail="run: playwright install chromium")

def broken():
    raise RuntimeError("oh")
"""
AWAY = httpx.ConnectError("[Errno 111] Connection refused")


@pytest.fixture
def farm() -> FakeFarm:
    return FakeFarm()


def examine(
    farm: FakeFarm, monkeypatch: pytest.MonkeyPatch, folder: Path, points: Iterable[str]
) -> Result:
    (folder / "parts_for_doctor.py").write_text(PARTS)
    monkeypatch.syspath_prepend(folder)
    found = [EntryPoint(value.rpartition(":")[2], value, "renderfarm.doctor") for value in points]
    offered = {"renderfarm.doctor": found}
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda *, group: offered[group])
    return CliRunner().invoke(cli, ["--url", URL, "doctor"], obj=farm.client)


def test_all_is_well(farm: FakeFarm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done = examine(farm, monkeypatch, tmp_path, ["parts_for_doctor:well"])
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "farm         ok       answers at http://farm.test:8000",
        "farm: redis  ok",
        "farm: pages  ok",
        "ffprobe      ok       7.1",
    ]


def test_a_warning_is_not_an_error(
    farm: FakeFarm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done = examine(farm, monkeypatch, tmp_path, ["parts_for_doctor:unsure"])
    assert done.exit_code == 0
    assert "sandbox      warning  is off" in done.stdout


def test_a_farm_that_is_not_ready_is_an_error(
    farm: FakeFarm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    farm.checks["pages"] = "no worker is alive on the queue pages"
    done = examine(farm, monkeypatch, tmp_path, [])
    assert done.exit_code == 1
    assert "farm: pages  missing  no worker is alive on the queue pages" in done.stdout


@pytest.mark.parametrize(
    ("trouble", "part", "code"),
    [
        (AWAY, "well", 3),
        (AWAY, "unsure", 3),
        (AWAY, "ill", 1),
        (problem(401, "unauthorized", "No such key."), "well", 4),
        (httpx.Response(200, html="<h1>Welcome</h1>"), "well", 3),
    ],
)
def test_what_is_wrong_decides_the_exit_code(
    farm: FakeFarm,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    trouble: httpx.Response | Exception,
    part: str,
    code: int,
) -> None:
    farm.troubles = [trouble]
    done = examine(farm, monkeypatch, tmp_path, [f"parts_for_doctor:{part}"])
    assert done.exit_code == code
    assert done.stdout.startswith("farm ")


def test_a_farm_that_is_away_comes_with_advice(
    farm: FakeFarm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    farm.troubles = [AWAY]
    done = examine(farm, monkeypatch, tmp_path, [])
    assert "Connection refused" in done.stdout
    assert "--url or FARM_URL" in done.stdout


def test_a_part_that_is_not_installed_is_passed_over(
    farm: FakeFarm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    points = ["no_such_part_of_the_farm:checks", "parts_for_doctor:well"]
    done = examine(farm, monkeypatch, tmp_path, points)
    assert done.exit_code == 0
    assert "no_such_part" not in done.stdout
    assert "ffprobe" in done.stdout


def test_a_part_whose_checks_fail_does_not_stop_the_others(
    farm: FakeFarm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    points = ["parts_for_doctor:broken", "parts_for_doctor:well"]
    done = examine(farm, monkeypatch, tmp_path, points)
    assert done.exit_code == 1
    assert "its own checks failed: RuntimeError('oh')" in done.stdout
    assert "ffprobe" in done.stdout


def test_a_key_that_crosses_a_network_in_clear_is_a_warning(
    farm: FakeFarm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FARM_KEY", "k-1")
    done = examine(farm, monkeypatch, tmp_path, [])
    assert done.exit_code == 0
    assert "key          warning" in done.stdout
