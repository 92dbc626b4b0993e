"""How long processes had a core, as the kernel counts it, part by part."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress

import psutil

Milliseconds = Mapping[str, float]
"""By part; ``all`` is their sum."""
Spent = Mapping[tuple[str, int], float]

PARTS = {
    "tasks.egress": "gates",
    "gunicorn": "API",
    "media@": "media worker",
    "pages@": "pages worker",
    "tasks.dispatcher": "dispatcher",
    "redis-server": "Redis",
    "flower": "Flower",
}
"""What each part of a farm has in its command line; the first that is found counts."""


def part_of(process: psutil.Process) -> str:
    """Return which part of a farm ``process`` is. A worker's children are parts of their own."""
    command = " ".join(process.cmdline())
    part = next((name for word, name in PARTS.items() if word in command), "other")
    if part.endswith("worker"):
        queue = part.partition(" ")[0]
        above = process.parent()
        if above is not None and f"{queue}@" in " ".join(above.cmdline()):
            return f"{queue} child"
    return part


def spent(
    roots: Iterable[psutil.Process],
    name: Callable[[psutil.Process], str],
    of_ended: Mapping[str, str],
) -> Spent:
    """Return the seconds that each process below ``roots`` has had so far, by part and id.

    What children had that have ended is their parent's; ``of_ended`` says whose it was,
    if not of the parent's part.
    """
    found: dict[tuple[str, int], float] = {}
    for root in roots:
        for process in [root, *root.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                part, times = name(process), process.cpu_times()
                found[part, process.pid] = times.user + times.system
                ended = of_ended.get(part, part)
                found[ended, -process.pid] = times.children_user + times.children_system
    return found


def between(before: Spent, after: Spent, count: int) -> dict[str, float]:
    """Return the milliseconds of each part for each of ``count``, and ``all``."""
    parts: defaultdict[str, float] = defaultdict(float)
    for part, pid in {**before, **after}:
        # What one that has ended meanwhile had before is among its parent's by now.
        seconds = after.get((part, pid), 0.0) - before.get((part, pid), 0.0)
        parts[part] += seconds * 1000 / count
    return {**parts, "all": sum(parts.values())}


def show(label: str, rounds: Sequence[Milliseconds]) -> None:
    """Print the medians of the rounds, the most first, with the least and the most of them."""
    print(label)
    numbers = {part: [each.get(part, 0.0) for each in rounds] for part in rounds[0]}
    for part, found in sorted(numbers.items(), key=lambda item: -statistics.median(item[1])):
        low, median, high = min(found), statistics.median(found), max(found)
        print(f"  {part:16}{median:8.2f}   ({low:.2f} to {high:.2f})", flush=True)
