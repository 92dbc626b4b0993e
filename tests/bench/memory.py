"""What a slot takes of the machine's memory, and whether it takes more and more."""

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from farm.client.http import FarmClient
from tests.bench.bare import bare_loop, processes
from tests.bench.figures import Figure
from tests.bench.pages import real_pages
from tests.bench.support import farm
from tests.bench.throughput import captured

_SLOTS = 2
_LOOK_EVERY_S = 0.5
_MB = 1_000_000
_SETTINGS = {"STACK_PAGES_CONCURRENCY": str(_SLOTS), "STACK_MEDIA_CONCURRENCY": "1"}
_BARE = f"a process of the bare loop, {_SLOTS} of them"


def figures(quick: bool) -> Iterator[Figure]:
    """Measure item 7: of a worker's tree with its gate, proportional set size, for each slot."""
    rounds, pages = (2, 8) if quick else (6, 200)
    ours: dict[str, list[float]] = {"idle": [], "busy": []}
    bare: dict[str, list[float]] = {"idle": [], "busy": []}
    with (
        tempfile.TemporaryDirectory(prefix="farm-bench-") as folder,
        real_pages() as site,
        bare_loop(_SLOTS, Path(folder)) as loop,
        farm(_SETTINGS) as stack,
        FarmClient(stack.url) as client,
    ):
        urls = site.urls(pages)
        worker = _worker(stack.pid)
        for _ in range(rounds):
            for found, root, work in (
                (bare, None, lambda: loop.capture(urls)),
                (ours, worker, lambda: captured(client, urls, _SLOTS)),
            ):
                found["busy"].append(_most(root, work) / _SLOTS / _MB)
                found["idle"].append(_held(root) / _SLOTS / _MB)
    for state, held in ours.items():
        yield Figure(f"a slot for pages, {state}", "MB", held, bare[state], _BARE, "less")
    # All rounds but the first are what comes after it.
    later, first = ours["idle"][-1:], ours["idle"][:1]
    jobs = pages * (rounds - 1)
    yield Figure(
        f"a slot, idle, {jobs} jobs later", "MB", later, first, "the same before them", "less"
    )


def _worker(root: int) -> psutil.Process:
    for process in psutil.Process(root).children():
        if any("pages@" in word for word in process.cmdline()):
            return process
    raise RuntimeError("the farm has no worker for pages")


def _held(root: psutil.Process | None) -> int:
    """Return the bytes of a tree; of all the bare loop's processes for ``None``."""
    tops = [root] if root is not None else processes()
    total = 0
    for top in tops:
        for process in [top, *top.children(recursive=True)]:
            with suppress(psutil.Error):
                total += process.memory_full_info().pss
    return total


def _most(root: psutil.Process | None, work: Callable[[], object]) -> int:
    with _watching(root) as seen:
        work()
    return max(seen)


@contextmanager
def _watching(root: psutil.Process | None) -> Iterator[list[int]]:
    """Give a list of what is held during the block, looked at again and again."""
    seen: list[int] = []
    over = threading.Event()

    def watch() -> None:
        while True:
            seen.append(_held(root))
            if over.wait(_LOOK_EVERY_S):
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
