"""What the benchmarks share: a farm of their own."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dev.stack import Ports, Stack, running


@contextmanager
def farm(settings: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """Run a farm on free ports for the block; ``settings`` are variables for its parts."""
    with (
        tempfile.TemporaryDirectory(prefix="farm-bench-") as folder,
        (Path(folder) / "farm.log").open("wb") as log,
        running(Stack(Path(folder), Ports.free(), output=log, settings=settings or {})) as stack,
    ):
        stack.wait_ready()
        yield stack
