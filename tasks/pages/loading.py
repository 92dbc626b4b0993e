"""Load the page of a spec, in time or with an honest error."""

from typing import Literal

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from farm.jobs.errors import (
    ConnectionFailed,
    EmptyResponse,
    HttpError,
    JobError,
    JobTimedOut,
    UnsupportedContent,
)
from farm.jobs.specs.page import PageOptions
from tasks.deadline import Deadline
from tasks.pages.failures import translate
from tasks.pages.page import as_far_as_it_goes, patience
from tasks.pages.visit import LOOK_MS, Visit

FONTS_S = 3.0
"""A font may hold a page back for so long: text in another font is better than none."""
_IDLE_S = 5.0
"""A page that polls is never idle; by then it shows what it has."""
_LEAVES_S = 0.3
"""A click or a script leads elsewhere within some 20 ms, on a busy machine within 200."""
LOOKS_S = 0.25
"""A long wait is made of short ones, between which the page is looked at."""
_DROPPED = ("ERR_NETWORK_CHANGED", "interrupted by another navigation")
"""What is said when Chromium drops a page because an address came to this machine or left it, as
when a container starts beside the worker; and when what it shows instead, or its own second try,
comes in between."""
_NAMED_MAX = 3
_WITHOUT_PAGE = frozenset({204, 205, 304})
_PDF = "application/pdf"


def load(visit: Visit, spec: PageOptions, deadline: Deadline) -> None:
    """Bring the blank page to where ``spec`` wants it, and as far as it waits for.

    Raises:
        TargetError: The page cannot be had; which error says why.
        ResponseTooLarge: It loads without end.
        JobTimedOut: The deadline passed; it names what was waited for.
        BrowserCrashed: The browser went away. The job is tried again.
    """
    patient = patience(spec, deadline)
    if spec.navigation_timeout is not None and spec.navigation_timeout < patient.left_s * 1000:
        patient = Deadline(spec.navigation_timeout / 1000)
    if spec.url is None:
        with visit.step("load", patient):
            visit.page.set_content(
                spec.html or "", wait_until="commit", timeout=patient.left_ms("load")
            )
    else:
        _go_to(visit, spec, spec.url, patient)
        _judge_status(visit, spec)
        _judge_content(visit)
    with as_far_as_it_goes(visit, spec):
        _wait_until(visit, spec, patient)


def follow(visit: Visit, spec: PageOptions, deadline: Deadline) -> None:
    """Wait for the page that a click or a script has led to, as for the first one."""
    with visit.step("load", deadline):
        # Chromium tells a little later that it goes, and that it has come.
        leaving = deadline.within(_LEAVES_S)
        while not visit.traffic.is_leaving and leaving.left_s > 0:
            visit.page.wait_for_timeout(LOOK_MS)
        while visit.traffic.is_leaving and deadline.left_s > 0:
            visit.page.wait_for_timeout(LOOK_MS)
    with as_far_as_it_goes(visit, spec):
        _wait_until(visit, spec, deadline)


def _wait_until(visit: Visit, spec: PageOptions, deadline: Deadline) -> None:
    state = "load" if spec.wait_until == "networkidle" else spec.wait_until
    if state != "commit":
        _wait_for(visit, state, deadline)
    if spec.wait_until == "networkidle":
        _wait_for_idle(visit, deadline)


def _go_to(visit: Visit, spec: PageOptions, url: str, deadline: Deadline) -> None:
    while True:
        try:
            response = visit.page.goto(url, wait_until="commit", timeout=deadline.left_ms("load"))
            break
        except PlaywrightTimeout as error:
            visit.check()
            raise deadline.passed("load", "the server's answer") from error
        except PlaywrightError as error:
            # That the renderer is gone the browser tells a moment after it gave the page up.
            with visit.step("load", deadline):
                visit.page.wait_for_timeout(LOOK_MS)
            visit.check()
            if not any(sign in error.message for sign in _DROPPED):
                raise _failed_navigation(visit, spec, error.message) from error
    if response is None or response.status in _WITHOUT_PAGE:
        raise EmptyResponse(f"The server sent no page{_status_of(visit)}.")


def _failed_navigation(visit: Visit, spec: PageOptions, message: str) -> JobError:
    error = translate(message)
    page = visit.traffic.page
    if isinstance(error, EmptyResponse):
        _judge_status(visit, spec)
        if visit.traffic.refused_scheme is not None:
            return UnsupportedContent(
                f"The server redirects to {visit.traffic.refused_scheme}:, which is no page."
            )
        return EmptyResponse(f"The server sent no page{_status_of(visit)}.")
    if isinstance(error, UnsupportedContent) and page is not None and page.content_type:
        return _no_page(page.content_type)
    return error


def _no_page(content_type: str) -> UnsupportedContent:
    return UnsupportedContent(f"The address is a download of {content_type}, not a page.")


def _judge_content(visit: Visit) -> None:
    """Refuse what the headless shell does not show, and the full Chromium in a viewer."""
    content_type = (visit.traffic.page and visit.traffic.page.content_type) or ""
    if content_type.lower().startswith(_PDF):
        raise _no_page(content_type)


def _status_of(visit: Visit) -> str:
    page = visit.traffic.page
    return f" (HTTP {page.status})" if page is not None else ""


def _judge_status(visit: Visit, spec: PageOptions) -> None:
    page = visit.traffic.page
    status = page.status if page is not None else None
    if status is None:
        return
    if any(_is_in(status, each) for each in spec.fail_on_status):
        raise HttpError(f"The server answered with HTTP {status}.")
    if status in {401, 407}:
        visit.warn(f"The page asks for credentials (HTTP {status}).")


def _is_in(status: int, wanted: str) -> bool:
    if wanted.endswith("xx"):
        return status // 100 == int(wanted[0])
    first, _, last = wanted.partition("-")
    return int(first) <= status <= int(last or first)


def _wait_for(visit: Visit, state: Literal["domcontentloaded", "load"], deadline: Deadline) -> None:
    """Wait in short looks: what comes up meanwhile must not wait for the deadline."""
    fonts = deadline.within(FONTS_S)
    while True:
        visit.check()
        try:
            with visit.step("load", deadline):
                look_ms = min(LOOKS_S * 1000, deadline.left_ms("load"))
                visit.page.wait_for_load_state(state, timeout=look_ms)
        except JobTimedOut as error:
            page = visit.traffic.page
            if page is not None and page.has_failed:
                raise ConnectionFailed(f"The page broke off. ({page.failure})") from error
            holding = visit.traffic.holding()
            if fonts.left_s == 0 and holding and all(each.is_font for each in holding):
                visit.stop_loading()
                visit.warn(f"Not waited for any longer: {holding[0].url}")
                return
            if deadline.left_s == 0:
                raise deadline.passed("load", _awaited(visit)) from error
        else:
            return


def _awaited(visit: Visit) -> str:
    holding = visit.traffic.holding()
    if not holding and visit.traffic.refused_scheme is not None:
        return f"a page that ended itself by going to a {visit.traffic.refused_scheme}: address"
    named = [each.url for each in holding[:_NAMED_MAX]]
    more = len(holding) - len(named)
    return (" and ".join(named) + (f" and {more} more" if more else "")) or "the end of the page"


def _wait_for_idle(visit: Visit, deadline: Deadline) -> None:
    idle = deadline.within(_IDLE_S)
    try:
        with visit.step("load", idle):
            visit.page.wait_for_load_state("networkidle", timeout=idle.left_ms("load"))
    except JobTimedOut:
        if deadline.left_s == 0:
            raise
        visit.warn(f"Never without traffic; not waited for any longer after {_IDLE_S:g} s.")
