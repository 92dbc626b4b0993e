"""How much memory processes hold."""

from contextlib import suppress
from pathlib import Path

import psutil

_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Of the container, in either version of control groups."""


def limit_bytes() -> int:
    """Return how much memory there is for this process: the container's or the machine's."""
    limits = [psutil.virtual_memory().total]
    for file in _LIMITS:
        with suppress(OSError, ValueError):  # Another version; "max".
            limits.append(int(file.read_text(encoding="ascii")))
    return min(limits)


def tree_bytes(root: psutil.Process) -> int:
    """Return what ``root`` and all below it hold together; 0 if it is gone.

    What they share is divided between them where the system tells (PSS), else it counts
    for each (RSS).
    """
    total = 0
    with suppress(psutil.NoSuchProcess):
        for process in [root, *root.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                total += _bytes_of(process)
    return total


def _bytes_of(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.AccessDenied, AttributeError):  # A sandboxed one; a Mac.
        return int(process.memory_info().rss)
