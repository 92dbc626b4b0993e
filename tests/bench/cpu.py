"""What a probe costs, in time of the CPU, and which process has it.

``make bench-cpu`` has small files probed by a farm, and by the bare ffprobe as ``make
bench ONLY=probe`` has them, in turns, and reads from the kernel how long each process of the
farm had a core. Unlike a throughput this hardly depends on what else the machine does. It
prints medians; nothing is asserted.
"""

import resource
import statistics
import sys
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress

import psutil

from farm.client.http import FarmClient
from tests.bench.probing import Way, probing

_ROUNDS = 3
_PROBES = 200
_WARM_UP = 40
_PARTS = {
    "tasks.egress": "gates",
    "gunicorn": "API",
    "media@": "media worker",
    "pages@": "pages worker",
    "tasks.dispatcher": "dispatcher",
    "redis-server": "Redis",
    "flower": "Flower",
}
"""What each part has in its command line; the first that is found counts."""

_Milliseconds = Mapping[str, float]


def main(rounds: int = _ROUNDS, probes: int = _PROBES) -> None:
    """Measure and print."""
    with probing() as (stack, client, ways):
        for way in ways:
            way.through_the_farm(client, _WARM_UP)
            found = [_round(way, client, stack.pid, probes) for _ in range(rounds)]
            _print(way.label, found)


def _round(way: Way, client: FarmClient, root: int, probes: int) -> _Milliseconds:
    """Return the milliseconds of each part for one probe."""
    before = _spent(root)
    way.through_the_farm(client, probes)
    after = _spent(root)
    spent: defaultdict[str, float] = defaultdict(float)
    for key, seconds in after.items():
        spent[key[0]] += (seconds - before.get(key, 0.0)) * 1000 / probes
    spent["all"] = sum(spent.values())
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    way.bare(probes)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    bare_s = ended.ru_utime - began.ru_utime + ended.ru_stime - began.ru_stime
    spent["bare ffprobe"] = bare_s * 1000 / probes
    return spent


def _spent(root: int) -> dict[tuple[str, int], float]:
    """Return the seconds that each process has had so far, by its part and its id.

    What children had that have ended is their parent's; of a child of the media worker
    they are ffprobe's.
    """
    found = {("client", 0): sum(psutil.Process().cpu_times()[:2])}
    for process in psutil.Process(root).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            part = _part_of(process)
            times = process.cpu_times()
            found[part, process.pid] = times.user + times.system
            of_ended = "ffprobe" if part == "media child" else part
            found[of_ended, -process.pid] = times.children_user + times.children_system
    return found


def _part_of(process: psutil.Process) -> str:
    command = " ".join(process.cmdline())
    part = next((name for word, name in _PARTS.items() if word in command), "other")
    if part == "media worker":
        above = process.parent()
        if above is not None and "media@" in " ".join(above.cmdline()):
            return "media child"
    return part


def _print(label: str, rounds: list[_Milliseconds]) -> None:
    print(f"{label}: milliseconds of CPU for one probe")
    medians = {part: statistics.median(each[part] for each in rounds) for part in rounds[0]}
    for part, median in sorted(medians.items(), key=lambda item: -item[1]):
        numbers = [each[part] for each in rounds]
        print(f"  {part:14}{median:8.2f}   ({min(numbers):.2f} to {max(numbers):.2f})", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
