"""What became of the jobs of each fault, as a table for a terminal and for a page of docs/."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

_HEAD = ("fault", "jobs", "lost", "duplicated", "deliveries", "longest delay (s)")
_END = "<!-- /measured -->"


@dataclass(frozen=True)
class Row:
    """One fault. All but its name are for the jobs that were handed in meanwhile."""

    fault: str
    jobs: int
    lost: int
    """Taken by the farm, and not ended or not known any more."""
    duplicated: int
    """Ended more than once."""
    deliveries: int
    """The most for one job."""
    longest_delay_s: int
    """The longest from the door to the end of one job."""


def markdown(rows: Sequence[Row]) -> str:
    cells = [_HEAD, ("---", *["---:"] * (len(_HEAD) - 1)), *map(astuple, rows)]
    return "".join(f"| {' | '.join(map(str, row))} |\n" for row in cells)


def put(page: Path, name: str, text: str) -> None:
    """Put ``text`` into the place called ``name`` on the page.

    Raises:
        ValueError: The page has no such place.
    """
    mark = f"<!-- measured: {name} -->\n"
    before, start, rest = page.read_text(encoding="utf-8").partition(mark)
    _, end, after = rest.partition(_END)
    if not end:
        raise ValueError(f"{page} has no place for the table: {mark}{_END}")
    page.write_text(f"{before}{start}{text}{end}{after}", encoding="utf-8")
