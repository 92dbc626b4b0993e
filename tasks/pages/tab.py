"""A blank page in a context of its own, ready to be watched."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page


@dataclass(frozen=True)
class Tab:
    """A page, and a session of Chromium's own protocol beside Playwright's."""

    page: Page
    session: CDPSession
    frame: str
    """Chromium's id of the main frame, which the page keeps wherever it goes."""
    is_recorded: bool = False
    """Whether its job waits for what is written when it is closed."""
    undoing: list[Callable[[], object]] = field(default_factory=list)
    """What takes back what a job did to the page. Returns ``False`` if it cannot."""

    @classmethod
    def opened(cls, browser: Browser, options: Mapping[str, Any]) -> Self:
        """Open one in a new context with ``options``.

        Raises:
            playwright.sync_api.Error: The browser is gone, or does not take an option.
        """
        context = browser.new_context(**options)
        page = context.new_page()
        session = context.new_cdp_session(page)
        frame: str = session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
        return cls(page, session, frame, "record_har_path" in options)

    @property
    def context(self) -> BrowserContext:
        """The context, which has no other page."""
        return self.page.context

    def listening(self) -> Self:
        """Return this tab, of which the browser tells from now on what the page loads.

        It answers only if it is still there.

        Raises:
            playwright.sync_api.Error: The browser is gone, or the page.
        """
        self.session.send("Network.enable")
        return self

    def restored(self) -> bool:
        """Take back what a job did to it; return whether that can be done.

        Raises:
            playwright.sync_api.Error: The browser is gone, or the page.
        """
        is_restored = all(undo() is not False for undo in self.undoing)
        self.undoing.clear()
        return is_restored
