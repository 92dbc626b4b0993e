"""Open the page of a spec, in time or with an honest error."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, Response
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from farm.jobs.errors import (
    BrowserCrashed,
    CaptureFailed,
    EmptyResponse,
    JobTimedOut,
    PageUnresponsive,
)
from farm.jobs.ladder import Ladder
from farm.jobs.specs import ScreenshotSpec
from tasks.deadline import Deadline
from tasks.outcome import Stopwatch
from tasks.pages.browser import BrowserHolder
from tasks.pages.failures import translate
from tasks.watchdog import watchdog

T = TypeVar("T")

_log = structlog.get_logger(__name__)

_TITLE_MAX_CHARACTERS = 1024
_URL_MAX_CHARACTERS = 2048
_TRIES = 3
_TRY_FRACTION = 0.25
"""Of the job's timeout: a capture takes a fraction of a second, of a huge page a few."""
_WITHOUT_PAGE = frozenset({204, 205})


@dataclass(frozen=True)
class Loaded:
    """A page that has come as far as its spec waits for."""

    page: Page
    response: Response

    def facts(self, deadline: Deadline) -> dict[str, Any]:
        """Return what the report says of the page itself."""
        with page_errors("report", deadline):
            return {
                "final_url": _text(self.page.url, _URL_MAX_CHARACTERS),
                "http_status": self.response.status,
                "content_type": _text(
                    self.response.headers.get("content-type", ""), _TITLE_MAX_CHARACTERS
                )
                or None,
                "title": _text(self.page.title(), _TITLE_MAX_CHARACTERS),
            }


@contextmanager
def loaded_page(
    browser: BrowserHolder, spec: ScreenshotSpec, deadline: Deadline, stopwatch: Stopwatch
) -> Iterator[Loaded]:
    """Give the spec's page, loaded in a context of its own that is closed afterwards.

    The watchdog stands behind the whole block: a call that takes no timeout ends
    with the browser.

    Raises:
        TargetError: The page cannot be had; which error says why.
        JobTimedOut: The deadline passed; it names the step.
        PageUnresponsive: The page let not even the deadline end its step.
        BrowserCrashed: The browser went away. The job is tried again.
    """
    with watchdog(Ladder(deadline.timeout_s).watchdog_s, browser.kill) as killed:
        page: Page | None = None
        try:
            with ExitStack() as stack:
                with stopwatch.stage("browser"):
                    page = stack.enter_context(browser.page(_context_options(spec), deadline))
                with stopwatch.stage("load"):
                    response = _go_to(page, spec, deadline)
                yield Loaded(page, response)
        except BrowserCrashed as error:
            if killed.is_set() and page is not None:
                raise PageUnresponsive("The page kept the browser busy for too long.") from error
            raise


def steadily(page: Page, deadline: Deadline, action: Callable[[Deadline], T]) -> T:
    """Return what ``action`` makes of ``page``, begun anew when the page moved under it.

    A page that goes on to another address right after `load` makes the browser fail or,
    now and then, never answer. So each try but the last gets a part of the time. A page
    that never stops going ends with what ``action`` raised last.
    """
    for _ in range(_TRIES - 1):
        try:
            return action(deadline.part(_TRY_FRACTION))
        except (CaptureFailed, JobTimedOut) as error:
            _log.info("tried_again", why=error.code)
            with page_errors("load", deadline):
                page.wait_for_load_state(timeout=deadline.left_ms("load"))
    return action(deadline)


@contextmanager
def page_errors(step: str, deadline: Deadline) -> Iterator[None]:
    """Turn what Playwright raises in the block into the farm's errors; see ``failures``."""
    try:
        yield
    except PlaywrightTimeout as error:
        raise deadline.passed(step) from error
    except PlaywrightError as error:
        raise translate(error.message) from error


def _text(value: str, max_characters: int) -> str:
    """Return ``value`` cut, and without the lone surrogates that a page may put anywhere."""
    return value[:max_characters].encode("utf-8", "replace").decode("utf-8")


def _go_to(page: Page, spec: ScreenshotSpec, deadline: Deadline) -> Response:
    with page_errors("load", deadline):
        response = page.goto(spec.url, wait_until=spec.wait_until, timeout=deadline.left_ms("load"))
    if response is None or response.status in _WITHOUT_PAGE:
        raise EmptyResponse("The server sent no page.")
    return response


def _context_options(spec: ScreenshotSpec) -> dict[str, Any]:
    return {
        "viewport": spec.viewport.model_dump(),
        "accept_downloads": False,
        "service_workers": "block",
        "locale": "en-US",
        "timezone_id": "UTC",
    }
