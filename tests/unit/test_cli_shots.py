"""The command ``farm shots`` against a farm in memory, and the bar that people watch."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from farm.client.cli import cli
from farm.client.lists.items import Item
from farm.client.lists.manifest import ItemError, ItemLine
from farm.client.lists.standing import Standing
from farm.client.lists.telling import Telling
from farm.jobs.batches.views import BatchView
from farm.jobs.states import JobState
from tests.support.fake_farm import FakeFarm

SHOTS = """\
- output: docs/one.png
  url: https://example.com/
  width: 400
- url: https://example.com/
  selector: "#a"
  padding: 5
- output: three.jpg
  url: page.html
  quality: 60
"""


pytestmark = pytest.mark.usefixtures("at_a_farm")


@pytest.fixture
def farm() -> FakeFarm:
    return FakeFarm()


def run(farm: FakeFarm, text: str, *arguments: str) -> Result:
    Path("shots.yml").write_text(text, encoding="utf-8")
    Path("page.html").write_text("<h1>Hello</h1>")
    return CliRunner().invoke(cli, ["shots", "shots.yml", *arguments], obj=farm.client)


def sent(farm: FakeFarm) -> Any:
    return json.loads(next(each for each in farm.requests if each.method == "POST").content)


def test_each_shot_lies_where_the_file_says(farm: FakeFarm) -> None:
    done = run(farm, SHOTS)
    assert (done.exit_code, done.stderr) == (0, "3 done\n")
    for name in ("docs/one.png", "example.com.png", "three.jpg", "manifest.jsonl"):
        assert Path(name).is_file(), name
    first, second, third = sent(farm)["items"]
    assert (first["viewport"], first["full_page"]) == ({"width": 400, "height": 720}, True)
    assert (second["selector"], second["padding"]) == ("#a", 5)
    assert (third["html"], third["type"], third["quality"]) == ("<h1>Hello</h1>", "jpeg", 60)


def test_shots_are_gone_on_with_as_any_list(farm: FakeFarm) -> None:
    run(farm, SHOTS, "-o", "out")
    Path("out/docs/one.png").unlink()
    done = run(farm, SHOTS, "-o", "out")
    assert (done.exit_code, done.stderr) == (0, "1 done, 2 there before\n")
    assert farm.made == 3


def test_options_hold_where_a_shot_does_not_say(farm: FakeFarm) -> None:
    run(farm, SHOTS, "--device-scale-factor", "2")
    assert all(
        {**sent(farm)["defaults"], **item}["device_scale_factor"] == 2
        for item in sent(farm)["items"]
    )


def test_what_cannot_be_done_is_named_before_anything_is(farm: FakeFarm) -> None:
    done = run(farm, f"{SHOTS}- url: https://example.com/x\n  sh: make\n")
    assert done.exit_code == 2
    assert "line 10: sh: a farm runs no commands of yours" in done.stderr
    assert farm.requests == []
    assert run(farm, f"{SHOTS}- url: https://example.com/x\n  sh: make\n", "--ignore", "sh").stderr


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def view(**changes: Any) -> BatchView:
    counts = {"total": 4, "queued": 2, "running": 0, "succeeded": 1, "failed": 1, "cancelled": 0}
    found: dict[str, Any] = {
        "id": "b",
        "state": "running",
        **counts,
        "rate_per_min": 0.0,
        "eta_s": None,
    }
    found |= {"failures_by_code": {}, "created_at": "2026-01-02T03:04:05Z", "finished_at": None}
    return BatchView.model_validate({**found, **changes})


class TestTheBar:
    def item(self, line: int) -> Item:
        return Item(str(line), line, {}, f"https://example.com/{line}", f"{line}.png")

    def line(self, line: int, state: JobState) -> ItemLine:
        error = ItemError(code="dns_error", message="\x1b[2Jno") if state == "failed" else None
        return ItemLine(item=str(line), state=state, path=f"{line}.png", error=error)

    def test_it_has_count_failures_rate_and_time_left(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        terminal = Terminal()
        monkeypatch.setattr("sys.stderr", terminal)
        with Telling(quiet=False, as_json=False) as telling:
            telling.begin(4, Standing(done=[self.item(1)]))
            telling.end(self.item(2), self.line(2, JobState.FAILED))
            telling.look(view(rate_per_min=4.0))
            assert str(telling) == "1 failed  4/min  0:30 left"
        shown = terminal.getvalue()
        assert "line 2: https://example.com/2: dns_error: \\x1b[2Jno" in shown
        assert "2/4" in shown

    def test_a_farm_that_does_not_answer_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = [100.0]
        monkeypatch.setattr("farm.client.lists.telling.time.monotonic", lambda: now[0])
        telling = Telling(quiet=False, as_json=False)
        telling.look(view())
        now[0] += 42
        assert str(telling) == "no answer from the farm for 42 s"

    @pytest.mark.parametrize("arguments", [{"quiet": True, "as_json": False}])
    def test_quiet_has_no_bar(
        self, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, bool]
    ) -> None:
        terminal = Terminal()
        monkeypatch.setattr("sys.stderr", terminal)
        with Telling(**arguments) as telling:
            telling.begin(4, Standing())
            telling.end(self.item(2), self.line(2, JobState.FAILED))
            telling.sum_up()
        assert terminal.getvalue() == ""
