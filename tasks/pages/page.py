"""A blank page of a spec's own, and what holds for all that is done with it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from farm.jobs.errors import (
    BrowserCrashed,
    JobTimedOut,
    PageUnresponsive,
)
from farm.jobs.specs.page import PageOptions
from tasks.deadline import Deadline
from tasks.egress.client import Session
from tasks.outcome import Stopwatch
from tasks.pages.browser import BrowserHolder
from tasks.pages.context import add_cookies, origin_of
from tasks.pages.tab import Tab
from tasks.pages.visit import Visit

_RESERVE = 0.25
"""Of the timeout, what a best effort keeps for the capture itself."""


@contextmanager
def visited(
    browser: BrowserHolder,
    opening: AbstractContextManager[Tab],
    session: Session,
    spec: PageOptions,
    deadline: Deadline,
    stopwatch: Stopwatch,
) -> Iterator[Visit]:
    """Give a blank page in a context as ``spec`` wants it, which nobody uses afterwards.

    A watchdog must stand behind the whole block: a call that takes no timeout ends
    with the browser.

    Args:
        browser: Where it is.
        opening: Opens its tab, made with the ``context_options`` of ``spec``.
        session: Of the job, at the gate that ``browser`` goes through.
        spec: What else is done before it goes anywhere.
        deadline: Of the whole job.
        stopwatch: Times the stage ``browser``.

    Raises:
        CaptureFailed: The browser does not take an option.
        PageUnresponsive: The block ran out of time, and the page's script lets nobody in.
        BrowserCrashed: The browser went away. The job is tried again.
    """
    visit: Visit | None = None
    try:
        with ExitStack() as stack:
            with stopwatch.stage("browser"):
                visit = Visit(stack.enter_context(opening), session)
                _prepare(visit, spec, deadline)
            try:
                yield visit
            except JobTimedOut as error:
                visit.check()
                if not visit.answers():
                    raise _unresponsive() from error
                raise
    except BrowserCrashed as error:
        # After its deadline the watchdog has killed the browser.
        if visit is not None and deadline.left_s == 0:
            raise _unresponsive() from error
        raise
    finally:
        if visit is not None and visit.has_exhausted_browser:
            browser.discard()


def patience(spec: PageOptions, deadline: Deadline) -> Deadline:
    """Return until when to wait for a page: a best effort leaves time for the capture."""
    if not spec.best_effort:
        return deadline
    return deadline.within(deadline.left_s - deadline.timeout_s * _RESERVE)


@contextmanager
def as_far_as_it_goes(visit: Visit, spec: PageOptions) -> Iterator[None]:
    """Let a best effort go on where its patience ended in the block."""
    try:
        yield
    except JobTimedOut as error:
        visit.check()
        if not spec.best_effort or not visit.answers():
            raise
        visit.stop_loading()
        visit.is_partial = True
        visit.warn(f"Taken before it was ready, waiting for {error.waiting_for or error.step}.")


def _prepare(visit: Visit, spec: PageOptions, deadline: Deadline) -> None:
    with visit.step("browser", deadline):
        add_cookies(visit.page.context, spec)
        if spec.extra_http_headers and spec.extra_http_headers_to == "origin":
            visit.interception.add_headers(origin_of(spec.url), spec.extra_http_headers)
        if spec.media is not None:
            visit.emulate_media(spec.media)


def _unresponsive() -> PageUnresponsive:
    return PageUnresponsive("The page's own script kept everything else waiting.")
