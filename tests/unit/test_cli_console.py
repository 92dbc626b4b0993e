"""The command on a console, or in a pipe, that is not UTF-8, as they are on Windows."""

import io
import json
import sys
from pathlib import Path

import pytest

from farm.client import cli as command
from farm.client.http import FarmClient
from tests.support.fake_farm import FakeFarm

PAGE = "https://example.com/%E5%8B%95%E7%94%BB"
SAID = "Ça, 動画 \N{CLAPPER BOARD}"


class Console:
    """What ``main`` writes to, as code page 1252 without what that lacks."""

    def __init__(self) -> None:
        self._written = {name: io.BytesIO() for name in ("stdout", "stderr")}
        self._streams = {
            name: io.TextIOWrapper(written, encoding="cp1252", newline="\n")
            for name, written in self._written.items()
        }

    def run(self, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
        monkeypatch.setattr(sys, "argv", ["farm", *arguments])
        for name, stream in self._streams.items():
            monkeypatch.setattr(sys, name, stream)
        with pytest.raises(SystemExit) as ended:
            command.main()
        return ended.value.code

    def text(self, name: str) -> str:
        self._streams[name].flush()
        return self._written[name].getvalue().decode("utf-8")


@pytest.fixture
def console() -> Console:
    return Console()


@pytest.fixture
def farm(monkeypatch: pytest.MonkeyPatch, at_a_farm: None) -> FakeFarm:
    del at_a_farm
    farm = FakeFarm()

    def client(url: str | None = None, key: str | None = None) -> FarmClient:
        return farm.client(url, key)

    monkeypatch.setattr(command, "FarmClient", client)
    return farm


def test_whatever_a_list_and_the_farm_say_is_told(
    console: Console, farm: FakeFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure = {"code": "dns_error", "message": SAID, "retryable": False, "docs": "/docs"}
    farm.failure = failure
    Path("urls.txt").write_text(f"{PAGE}\n", encoding="utf-8")
    code = console.run(monkeypatch, "batch", "urls.txt", "-o", "shots", "--json")
    assert code == 1, console.text("stderr")
    assert SAID in console.text("stderr")
    (line,) = console.text("stdout").splitlines()
    told = json.loads(line)
    assert (told["path"], told["error"]["message"]) == ("example.com-動画.png", SAID)
    assert SAID in line


def test_what_is_wrong_with_a_list_is_told_too(
    console: Console, farm: FakeFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("list.csv").write_text("url,動画\n", encoding="utf-8")
    assert console.run(monkeypatch, "batch", "list.csv", "-o", "shots") == 2
    assert "動画" in console.text("stderr")
    assert farm.requests == []
