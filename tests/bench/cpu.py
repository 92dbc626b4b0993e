"""What a probe costs, in time of the CPU, and which process has it.

``make bench-cpu`` has small files probed by a farm, and by the bare ffprobe as ``make
bench ONLY=probe`` has them, in turns, and reads from the kernel how long each process of the
farm had a core. Unlike a throughput this hardly depends on what else the machine does. It
prints medians; nothing is asserted.
"""

import resource
import sys

import psutil

from farm.client.http import FarmClient
from tests.bench.probing import Way, probing
from tests.bench.spending import Milliseconds, Spent, between, part_of, show, spent

_ROUNDS = 3
_PROBES = 200
_WARM_UP = 40


def main(rounds: int = _ROUNDS, probes: int = _PROBES) -> None:
    """Measure and print."""
    with probing() as (stack, client, ways):
        for way in ways:
            way.through_the_farm(client, _WARM_UP)
            found = [_round(way, client, stack.pid, probes) for _ in range(rounds)]
            show(f"{way.label}: milliseconds of CPU for one probe", found)


def _round(way: Way, client: FarmClient, root: int, probes: int) -> Milliseconds:
    before = _spent(root)
    way.through_the_farm(client, probes)
    found = between(before, _spent(root), probes)
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    way.bare(probes)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    bare_s = ended.ru_utime - began.ru_utime + ended.ru_stime - began.ru_stime
    return {**found, "bare ffprobe": bare_s * 1000 / probes}


def _spent(root: int) -> Spent:
    """Return what each process has had. What ended under a child of the media worker is ffprobe."""
    own = {("client", 0): sum(psutil.Process().cpu_times()[:2])}
    return {**own, **spent([psutil.Process(root)], part_of, {"media child": "ffprobe"})}


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
