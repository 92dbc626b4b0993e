"""Measure the farm against its references: ``make bench``, or ``python -m tests.bench``.

Each item has both sides measured in the same run, in turn, for several rounds. What is found
is kept in ``.farm/bench.json`` and written, as a table and a plot, into docs/performance.md.
"""

import argparse
import logging
from collections.abc import Mapping

import structlog

from dev.stack import ROOT
from tests.bench import (
    door,
    figures,
    gate,
    growth,
    latency,
    memory,
    plot,
    probe,
    throughput,
    waits,
)
from tests.bench.support import PAGE
from tests.support.chaos_table import put

ITEMS: Mapping[str, figures.Measure] = {
    "throughput": throughput.figures,
    "latency": latency.added,
    "interactive": latency.beside_a_batch,
    "submission": door.submission,
    "polling": door.polling,
    "probe": probe.figures,
    "memory": memory.figures,
    "waits": waits.figures,
    "growth": growth.figures,
    "gate": gate.figures,
}
_PLOT = PAGE.with_suffix(".svg")


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", choices=ITEMS, action="append", help="an item; may be repeated")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="smallest sizes, to see that it works; no page is written",
    )
    asked = parser.parse_args()
    # What the ledger says of each job would be in the way, and of 200,000 of them.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    file = ROOT / ".farm" / ("bench-quick.json" if asked.quick else "bench.json")
    for name in asked.only or ITEMS:
        print(f"{name} ...", flush=True)
        found = list(ITEMS[name](asked.quick))
        figures.keep(file, name, found)
        for each in found:
            print(
                f"  {each.what}\n    farm {figures.spread(each.farm)} {each.unit}, "
                f"reference {figures.spread(each.reference)}, ratio {figures.spread(each.ratios)}",
                flush=True,
            )
        if not asked.quick:
            _PLOT.write_text(plot.svg(figures.kept(file).items), encoding="utf-8")
            put(PAGE, "bench", figures.markdown(file, _PLOT.name))


if __name__ == "__main__":
    main()
