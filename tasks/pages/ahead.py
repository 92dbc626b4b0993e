"""A context with a blank page, opened before the job is there that takes it."""

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from playwright.sync_api import Browser
from playwright.sync_api import Error as PlaywrightError

from tasks.pages.tab import Tab

_KEPT_S = 60.0
_OF_ONE_JOB = frozenset(
    {"http_credentials", "extra_http_headers", "storage_state", "record_har_path"}
)
"""Options with secrets or with what one job has left behind."""


class Ahead:
    """Guesses that the next job wants what the last two wanted."""

    def __init__(self) -> None:
        """Have nothing yet."""
        self._last: list[Mapping[str, Any]] = []
        self._ready: tuple[Mapping[str, Any], Tab, float] | None = None

    def take(self, options: Mapping[str, Any]) -> Tab | None:
        """Return what is ready for ``options`` and listens, if it still does; else close it.

        Raises:
            playwright.sync_api.Error: The browser is gone.
        """
        self._last = [*self._last[-1:], options]
        ready, self._ready = self._ready, None
        if ready is None:
            return None
        made_with, tab, made_at = ready
        if made_with == options and time.monotonic() - made_at <= _KEPT_S:
            with suppress(PlaywrightError):  # Gone: itself, or with its browser.
                return tab.listening()
        tab.context.close()
        return None

    def prepare(self, browser: Browser) -> None:
        """Open one more of what the last two jobs wanted, if that was the same for both."""
        if len(self._last) < 2 or self._last[0] != self._last[1]:  # noqa: PLR2004 - both
            return
        options = self._last[-1]
        if self._ready is not None or _OF_ONE_JOB & options.keys():
            return
        with suppress(PlaywrightError):  # The job will find out.
            self._ready = options, Tab.opened(browser, options), time.monotonic()

    def forget(self) -> None:
        """Drop what is ready, with its browser."""
        self._ready = None
