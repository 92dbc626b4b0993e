"""What the benchmarks share: a farm of their own, and a stopwatch."""

import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dev.stack import ROOT, Stack, running
from tests.support.stacks import a_stack

PAGE = ROOT / "docs" / "performance.md"
"""Has a place for each table that is measured."""


@contextmanager
def farm(settings: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """Run a farm on free ports for the block; ``settings`` are variables for its parts."""
    with (
        tempfile.TemporaryDirectory(prefix="farm-bench-") as folder,
        (Path(folder) / "farm.log").open("wb") as log,
        running(a_stack(Path(folder), log, settings)) as stack,
    ):
        stack.wait_ready()
        yield stack


def is_open(port: int) -> bool:
    """Return whether anybody listens on the loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def seconds(work: Callable[[], object]) -> float:
    """Return how long ``work`` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def per_second(count: int, work: Callable[[], object]) -> float:
    """Return how many of ``count`` that makes a second."""
    return count / seconds(work)
