"""Render hostile pages, and see that each leaves everything as it was."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from PIL import Image

from farm.jobs.errors import FarmError
from tasks.outcome import Outcome
from tasks.pages.browser import BrowserHolder
from tests.support.pages import RED, picture, pixel, shoot
from tests.support.processes import family
from tests.support.site import Site
from tests.support.waiting import until

_GRACE_S = 3.0
"""What a job may take beyond its deadline: to find out that nobody answers, and to kill."""
_NEXT_JOB_S = 10.0
_LOOK_EVERY_S = 0.1


@dataclass(frozen=True)
class Ending:
    """What became of one job."""

    outcome: Outcome | None
    error: FarmError | None
    took_s: float
    peak_bytes: int
    """The most memory that driver and browser had together."""
    disk_bytes: int
    """By how much their files grew at most; those of before count, too."""

    @property
    def code(self) -> str:
        """The error's code, or "succeeded"."""
        return self.error.code if self.error else "succeeded"

    @property
    def message(self) -> str:
        return self.error.message if self.error else ""

    @property
    def report(self) -> dict[str, object]:
        """What is reported of the page, which was pictured."""
        assert self.outcome is not None, self.message
        return self.outcome.report

    @property
    def picture(self) -> Image.Image:
        """The picture, which is what the report says of it."""
        assert self.outcome is not None, self.message
        found = picture(self.outcome)
        assert found.size == (self.report["width"], self.report["height"])
        return found


Endure = Callable[..., Ending]


@contextmanager
def enduring(browser: BrowserHolder, site: Site, mark: Path) -> Iterator[Endure]:
    """Give a function that renders a hostile page; fail if anything is left of all of them."""

    def endure(address: str, *, timeout_s: float = 30, **fields: object) -> Ending:
        url = address if "://" in address else site.url(address)
        before = _size_of(mark)
        with (
            _peak(_memory_of_children) as peak_bytes,
            _peak(lambda: _size_of(mark) - before) as disk_bytes,
        ):
            began = time.monotonic()
            outcome, error = None, None
            try:
                outcome = shoot(browser, url, timeout_s=timeout_s, **fields)
            except FarmError as caught:
                error = caught
            took_s = time.monotonic() - began
        assert took_s <= timeout_s + _GRACE_S
        began = time.monotonic()
        next_one = shoot(browser, site.url("/colours"), timeout_s=_NEXT_JOB_S)
        assert time.monotonic() - began <= _NEXT_JOB_S
        assert pixel(picture(next_one), 5, 50) == RED
        peaks = max(peak_bytes, default=0), max(disk_bytes, default=0)
        return Ending(outcome, error, took_s, *peaks)

    # The browser takes over where temporary files go: thus its processes are known.
    with pytest.MonkeyPatch.context() as patch, family(str(mark)) as processes:
        patch.setattr(tempfile, "tempdir", str(mark))
        yield endure
        assert processes.alive()
        browser.close()
        until(lambda: not processes.alive(), "no process of the browser is left")


def _memory_of_children() -> int:
    total = 0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            total += process.memory_info().rss
    return total


def _size_of(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += file.lstat().st_size
    return total


@contextmanager
def _peak(measure: Callable[[], int]) -> Iterator[list[int]]:
    """Give a list that grows by what is measured again and again during the block."""
    found: list[int] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(_LOOK_EVERY_S):
            found.append(measure())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()
        found.append(measure())
