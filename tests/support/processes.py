"""The processes that came of one start, found among all of this machine's."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil


class Family:
    """Every process with the folder ``mark`` in its environment, and its descendants.

    A browser is given next to nothing of its worker's environment, but its ``TMPDIR``,
    which lies in its worker's: with that as the mark even an orphan nobody has seen
    before is found.
    """

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._seen: set[psutil.Process] = set()

    def alive(self) -> list[psutil.Process]:
        """Return the members there are now, among them all that were seen earlier."""
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if any(self._is_in(value) for value in process.environ().values()):
                    self._seen |= {process, *process.children(recursive=True)}
        return [process for process in self._seen if lives(process)]

    def _is_in(self, value: str) -> bool:
        return value == self._mark or value.startswith(f"{self._mark}/")

    def orphans(self) -> list[psutil.Process]:
        """Return the browsers and drivers there are now that no worker of Celery stands above."""
        return [process for process in self.alive() if is_browser(process) and not _owned(process)]

    def kill(self) -> None:
        """End every member, until there is none left."""
        while left := self.alive():
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(left, timeout=1)


@contextmanager
def family(mark: str) -> Iterator[Family]:
    """Give the family for the block; what is alive of it then is killed."""
    found = Family(mark)
    try:
        yield found
    finally:
        found.kill()


def workers_children(process: psutil.Process) -> list[psutil.Process]:
    """Return the living children of a worker that take jobs; its gate is none of them."""
    with suppress(psutil.NoSuchProcess):
        return [each for each in process.children() if lives(each) and not _is_gate(each)]
    return []


def _is_gate(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return "tasks.egress" in process.cmdline()
    return False


def lives(process: psutil.Process) -> bool:
    """Return whether ``process`` still runs; one that only waits to be reaped does not."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def is_browser(process: psutil.Process) -> bool:
    """Return whether ``process`` is part of a browser, or Playwright's driver."""
    with suppress(psutil.NoSuchProcess):
        return process.name().startswith(("node", "chrom", "headless_shell"))
    return False


def _owned(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return any("celery" in " ".join(above.cmdline()) for above in process.parents())
    return not lives(process)
