"""The plainest script that takes a picture of a page: what the farm is compared with."""

from collections.abc import Callable

from playwright.sync_api import Browser, Page


def bare_capture(
    browser: Browser,
    url: str,
    shoot: Callable[[Page], bytes] = Page.screenshot,
    listen: Callable[[Page], object] = lambda _: None,
) -> bytes:
    """Take the picture as a plain script does, or by ``shoot``, in a fresh context.

    ``listen`` is called with the page before it goes there.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    listen(page)
    page.goto(url)
    picture = shoot(page)
    context.close()
    return picture
