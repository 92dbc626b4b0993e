"""What a job costs, counted; no clock is read, so any machine will do.

``make bench-counts`` counts and writes the table into docs/performance.md. With the name
of a count, ``python -m tests.bench.counts NAME`` prints what it has counted, a line each, for
a comparison between two commits.
"""

import sys
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

from tests.bench.support import PAGE
from tests.support.chaos_table import put
from tests.support.counts import CEILINGS, Count, all_counts
from tests.support.gate import gate_to_this_machine
from tests.support.neighbours import redis_server
from tests.support.site import serving


def main(name: str | None = None) -> None:
    """Count, and write the table or print what is behind one count."""
    with (
        tempfile.TemporaryDirectory(prefix="farm-bench-") as folder,
        redis_server(Path(folder)) as redis_url,
        serving() as site,
        gate_to_this_machine(),
        redirect_stdout(sys.stderr),  # For logs, which would be in the way of a comparison.
    ):
        counts = list(all_counts(redis_url, site))
    if name is None:
        put(PAGE, "counts", markdown(counts))
    for each in counts:
        if each.name == name:
            print(*each.counted, sep="\n")
        elif name is None:
            print(f"{each.number:8g}  {each.name}")


def markdown(counts: Sequence[Count]) -> str:
    """Return the table of docs/performance.md."""
    rows = [f"| {each.name} | {each.number:g} | {_ceiling(each.name)} |\n" for each in counts]
    return "".join(["| what | counted | at most |\n", "|---|---:|---:|\n", *rows])


def _ceiling(name: str) -> str:
    return f"{CEILINGS[name]:g}" if name in CEILINGS else "reference"


if __name__ == "__main__":
    main(*sys.argv[1:2])
