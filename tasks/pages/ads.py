"""Advertising: which requests go out, and what is hidden where one left a hole."""

import hashlib
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, Request, Route

from farm.jobs.errors import OptionUnavailable
from tasks.pages.visit import Visit

try:
    import adblock
except ImportError:  # There are no wheels for some systems, and nothing else needs it.
    adblock = None  # type: ignore[assignment]

INSTALLED = Path(sys.prefix) / "share" / "easylist" / "easylist.txt"
"""Where the set-up and the image put the list."""

# Playwright's names of resource types to the engine's; the others are the same.
_TYPES: Mapping[str, str] = {
    "document": "sub_frame",  # the page itself is never asked about
    "xhr": "xmlhttprequest",
    "fetch": "xmlhttprequest",
    "eventsource": "xmlhttprequest",
}
_RULES_MIN = 10_000
"""EasyList has some 76,000: less is a damaged or an emptied file."""
_NAMES_MAX = 20_000

_HIDE = """(css, blocked) => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  const gone = new Set(blocked);
  for (const element of document.querySelectorAll('img, iframe, object, embed, video'))
    if (gone.has(element.src || element.data))
      element.style.setProperty('display', 'none', 'important');
}"""
_NAMES = """most => {
  const ids = new Set(), classes = new Set();
  for (const each of document.querySelectorAll('[id], [class]')) {
    if (each.id) ids.add(each.id);
    for (const name of each.classList) classes.add(name);
  }
  return [[...classes].slice(0, most), [...ids].slice(0, most)];
}"""


@lru_cache(maxsize=1)
def engine(easylist: Path) -> "adblock.Engine":
    """Return the process's one engine over the list; the first call takes a fifth of a second.

    Raises:
        OptionUnavailable: The engine is not installed, or the list is not there.
    """
    if adblock is None:
        raise OptionUnavailable("block_ads: the package adblock is not installed here.")
    try:
        text = easylist.read_text(encoding="utf-8")
    except (OSError, ValueError):
        raise OptionUnavailable("block_ads: this worker has no EasyList.") from None
    if text.count("\n") < _RULES_MIN:
        raise OptionUnavailable("block_ads: this worker's EasyList is not complete.")
    rules = adblock.FilterSet()
    rules.add_filter_list(text)
    return adblock.Engine(rules, optimize=True)


@lru_cache(maxsize=1)
def versions(easylist: Path) -> dict[str, str]:
    """Return the versions of engine and list; of a list that names none, its fingerprint."""
    content = easylist.read_bytes()
    found = re.search(rb"^! Version: *([0-9]+)\s", content[:4096], re.MULTILINE)
    known = found[1].decode() if found else f"sha256:{hashlib.sha256(content).hexdigest()[:16]}"
    return {"adblock": version("adblock"), "easylist": known}


class AdBlock:
    """Stops the advertising of one page. Made before the page goes anywhere."""

    def __init__(self, page: Page, easylist: Path) -> None:
        """Stand between ``page`` and the network; see ``engine`` for what it raises."""
        self._engine = engine(easylist)
        self._page = page
        self._blocked: list[str] = []
        page.route("**/*", self._decide)

    def hide_rest(self, visit: Visit) -> None:
        """Hide what the list names, and the elements whose contents did not come."""
        wanted = self._engine.url_cosmetic_resources(self._page.url)
        selectors = list(wanted.hide_selectors)
        if not wanted.generichide:  # type: ignore[attr-defined]  # its stub forgot it
            classes, ids = visit.ask(_NAMES, _NAMES_MAX)
            selectors += self._engine.hidden_class_id_selectors(classes, ids, wanted.exceptions)
        # One rule each: a selector that Chromium does not know spoils no other.
        css = "\n".join(f"{each} {{display: none !important}}" for each in selectors)
        visit.ask(_HIDE, css, self._blocked)

    def _decide(self, route: Route, request: Request) -> None:
        with suppress(PlaywrightError):  # The page went away with its requests.
            if not self._is_ad(request):
                route.fallback()
                return
            self._blocked.append(request.url)
            if request.resource_type == "document":  # An aborted frame shows an error page.
                route.fulfill(status=200, content_type="text/html", body="")
            else:
                route.abort("blockedbyclient")

    def _is_ad(self, request: Request) -> bool:
        kind = request.resource_type
        if not request.url.startswith(("http:", "https:")):
            return False
        if kind == "document" and request.frame.parent_frame is None:
            return False
        answer = self._engine.check_network_urls(
            request.url, self._page.url, _TYPES.get(kind, kind)
        )
        return bool(answer.matched)
