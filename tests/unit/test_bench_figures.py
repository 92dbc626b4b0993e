"""What becomes of measured figures: kept item by item, shown as a table and a plot."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.bench import figures, plot
from tests.bench.figures import Figure

PAGES = Figure("8 pages", "pages/s", [2, 4, 6], [1, 2, 2], "bare loop <here>")
LATENCY = Figure("round trip", "ms", [300], [100], "in one process", "less")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(figures, "machine", lambda: a_machine("one"))
    return tmp_path / "new" / "bench.json"


def a_machine(cpu: str) -> dict[str, object]:
    known = {"cpu": cpu, "cores": 2, "memory_gib": 4, "system": "Linux"}
    return {**known, "python": "3.11", "browser": "Chromium 1", "packages": {"redis": "8"}}


def test_an_item_that_is_measured_again_replaces_itself_alone(file: Path) -> None:
    figures.keep(file, "throughput", [LATENCY])
    figures.keep(file, "latency", [LATENCY])
    figures.keep(file, "throughput", [PAGES])
    assert figures.kept(file).items == {"throughput": [PAGES], "latency": [LATENCY]}


def test_figures_of_another_machine_are_not_mixed_in(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures.keep(file, "throughput", [PAGES])
    monkeypatch.setattr(figures, "machine", lambda: a_machine("another"))
    figures.keep(file, "latency", [LATENCY])
    found = figures.kept(file)
    assert (found.machine["cpu"], [*found.items]) == ("another", ["latency"])


def test_the_table_has_each_figure_with_its_reference_and_the_ratio_of_each_round(
    file: Path,
) -> None:
    figures.keep(file, "throughput", [PAGES])
    text = figures.markdown(file, "performance.svg")
    assert "2 cores of one, 4 GiB" in text
    assert text.endswith(
        "| throughput | 8 pages | pages/s ↑ | 4 (2-6) | 2 (1-2) | bare loop <here> | 2 (2-3) |\n"
    )


def test_the_plot_has_a_bar_on_the_side_where_the_farm_is() -> None:
    svg = ET.fromstring(plot.svg({"throughput": [PAGES], "latency": [LATENCY]}))
    bars = svg.findall("{http://www.w3.org/2000/svg}rect")
    assert [bar.attrib["fill"] for bar in bars] == ["#2a7f3f", "#b4442c"]
    assert len({bar.attrib["x"] for bar in bars}) == 1
    assert int(bars[0].attrib["width"]) < int(bars[1].attrib["width"])


@pytest.mark.parametrize(("number", "shown"), [(0.5, "0.5"), (12.34, "12.3"), (12345.6, "12,346")])
def test_a_number_has_three_digits_that_count(number: float, shown: str) -> None:
    assert figures.spread([number]) == f"{shown} ({shown}-{shown})"
