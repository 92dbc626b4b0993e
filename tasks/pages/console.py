"""What a page writes to its console."""

from typing import Any

from playwright.sync_api import ConsoleMessage, Page
from playwright.sync_api import Error as PlaywrightError

LINES_MAX = 1000
LINE_MAX_CHARACTERS = 1024

_OF_THE_BROWSER = "Failed to load resource:"
"""Chromium's own remark about a request; those are counted with the traffic."""


class Console:
    """Keeps the first lines of a page's console, and then listens no more.

    A page may write without end, and each line is work for this process.
    """

    def __init__(self, page: Page) -> None:
        """Listen to ``page``."""
        self._page = page
        self.lines: list[dict[str, Any]] = []
        self.errors = 0
        """Errors that the page logged or threw, among the lines that were kept."""
        self.first_error: str | None = None
        page.on("console", self._said)
        page.on("pageerror", self._threw)

    @property
    def is_full(self) -> bool:
        """Whether there may have been more."""
        return len(self.lines) >= LINES_MAX

    def stop(self) -> None:
        """Listen no more."""
        if not self.is_full:
            self._leave()

    def _said(self, message: ConsoleMessage) -> None:
        self._add(message.type, message.text, message.location.get("url", ""))
        if message.type == "error" and not message.text.startswith(_OF_THE_BROWSER):
            self._note(message.text)

    def _threw(self, error: PlaywrightError) -> None:
        text = f"{error.name}: {error.message}" if error.name else error.message
        self._add("exception", text, "")
        self._note(text)

    def _add(self, kind: str, text: str, url: str) -> None:
        if len(self.lines) < LINES_MAX:
            self.lines.append(
                {"type": kind, "text": text[:LINE_MAX_CHARACTERS], "url": url[:LINE_MAX_CHARACTERS]}
            )
            if len(self.lines) == LINES_MAX:
                self._leave()

    def _leave(self) -> None:
        self._page.remove_listener("console", self._said)
        self._page.remove_listener("pageerror", self._threw)

    def _note(self, text: str) -> None:
        self.errors += 1
        self.first_error = self.first_error or text[:LINE_MAX_CHARACTERS]
