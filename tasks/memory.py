"""How much memory processes hold."""

from contextlib import suppress

import psutil


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
