"""Bars on stderr for people who wait."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from farm.client.calls import Progress
from farm.client.output import plain

if TYPE_CHECKING:
    from rich.progress import Progress as Display


class UploadBars:
    """A bar for each file that is being uploaded; none if nobody is watching stderr.

    Threads may share it.
    """

    def __init__(self) -> None:
        """Show nothing yet."""
        self._display: Display | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._display = _display()
            self._display.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._display is not None:
            self._display.stop()

    @contextmanager
    def bar(self, name: str) -> Iterator[Progress]:
        """Show a bar called ``name`` for the block, which tells it how far it is."""
        display = self._display
        if display is None:
            yield lambda _sent_bytes, _total_bytes: None
            return
        task = display.add_task(plain(name), total=None)
        try:
            yield lambda sent_bytes, total_bytes: display.update(
                task, completed=sent_bytes, total=total_bytes
            )
        finally:
            display.remove_task(task)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the bars off the terminal while the block prints on it."""
        if self._display is None:
            yield
            return
        self._display.stop()
        try:
            yield
        finally:
            self._display.start()


def counting_display() -> "Display":
    """Return a bar on stderr of how many are done, with the field ``said`` of its task behind it.

    ``said`` may be anything that can be shown: it is asked each time the bar is drawn.
    """
    # Slow to import, and seldom needed.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn  # noqa: PLC0415
    from rich.progress import Progress as Display  # noqa: PLC0415

    return Display(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[said]}", markup=False),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )


def _display() -> "Display":
    # Slow to import, and seldom needed.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, DownloadColumn, TextColumn  # noqa: PLC0415
    from rich.progress import Progress as Display  # noqa: PLC0415

    return Display(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        console=Console(stderr=True),
        transient=True,
        # Else what goes to a piped stdout would be shown on the terminal instead.
        redirect_stdout=False,
        redirect_stderr=False,
    )
