"""The reference for pages: the loop that people write, in as many processes as there are slots."""

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
from playwright.sync_api import Browser, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from tasks.pages.chromium import find_chromium
from tests.support.bare import bare_capture

_browsers: list[Browser] = []
"""Of this process: one, once it is launched."""


class BareLoop:
    """Processes with a browser each, which take pictures and write them to files."""

    def __init__(self, pool: ProcessPoolExecutor, folder: Path) -> None:
        """Use the pool's processes; write into ``folder``."""
        self._pool = pool
        self._folder = str(folder)

    def capture(self, urls: Sequence[str]) -> None:
        """Take a picture of each page, each in a fresh context; return when all are written."""
        jobs = [(url, f"{self._folder}/{number}.png") for number, url in enumerate(urls)]
        for _ in self._pool.map(_capture, jobs):
            pass


@contextmanager
def bare_loop(processes: int, folder: Path) -> Iterator[BareLoop]:
    """Launch the browsers for the block, the same binary as the farm's; no gate, no queue."""
    with ProcessPoolExecutor(
        processes, mp_context=multiprocessing.get_context("spawn"), initializer=_launch
    ) as pool:
        yield BareLoop(pool, folder)


def processes() -> list[psutil.Process]:
    """Return the processes of the loop that this one has started; browsers are below them."""
    children = psutil.Process().children()
    return [each for each in children if any("spawn_main" in word for word in each.cmdline())]


def _launch() -> None:
    playwright = sync_playwright().start()
    _browsers.append(playwright.chromium.launch(executable_path=find_chromium(None).path))


def _capture(job: tuple[str, str]) -> None:
    url, file = job
    try:
        picture = bare_capture(_browsers[0], url)
    except PlaywrightError:  # Now and then Chromium takes no picture; the farm tries again, too.
        picture = bare_capture(_browsers[0], url)
    Path(file).write_bytes(picture)
