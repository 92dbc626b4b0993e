"""How a list goes: a bar, failures as they come, a line at the end; or JSON, for programs."""

import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Self

import click

from farm.client.lists.items import Item
from farm.client.lists.manifest import ItemLine
from farm.client.lists.standing import Standing
from farm.client.output import as_line, plain
from farm.client.progress import counting_display
from farm.jobs.batches.views import BatchView
from farm.jobs.states import JobState

if TYPE_CHECKING:
    from rich.progress import Progress as Display

_SILENCE_S = 10
"""A farm that has not answered for so long is away."""


class Telling:
    """Counts what becomes of the items, and tells it. Use it as a context manager."""

    def __init__(self, *, quiet: bool, as_json: bool) -> None:
        """Say nothing at all if ``quiet``; ``as_json``: a line on stdout for each that ends."""
        self._quiet = quiet
        self._as_json = as_json
        self._display: Display | None = None
        self._total = 0
        self._done = 0
        self._before = 0
        self._failures: Counter[str] = Counter()
        self._rate_per_min = 0.0
        self._answered = time.monotonic()
        self._has_waited = False

    def __enter__(self) -> Self:
        # Lines on the same terminal and a bar would write over each other.
        if sys.stderr.isatty() and not self._quiet and not (self._as_json and sys.stdout.isatty()):
            self._display = counting_display()
            self._display.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._display is not None:
            self._display.stop()
            self._display = None

    @property
    def failed(self) -> int:
        """How many items have failed."""
        return self._failures.total()

    @property
    def is_incomplete(self) -> bool:
        """Whether an item has no result."""
        return self._done < self._total

    def begin(self, total: int, found: Standing) -> None:
        """See ``Teller``."""
        self._total = total
        self._done = self._before = len(found.done)
        self._failures["failed before"] = len(found.failed)
        if self._display is not None:
            self._display.add_task("", total=total, said=self)
        self._move()

    def look(self, view: BatchView) -> None:
        """See ``Teller``."""
        self._answered = time.monotonic()
        self._rate_per_min = view.rate_per_min or 0
        self._move()

    def end(self, item: Item, line: ItemLine) -> None:
        """See ``Teller``."""
        if line.state is JobState.SUCCEEDED:
            self._done += 1
        else:
            code, message = (line.error.code, line.error.message) if line.error else ("failed", "")
            self._failures[code] += 1
            self.say(f"line {item.line}: {item.url or item.path}: {code}: {message}")
        if self._as_json:
            shown = line.model_dump(mode="json", exclude={"type"})
            click.echo(as_line({"line": item.line, **shown}))
        self._move()

    def wait(self, reason: str) -> None:
        """See ``Teller``."""
        self._answered = time.monotonic()
        if not self._has_waited:
            self.say(f"{reason} The rest is handed in as soon as there is room.")
        self._has_waited = True

    def sum_up(self) -> None:
        """Say how it went, in one line."""
        parts = [f"{self._done - self._before:,} done"]
        if self._before:
            parts.append(f"{self._before:,} there before")
        if self.failed:
            codes = ", ".join(
                f"{code} {count:,}" for code, count in self._failures.items() if count
            )
            parts.append(f"{self.failed:,} failed ({codes})")
        left = self._total - self._done - self.failed
        if left:
            parts.append(f"{left:,} left")
        self.say(", ".join(parts))

    def __str__(self) -> str:
        """Return what stands beside the bar now."""
        silent_s = time.monotonic() - self._answered
        if silent_s > _SILENCE_S:
            return f"no answer from the farm for {silent_s:.0f} s"
        parts = [f"{self.failed:,} failed"]
        if self._rate_per_min > 0:
            left = self._total - self._done - self.failed
            left_s = round(left / self._rate_per_min * 60)
            minutes, seconds = divmod(left_s, 60)
            parts += [f"{self._rate_per_min:,.0f}/min", f"{minutes:,}:{seconds:02} left"]
        return "  ".join(parts)

    def _move(self) -> None:
        if self._display is not None:
            for task in self._display.task_ids:
                self._display.update(task, completed=self._done + self.failed)

    def say(self, text: str) -> None:
        """Print a sentence on stderr, above the bar."""
        if self._quiet:
            return
        if self._display is None:
            click.echo(plain(text), err=True)
        else:
            self._display.console.print(plain(text), markup=False, highlight=False)
