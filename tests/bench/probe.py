"""What the farm adds to the bare ffprobe, for many small files.

A farm with two slots and ``xargs -P2 ffprobe`` have small files probed, in turns, so that
both see the same machine: first by their addresses on one local server, then as files,
which the farm has as uploads.
"""

from collections.abc import Iterator

from farm.client.http import FarmClient
from tests.bench.figures import Figure
from tests.bench.probing import SLOTS, Way, probing
from tests.bench.support import per_second


def figures(quick: bool) -> Iterator[Figure]:
    """Measure item 6."""
    rounds, probes = (2, 20) if quick else (5, 500)
    with probing() as (_, client, ways):
        for way in ways:
            yield _compared(way, client, rounds, probes)


def _compared(way: Way, client: FarmClient, rounds: int, probes: int) -> Figure:
    ours, bare = [], []
    # Both are warm then: processes, connections, files.
    way.through_the_farm(client, min(probes, 100))
    for _ in range(rounds):
        bare.append(per_second(probes, lambda: way.bare(probes)))
        ours.append(per_second(probes, lambda: way.through_the_farm(client, probes)))
    what = f"{probes} probes of small files, {way.label}"
    return Figure(what, "probes/s", ours, bare, f"`xargs -P{SLOTS} ffprobe`")
