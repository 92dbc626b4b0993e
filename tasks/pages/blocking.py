"""What a page is not allowed to load or to show, at the caller's wish.

This makes pages lighter or calmer; it is no protection against one.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, Route

from farm.jobs.specs.page import PageOptions
from tasks.deadline import Deadline
from tasks.pages import ads, banners
from tasks.pages.visit import Visit


class Blocking:
    """All blocking of one page. Made before the page goes anywhere."""

    def __init__(self, visit: Visit, spec: PageOptions, easylist: Path) -> None:
        """Stop what ``spec`` blocks, of all that a page will ask for; never the page itself.

        Raises:
            OptionUnavailable: The spec blocks ads, and there is nothing to know them by.
        """
        page = visit.page
        if spec.block_resources or spec.block_urls or spec.block_ads:
            visit.undo_with(page.unroute_all)
        _block_kinds(page, spec)
        _block_urls(page, spec)
        self._easylist = easylist
        self._ads = ads.AdBlock(page, easylist) if spec.block_ads else None
        wants_banners = spec.block_cookie_banners and spec.java_script_enabled
        self._banners = banners.Banners(page) if wants_banners else None
        self.facts: dict[str, Any] = {}
        """What the report says of it, with the versions of engines and lists."""

    def close_banners(self, visit: Visit, deadline: Deadline) -> None:
        """Answer the loaded page's cookie banner, if there is one."""
        if self._banners is not None:
            with visit.step("settle", deadline):
                found = self._banners.settle(visit, deadline.left_s)
            self.facts["cookie_banner"] = {**found, **banners.versions()}

    def hide_ads(self, visit: Visit, deadline: Deadline) -> None:
        """Hide the settled page's advertising."""
        if self._ads is not None:
            with visit.step("settle", deadline):
                self._ads.hide_rest(visit)
            self.facts["ads"] = ads.versions(self._easylist)


def _block_kinds(page: Page, spec: PageOptions) -> None:
    kinds = frozenset(spec.block_resources)

    def stop(route: Route) -> None:
        _decide(route, stop=route.request.resource_type in kinds)

    if kinds:
        page.route("**/*", stop)


def _block_urls(page: Page, spec: PageOptions) -> None:
    def stop(route: Route) -> None:
        request = route.request
        is_page = request.is_navigation_request() and request.frame.parent_frame is None
        _decide(route, stop=not is_page)

    for glob in spec.block_urls:
        page.route(glob, stop)


def _decide(route: Route, *, stop: bool) -> None:
    with suppress(PlaywrightError):  # The page went away with its requests.
        if stop:
            route.abort("blockedbyclient")
        else:
            route.fallback()
