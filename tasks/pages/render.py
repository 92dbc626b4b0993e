"""The page kinds: open, settle, take, report."""

from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from farm.jobs.errors import CaptureFailed, JobTimedOut, PageCrashed
from farm.jobs.models import Job
from farm.jobs.specs.content import ContentSpec
from farm.jobs.specs.page import PageOptions
from farm.jobs.specs.pdf import PdfSpec
from farm.jobs.specs.screenshot import ScreenshotSpec
from tasks.deadline import Deadline
from tasks.egress.client import NET_S, Limits, Session
from tasks.outcome import Made, Outcome, Stopwatch
from tasks.pages.ads import INSTALLED
from tasks.pages.blocking import Blocking
from tasks.pages.browser import BrowserHolder
from tasks.pages.collect import collect, har, har_file
from tasks.pages.content import content
from tasks.pages.context import context_options
from tasks.pages.loading import load
from tasks.pages.page import visited
from tasks.pages.pdf import pdf
from tasks.pages.screenshot import screenshot
from tasks.pages.settle import settle
from tasks.pages.traffic import REQUESTS_MAX, RESPONSES_MAX_BYTES, URL_MAX_CHARACTERS
from tasks.pages.visit import Visit
from tasks.pages.warm import sharers

_TITLE_MAX_CHARACTERS = 1024
_TRIES = 3
_TRY_FRACTION = 0.4
"""Of the job's timeout: a capture takes a fraction of a second, of a huge page a few."""

_PAUSE_MS = 300
_TRAFFIC_MAX_BYTES = 2 * RESPONSES_MAX_BYTES
"""Of all that goes through the gate: what ``RESPONSES_MAX_BYTES`` does not see is little."""
_REQUESTS_MAX = 2 * REQUESTS_MAX

_log = structlog.get_logger(__name__)

Taken = tuple[list[Made], dict[str, Any]]


class Pages:
    """Renders pages with the process's one browser."""

    def __init__(self, browser: BrowserHolder, easylist: Path = INSTALLED) -> None:
        """Open pages with ``browser``; know advertising by the list ``easylist``."""
        self._browser = browser
        self._easylist = easylist

    def run(self, job: Job, deadline: Deadline, stopwatch: Stopwatch) -> Outcome:
        """Render what the job asks for; see ``visited``, ``settle`` and the kinds for errors.

        A page that crashed its renderer gets a second chance in a fresh browser, if half
        of its time is left: the first one may have been short of memory.
        """
        spec = job.spec
        if not isinstance(spec, PageOptions):
            raise TypeError(f"a {spec.kind} is no page")
        whom = sharers(job)
        limits = Limits(_TRAFFIC_MAX_BYTES, _REQUESTS_MAX, deadline.timeout_s + NET_S)
        gate = self._browser.gate
        with gate.session(job.id, zones=job.zones, url=spec.url, limits=limits) as session:
            try:
                outcome = self._render(spec, whom, session, deadline, stopwatch)
            except PageCrashed:
                if deadline.left_s < deadline.timeout_s / 2:
                    raise
                _log.info("tried_again", why="page_crashed")
                self._browser.discard()
                outcome = self._render(spec, whom, session, deadline, stopwatch)
        # Now, for the session's end brings it along.
        outcome.report["blocked_requests"] += session.denied
        return outcome

    def _render(
        self,
        spec: PageOptions,
        whom: Hashable | None,
        session: Session,
        deadline: Deadline,
        stopwatch: Stopwatch,
    ) -> Outcome:
        with har_file(spec) as file:
            options = partial(context_options, spec, har=file)
            tab = self._browser.tab(options, deadline, whom)
            with visited(self._browser, tab, session, spec, deadline, stopwatch) as visit:
                with stopwatch.stage("load"):
                    blocking = Blocking(visit, spec, self._easylist)
                    load(visit, spec, deadline)
                with stopwatch.stage("settle"):
                    settle(visit, spec, blocking, deadline)
                with stopwatch.stage("capture"):
                    made, report = _steadily(
                        visit, deadline, lambda part: self._take(visit, spec, part)
                    )
                    report.update(blocking.facts)
            if file is not None:  # Written when the page was closed.
                made.append(har(file, spec))
        return Outcome(made, report, visit.warnings)

    def _take(self, visit: Visit, spec: PageOptions, deadline: Deadline) -> Taken:
        main, facts = _main(visit, spec, deadline)
        made = [main, *collect(visit, spec, main, deadline)]
        report = {**_facts(visit, spec, deadline), **facts}
        report["browser_version"] = self._browser.version
        report["sandbox"] = self._browser.has_sandbox
        return made, report


def _main(visit: Visit, spec: PageOptions, deadline: Deadline) -> tuple[Made, dict[str, Any]]:
    match spec:
        case ScreenshotSpec():
            return screenshot(visit, spec, deadline)
        case PdfSpec():
            return pdf(visit, spec, deadline)
        case ContentSpec():
            return content(visit, spec, deadline)
    raise TypeError(f"{type(spec).__name__} is no page kind")


def _steadily(visit: Visit, deadline: Deadline, take: Callable[[Deadline], Taken]) -> Taken:
    """Return what ``take`` makes of the page, begun anew when it moved under it.

    From here on the page may go nowhere. But one that was on its way elsewhere already
    makes the browser fail or, now and then, never answer, so each try but the last gets
    a part of the time.
    """
    for _ in range(_TRIES - 1):
        part = deadline.within(deadline.timeout_s * _TRY_FRACTION)
        try:
            with visit.step("capture", deadline):
                visit.interception.hold_still()
            return take(part)
        except (CaptureFailed, JobTimedOut) as error:
            visit.check()
            if deadline.left_s == 0:
                raise
            _log.info("tried_again", why=error.code)
            visit.is_restless = True
            visit.stop_loading()
            # Time for the browser to get over a picture that was too large for it.
            with visit.step("capture", deadline):
                visit.page.wait_for_timeout(_PAUSE_MS)
    return take(deadline)


def _facts(visit: Visit, spec: PageOptions, deadline: Deadline) -> dict[str, Any]:
    """Return what the report of every kind says of the page itself."""
    traffic, console = visit.traffic, visit.console
    with visit.step("capture", deadline):
        url, title = visit.page.url, visit.page.title()
    answer = traffic.page_at(url) or traffic.page
    if console.is_full:
        visit.warn(f"Only the first {len(console.lines)} lines of the console were read.")
    return {
        "final_url": None if spec.url is None else _text(url, URL_MAX_CHARACTERS),
        "http_status": answer.status if answer else None,
        "redirects": len(traffic.redirect_chain),
        "redirect_chain": traffic.redirect_chain,
        "content_type": answer.content_type if answer else None,
        "title": _text(title, _TITLE_MAX_CHARACTERS),
        "partial": visit.is_partial,
        "console_errors": console.errors,
        "failed_requests": traffic.failed,
        "blocked_requests": traffic.blocked,
    }


def _text(value: str, max_characters: int) -> str:
    """Return ``value`` cut, and without the lone surrogates that a page may put anywhere."""
    return value[:max_characters].encode("utf-8", "replace").decode("utf-8")
