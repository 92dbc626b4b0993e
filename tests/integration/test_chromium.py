"""Which browser is used."""

import json
from pathlib import Path

import playwright
import pytest

from farm.jobs.errors import ConfigError
from tasks.pages.chromium import find_chromium


def a_program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with no browser; its ``bin`` is the whole PATH."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "browsers"))
    monkeypatch.delenv("FARM_CHROMIUM", raising=False)
    return tmp_path


def playwright_revision() -> str:
    package = Path(str(playwright.__file__)).parent / "driver" / "package"
    browsers = json.loads((package / "browsers.json").read_text())["browsers"]
    return str(next(b["revision"] for b in browsers if b["name"] == "chromium-headless-shell"))


def test_the_first_of_the_order_that_is_there_is_used(machine: Path) -> None:
    with pytest.raises(ConfigError, match="apt-get install chromium-headless-shell"):
        find_chromium(None)
    full = a_program(machine / "bin" / "chromium")
    assert find_chromium(None).path == full
    folder = machine / "browsers" / f"chromium_headless_shell-{playwright_revision()}"
    own = a_program(folder / "chrome-linux" / "headless_shell")
    assert find_chromium(None).path == own
    shell = a_program(machine / "bin" / "chromium-headless-shell")
    assert find_chromium(None).path == shell
    chosen = a_program(machine / "chosen")
    assert find_chromium(chosen).path == chosen


def test_a_shell_of_another_revision_of_playwright_is_not_used(machine: Path) -> None:
    folder = machine / "browsers" / "chromium_headless_shell-1"
    a_program(folder / "chrome-linux" / "headless_shell")
    with pytest.raises(ConfigError):
        find_chromium(None)


def test_a_chosen_browser_that_is_none_is_said_to_be_none(machine: Path) -> None:
    with pytest.raises(ConfigError, match="FARM_CHROMIUM"):
        find_chromium(machine / "nowhere")
