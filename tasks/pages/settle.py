"""What is done to a loaded page before it is taken, in the order that the spec promises."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from farm.jobs.errors import (
    CaptureFailed,
    ConsoleError,
    JobTimedOut,
    ResourceFailed,
    ScriptFailed,
    SelectorNotFound,
)
from farm.jobs.specs.page import PageOptions, WaitForSelector
from tasks.deadline import Deadline
from tasks.pages.blocking import Blocking
from tasks.pages.loading import FONTS_S, LOOKS_S, follow
from tasks.pages.page import as_far_as_it_goes, patience
from tasks.pages.visit import LOOK_MS, Visit

ELEMENT_S = 5.0
"""How long an element may take to appear that the spec simply takes for granted."""
_SCROLL_FRACTION = 1 / 3
_SCREEN_MIN_PX = 100

_ADD_STYLES = """styles => {
  for (const style of styles) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style);
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  }
}"""  # Unlike a <style>, an adopted sheet is nothing that a policy of the page can forbid.

_UNKNOWN_SELECTOR = """selectors => selectors.find(selector => {
  try { document.querySelector(selector); } catch { return true; }
}) ?? null"""

_REMOVE = """selectors => {
  for (const selector of selectors)
    for (const element of document.querySelectorAll(selector)) element.remove();
}"""

_SCROLL = """top => {
  const root = document.scrollingElement;
  if (!root) return null;
  if (top !== null) root.scrollTo({top, behavior: 'instant'});
  return [root.scrollTop, window.innerHeight, root.scrollHeight];
}"""
_FONTS_HAVE_COME = "() => document.fonts.status === 'loaded'"


def settle(visit: Visit, spec: PageOptions, blocking: Blocking, deadline: Deadline) -> None:
    """Do to the page what ``spec`` wants, and wait for what it waits for.

    Raises:
        SelectorNotFound: There is nothing to click on, or a selector is none.
        ScriptFailed: A script or the condition threw.
        JobTimedOut: What was waited for did not come; not for a best effort.
        ConsoleError: The spec does not want errors on the console, and there is one.
        ResourceFailed: Likewise of a resource.
    """
    patient = patience(spec, deadline)
    blocking.close_banners(visit, patient)
    _change(visit, spec, patient)
    with as_far_as_it_goes(visit, spec):
        _wait(visit, spec, patient)
    _apply(visit, _REMOVE, spec.remove_selectors, patient)
    if spec.scrolls:
        _scroll(visit, spec, patient)
    if spec.wait_for_timeout:
        with as_far_as_it_goes(visit, spec):
            _rest(visit, spec.wait_for_timeout, patient)
    blocking.hide_ads(visit, patient)
    _wait_for_fonts(visit, patient)
    visit.check()
    _judge(visit, spec)


def _change(visit: Visit, spec: PageOptions, deadline: Deadline) -> None:
    hiding = [f"{each} {{visibility: hidden !important}}" for each in spec.hide_selectors]
    _check_selectors(visit, spec.hide_selectors, deadline)
    styles = [*spec.styles, *hiding]
    if styles:
        with visit.step("settle", deadline):
            visit.ask_now_and_later(_ADD_STYLES, styles)
    for selector in spec.click:
        with found(visit, selector, "click on"), visit.step("settle", deadline):
            part = deadline.within(ELEMENT_S)
            visit.page.locator(selector).first.click(timeout=part.left_ms("settle"))
    for number, script in enumerate(spec.scripts):
        with visit.step("settle", deadline):
            error = visit.run(script, deadline).error
        if error is not None:
            raise ScriptFailed(f"scripts.{number}: {error}")
    if spec.click or spec.scripts:
        follow(visit, spec, deadline)


@contextmanager
def found(visit: Visit, selector: str, purpose: str) -> Iterator[None]:
    """Say it plainly where the block waited for an element that is not there."""
    try:
        yield
    except JobTimedOut as error:
        if not visit.answers():
            raise
        raise SelectorNotFound(f"There is nothing to {purpose} for {selector!r}.") from error
    except CaptureFailed as error:
        cause = str(error.__cause__)
        if "selector" in cause:
            raise SelectorNotFound(f"{selector!r} is no selector.") from error
        raise


def _wait(visit: Visit, spec: PageOptions, deadline: Deadline) -> None:
    wanted = spec.wait_for_selector
    if wanted is not None:
        try:
            with _waiting_for(f"{wanted.selector!r} to be {wanted.state}", deadline):
                _look_for(visit, wanted, deadline)
        except CaptureFailed as error:
            if "selector" in str(error.__cause__):
                raise SelectorNotFound(f"{wanted.selector!r} is no selector.") from error
            raise
    if spec.wait_for_function is not None:
        _wait_for_function(visit, spec.wait_for_function, deadline)


def _look_for(visit: Visit, wanted: WaitForSelector, deadline: Deadline) -> None:
    """Wait in short looks: what befalls the page meanwhile must not wait for the deadline."""
    element = visit.page.locator(wanted.selector).first
    while True:
        look = deadline.within(LOOKS_S)
        try:
            with visit.step("settle", deadline):
                element.wait_for(state=wanted.state, timeout=look.left_ms("settle"))
        except JobTimedOut:
            if deadline.left_s == 0:
                raise
        else:
            return


def _wait_for_function(visit: Visit, expression: str, deadline: Deadline) -> None:
    while True:
        with visit.step("settle", deadline):
            said = visit.run(expression, deadline)
            if said.is_true:
                return
            if deadline.left_s == 0:
                raise deadline.passed("settle", "wait_for_function")
            if said.error is not None:
                raise ScriptFailed(f"wait_for_function: {said.error}")
            visit.page.wait_for_timeout(LOOK_MS)


@contextmanager
def _waiting_for(what: str, deadline: Deadline) -> Iterator[None]:
    try:
        yield
    except JobTimedOut as error:
        raise deadline.passed("settle", what) from error


def _check_selectors(visit: Visit, selectors: Sequence[str], deadline: Deadline) -> None:
    if selectors:
        with visit.step("settle", deadline):
            unknown = visit.ask(_UNKNOWN_SELECTOR, list(selectors))
        if unknown is not None:
            raise SelectorNotFound(f"{unknown!r} is no CSS selector.")


def _apply(visit: Visit, function: str, selectors: Sequence[str], deadline: Deadline) -> None:
    _check_selectors(visit, selectors, deadline)
    if selectors:
        with visit.step("settle", deadline):
            visit.ask(function, list(selectors))


def _scroll(visit: Visit, spec: PageOptions, deadline: Deadline) -> None:
    part = deadline.within(deadline.timeout_s * _SCROLL_FRACTION)
    with visit.step("settle", deadline):
        has_scrolled, is_at_end = _scroll_through(visit, spec, part)
        # What came into sight has been asked for by now.
        while has_scrolled and visit.traffic.holding() and part.left_s > 0:
            visit.page.wait_for_timeout(LOOK_MS)
    if not is_at_end:
        visit.warn("Not scrolled to the end: it would take too long.")
    elif has_scrolled and visit.traffic.holding():
        visit.warn(f"Not waited for any longer: {visit.traffic.holding()[0].url}")


def _scroll_through(visit: Visit, spec: PageOptions, deadline: Deadline) -> tuple[bool, bool]:
    """Return whether there was anything to scroll, and whether the end was reached.

    The clock is here: the page's own stands still where its scripts are disabled.
    """
    position = visit.ask(_SCROLL, None)
    if position is None:
        return False, True
    start, screen, height = position
    seen = start + screen
    while seen < min(height, spec.scrolls_to_px) and deadline.left_s > 0:
        _, screen, height = visit.ask(_SCROLL, seen) or position
        visit.page.wait_for_timeout(spec.scroll_delay)
        seen += max(screen, _SCREEN_MIN_PX)
    has_scrolled = seen > start + screen
    if has_scrolled:
        visit.ask(_SCROLL, start)
    return has_scrolled, seen >= min(height, spec.scrolls_to_px)


def _rest(visit: Visit, milliseconds: float, deadline: Deadline) -> None:
    rest = Deadline(milliseconds / 1000)
    while rest.left_s > 0:
        if deadline.left_s == 0:
            raise deadline.passed("settle", f"wait_for_timeout ({milliseconds:g} ms)")
        with visit.step("settle", deadline):
            look_s = min(LOOKS_S, rest.left_s, deadline.left_s)
            visit.page.wait_for_timeout(look_s * 1000)


def _wait_for_fonts(visit: Visit, deadline: Deadline) -> None:
    part = deadline.within(FONTS_S)
    with visit.step("settle", deadline):
        while not (have_come := visit.ask(_FONTS_HAVE_COME)) and part.left_s > 0:
            visit.page.wait_for_timeout(LOOK_MS)
    if not have_come:
        visit.stop_loading()
        fonts = [each.url for each in visit.traffic.holding() if each.is_font]
        visit.warn(f"Not waited for any longer: {fonts[0] if fonts else 'a font'}")


def _judge(visit: Visit, spec: PageOptions) -> None:
    if spec.fail_on_console_error and visit.console.first_error is not None:
        raise ConsoleError(f"The page logged an error: {visit.console.first_error}")
    if spec.fail_on_resource_failure and visit.traffic.first_failure is not None:
        raise ResourceFailed(f"The page could not load {visit.traffic.first_failure}")
