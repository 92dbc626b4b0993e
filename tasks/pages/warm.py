"""A page that jobs of one batch take one after the other, cleaned in between."""

import time
from collections.abc import Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, CDPSession
from playwright.sync_api import Error as PlaywrightError

from farm.jobs.errors import BackendUnavailable
from farm.jobs.models import Job
from farm.jobs.specs.page import PageOptions
from tasks.egress.client import Gate
from tasks.pages.tab import Tab

_JOBS_MAX = 50
"""Of one page; what a browser does not give back must not pile up."""
_KEPT_S = 60.0
_LEAVES_MS = 1000
"""Many times what going to a blank page takes; a script that runs on would hold it up."""
_LOOKS = 20
_LOOK_S = 0.01
"""Many times what the gate takes to refuse a request."""
_BLANK = "about:blank"


def sharers(job: Job) -> Hashable | None:
    """Return what the jobs have in common that may take a page after ``job``; ``None``: none may.

    The rest of it is the options of the context.
    """
    spec = job.spec
    if not isinstance(spec, PageOptions) or spec.isolation == "job" or job.batch_id is None:
        return None
    return job.owner, job.batch_id, job.zones, spec.media


@dataclass
class _Shared:
    """A tab, and who may have it."""

    tab: Tab
    whom: Hashable
    options: Mapping[str, Any]
    jobs: int = 0
    """How many have had it."""
    is_clean: bool = False
    left_at: float = 0.0


class Warm:
    """Holds at most one tab: lent to a job, left by it, or cleaned for the next."""

    def __init__(self, gate: Gate) -> None:
        """Have none. ``gate`` is what the browser goes through."""
        self._gate = gate
        self._shared: _Shared | None = None
        self._overview: CDPSession | None = None

    def take(self, whom: Hashable | None, options: Mapping[str, Any]) -> Tab | None:
        """Return the clean tab that ``whom`` may have, if it was made with ``options``.

        Any other tab is closed.

        Raises:
            playwright.sync_api.Error: The browser is gone.
        """
        shared = self._shared
        if shared is None:
            return None
        is_young = time.monotonic() - shared.left_at <= _KEPT_S
        if shared.is_clean and is_young and (shared.whom, shared.options) == (whom, options):
            with suppress(PlaywrightError):
                return shared.tab.listening()
        self._shared = None
        shared.tab.context.close()
        return None

    def lend(self, tab: Tab, whom: Hashable | None, options: Mapping[str, Any]) -> None:
        """Note that a job has ``tab`` now, made with ``options``, which ``whom`` may have next."""
        if whom is None:
            return
        if self._shared is None:
            self._shared = _Shared(tab, whom, options)
        self._shared.jobs += 1
        self._shared.is_clean = False

    def keeps(self, tab: Tab, *, is_well: bool) -> bool:
        """Return whether ``tab`` stays open after its job, which it does if that went well."""
        shared = self._shared
        if shared is None or shared.tab is not tab:
            return False
        if not is_well:
            self._shared = None
        return is_well

    def clean(self, browser: Browser) -> bool:
        """Make a tab that was left ready for the next job, or close it; return if one is ready.

        Between two sessions at the gate, so that nothing that its page still sends is served.
        """
        shared = self._shared
        if shared is None or shared.is_clean:
            return shared is not None
        shared.left_at = time.monotonic()
        with suppress(PlaywrightError, BackendUnavailable):
            shared.is_clean = shared.jobs < _JOBS_MAX and self._is_rid(shared, browser)
        if not shared.is_clean:
            self.close()
        return shared.is_clean

    def close(self) -> None:
        """Close the tab, if there is one."""
        shared, self._shared = self._shared, None
        if shared is not None:
            with suppress(PlaywrightError):  # Gone, and maybe the browser with it.
                shared.tab.context.close()

    def forget(self) -> None:
        """Drop the tab, with its browser."""
        self._shared = self._overview = None

    def _is_rid(self, shared: _Shared, browser: Browser) -> bool:
        """Rid the tab of all that its job has left; return whether that can be relied on."""
        tab = shared.tab
        send = tab.session.send
        if not tab.restored() or tab.page.viewport_size != shared.options["viewport"]:
            return False
        tab.page.goto(_BLANK, timeout=_LEAVES_MS)
        # It outlives a change of pages.
        send("Runtime.evaluate", {"expression": "window.name = ''"})
        send("Page.resetNavigationHistory")
        if not self._is_alone(tab, browser):
            return False
        asked = self._gate.requests
        # Not only of one origin, and more than its name says: session storage as well.
        send("Storage.clearDataForOrigin", {"origin": "*", "storageTypes": "all"})
        return self._is_silent(asked)

    def _is_silent(self, asked: int) -> bool:
        """Return whether nothing is sent any more, where ``asked`` requests had come before.

        What outlives its page, as beacons do, must not ride on the next job's session.
        """
        for _ in range(_LOOKS):
            before, asked = asked, self._gate.requests
            if before == asked:
                return True
            time.sleep(_LOOK_S)
        return False

    def _is_alone(self, tab: Tab, browser: Browser) -> bool:
        """Return whether nothing else runs in the tab's context: a worker or another page."""
        if self._overview is None:
            self._overview = browser.new_browser_cdp_session()
        targets = self._overview.send("Target.getTargets")["targetInfos"]
        context = next((t["browserContextId"] for t in targets if t["targetId"] == tab.frame), None)
        return [t["targetId"] for t in targets if t.get("browserContextId") == context] == [
            tab.frame
        ]
