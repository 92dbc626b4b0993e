"""What the farm adds to the bare ffprobe, for many small files.

``make bench-probe`` has 200 small files probed by a farm with two slots and by
``xargs -P2 ffprobe``, in turns, so that both see the same machine: first by their
addresses on one local server, then as files, which the farm has as uploads. It prints
throughputs; nothing is asserted, for times say little about another machine.
"""

import statistics
import sys
import time
from collections.abc import Callable

from farm.client.http import FarmClient
from tests.bench.probing import SLOTS, Way, probing

_ROUNDS = 5
_PROBES = 200


def main(rounds: int = _ROUNDS) -> None:
    """Measure and print."""
    with probing() as (_, client, ways):
        print(f"{_PROBES} probes of small files, {SLOTS} at once; probes per second")
        print(f"{'':24}{'median':>8}{'least':>8}{'most':>8}")
        for way in ways:
            _compare(way, client, rounds)


def _compare(way: Way, client: FarmClient, rounds: int) -> None:
    through_farm, bare = [], []
    # Both are warm then: processes, connections, files.
    way.through_the_farm(client, _PROBES)
    for _ in range(rounds):
        bare.append(_per_second(lambda: way.bare(_PROBES)))
        through_farm.append(_per_second(lambda: way.through_the_farm(client, _PROBES)))
    for name, found in (("farm", through_farm), ("xargs", bare)):
        numbers = (statistics.median(found), min(found), max(found))
        print(f"{f'{way.label}, {name}':24}" + "".join(f"{number:8.1f}" for number in numbers))
    ratios = [ours / theirs for ours, theirs in zip(through_farm, bare, strict=True)]
    print(
        f"The farm has {statistics.median(ratios):.2f} of the throughput of xargs"
        f" ({min(ratios):.2f} to {max(ratios):.2f}).",
        flush=True,
    )


def _per_second(work: Callable[[], None]) -> float:
    start = time.monotonic()
    work()
    return _PROBES / (time.monotonic() - start)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
