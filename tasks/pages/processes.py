"""The processes of a driver and of its browser."""

from contextlib import suppress

import psutil

_RENDERER_MAX_BYTES = 1536 * 1024 * 1024
"""What a page may write to: many times what a large one needs, and more than a machine
can spare for a bomb. Its pictures do not count, they are in shared memory."""


def lives(process: psutil.Process) -> bool:
    """Return whether it is there, and no other process with its number."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def started_here() -> set[psutil.Process]:
    """Return the processes that this one has started."""
    return set(psutil.Process().children())


def limit_renderers(browser: psutil.Process) -> None:
    """Limit the memory of every page to come; one that wants more loses its renderer.

    The zygotes are what all renderers are forked from, and a limit is inherited.
    """
    with suppress(psutil.Error):
        for process in browser.children(recursive=True):
            if "--type=zygote" in process.cmdline():
                process.rlimit(psutil.RLIMIT_DATA, (_RENDERER_MAX_BYTES, _RENDERER_MAX_BYTES))


def browser_of(driver: psutil.Process) -> psutil.Process | None:
    """Return the browser's main process: the youngest that the driver has started.

    Chromium leads a process group of its own, so this pid is the whole tree's handle.
    """
    living = [each for each in driver.children() if each.status() != psutil.STATUS_ZOMBIE]
    return max(living, key=psutil.Process.create_time, default=None)
