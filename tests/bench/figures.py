"""What is measured, how it is kept, and how it is shown: a table and a plot."""

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from tasks.pages.chromium import find_chromium

_PACKAGES = ("playwright", "celery", "redis", "flask", "gunicorn")
_COMMAND = "python -m tests.bench"
_HEAD = "| item | what | unit | farm | reference | which is | farm / reference |\n"


@dataclass(frozen=True)
class Figure:
    """One thing that is measured on both sides, round by round, in turn."""

    what: str
    unit: str
    farm: Sequence[float]
    """One number for each round."""
    reference: Sequence[float]
    """Of the same rounds."""
    against: str
    """What the reference is."""
    better: Literal["more", "less"] = "more"

    @property
    def ratios(self) -> Sequence[float]:
        """Farm to reference, round by round."""
        return [ours / its for ours, its in zip(self.farm, self.reference, strict=True)]


Measure = Callable[[bool], Iterator[Figure]]
"""Measures an item; ``True``: the smallest sizes, to see that it works."""


def machine() -> Mapping[str, Any]:
    """Return what the figures are of."""
    chromium = find_chromium(None)
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": platform.platform(),
        "python": platform.python_version(),
        "browser": _said_by(chromium.path, "--version"),
        "packages": {name: version(name) for name in _PACKAGES},
    }


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _said_by(*argv: str | Path) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def keep(file: Path, name: str, figures: Sequence[Figure]) -> None:
    """Put the figures of an item among those in ``file``, in place of older ones of it.

    What was measured on another machine, or with other versions, is dropped.
    """
    now = machine()
    before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    items = before["items"] if before.get("machine") == now else {}
    items[name] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "figures": [asdict(each) for each in figures],
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"machine": now, "items": items}, indent=1), encoding="utf-8")


@dataclass(frozen=True)
class Kept:
    """What was measured so far."""

    machine: Mapping[str, Any]
    items: Mapping[str, Sequence[Figure]]
    when: str


def kept(file: Path) -> Kept:
    """Return what is kept in ``file``."""
    content = json.loads(file.read_text(encoding="utf-8"))
    figures = {
        name: [Figure(**each) for each in item["figures"]]
        for name, item in content["items"].items()
    }
    days = sorted({item["at"][:10] for item in content["items"].values()})
    return Kept(content["machine"], figures, " to ".join(dict.fromkeys((days[0], days[-1]))))


def markdown(file: Path, plot: str) -> str:
    """Return what stands in docs/performance.md, with the plot at ``plot``."""
    of = kept(file)
    found = of.machine
    versions = ", ".join(f"{name} {number}" for name, number in found["packages"].items())
    rows = [_row(name, each) for name, figures in of.items.items() for each in figures]
    return (
        f"`{_COMMAND}`, {of.when}, on {found['cores']} cores of {found['cpu']}, "
        f"{found['memory_gib']} GiB; {found['system']}, Python {found['python']}, "
        f"{found['browser']}, {versions}.\n"
        "Medians of the rounds, in brackets the least and the most; an arrow says which way is "
        f"better.\n\n![The farm against each reference]({plot})\n\n"
        f"{_HEAD}|---|---|---|---:|---:|---|---:|\n{''.join(rows)}"
    )


def _row(item: str, figure: Figure) -> str:
    arrow = "↑" if figure.better == "more" else "↓"
    cells = (
        item,
        figure.what,
        f"{figure.unit} {arrow}",
        spread(figure.farm),
        spread(figure.reference),
        figure.against,
        spread(figure.ratios),
    )
    return f"| {' | '.join(cells)} |\n"


def spread(numbers: Sequence[float]) -> str:
    """Return median, least and most."""
    return f"{_short(statistics.median(numbers))} ({_short(min(numbers))}-{_short(max(numbers))})"


def _short(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
