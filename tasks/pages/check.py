"""Open a page for real, to know that the browser works."""

from tasks.deadline import Deadline
from tasks.pages.browser import BrowserHolder
from tasks.pages.failures import page_errors
from tasks.watchdog import Watchdog

_TIMEOUT_S = 20.0
_PAGE = "<!doctype html><title>ok</title><p>ok"


def open_a_page(browser: BrowserHolder, watchdog: Watchdog) -> None:
    """Render a page in a context of its own and read it back.

    Raises:
        BrowserCrashed: No browser can be had, or it does not work.
        JobTimedOut: It takes too long.
    """
    deadline = Deadline(_TIMEOUT_S)
    with (
        watchdog.over(deadline, browser.kill),
        browser.page(lambda _: {}, deadline) as page,
        page_errors("check", deadline),
    ):
        page.set_content(_PAGE, timeout=deadline.left_ms("check"))
        page.get_by_text("ok").wait_for(timeout=deadline.left_ms("check"))
