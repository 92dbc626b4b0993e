"""The one browser of a worker process, and contexts of it for jobs."""

import os
import signal
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import structlog
from playwright.sync_api import Browser, Page, Playwright, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from farm.jobs.errors import BrowserCrashed, CaptureFailed, JobError, JobTimedOut
from farm.jobs.metrics.names import BROWSERS_LAUNCHED, BROWSERS_LOST, BROWSERS_RETIRED
from tasks.deadline import Deadline
from tasks.egress.client import Gate
from tasks.memory import tree_bytes
from tasks.pages.ahead import Ahead
from tasks.pages.chromium import environment, find_chromium, names_for_nobody_but
from tasks.pages.failures import is_gone
from tasks.pages.processes import browser_of, limit_renderers, lives, started_here
from tasks.pages.tab import Tab
from tasks.pages.warm import Warm
from tasks.settings import Sandbox

ContextOptions = Callable[[Mapping[str, Mapping[str, Any]]], Mapping[str, Any]]
"""Makes the options of ``new_context``, given Playwright's registry of devices."""

_LAUNCH_TIMEOUT_MS = 20_000
_KILL_DRIVER_AFTER_S = 1.5
"""With its browser dead a living driver says so within a tenth of a second."""
# A browser does not give back all that its pages took, and neither does the driver.
_PAGES_MAX = 200
_TREE_MAX_BYTES = 1_200_000_000
"""Of the browser and all its renderers; a fresh one holds some 250 MB."""
_AGE_MAX_S = 3600.0
_BROWSERS_MAX = 5
"""Of one driver."""
_ARGUMENTS = (
    "--disable-gpu",
    "--force-color-profile=srgb",  # the same colours on every machine
    "--js-flags=--max-old-space-size=512",  # a page's script ends before the machine does
    "--block-new-web-contents",  # no popups, which nobody would see: for the headless shell
    # WebRTC knows no proxy. Each of the two kinds of Chromium obeys one of these alone.
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
)
_NOT_ARGUMENTS = ("--disable-popup-blocking",)
"""Of those that Playwright adds. The full Chromium blocks popups by itself, unless somebody
clicked: then it opens one."""

_log = structlog.get_logger(__name__)


class BrowserHolder:
    """Launches Chromium at the first job, hands out contexts, and recovers it.

    Belongs to one thread of one process and must not be used before a fork. Only
    ``kill``, ``weigh`` and what is told of the browser are for other threads too.
    """

    def __init__(self, chosen: Path | None, sandbox: Sandbox, gate: Gate) -> None:
        """Use the browser that ``find_chromium(chosen)`` finds, once one is needed.

        It reaches the network through ``gate`` alone.
        """
        self._chosen = chosen
        self.gate = gate
        self._proxy = ""
        self._sandbox = sandbox
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._driver: psutil.Process | None = None
        self._process: psutil.Process | None = None
        self._killed_at: float | None = None
        self._too_large: psutil.Process | None = None
        self._ahead = Ahead()
        self._left: Tab | None = None
        self._warm = Warm(gate)
        self._pages = 0
        self._browsers = 0
        self._launched_at = 0.0
        self.version: str | None = None
        """Version of the last browser; ``None`` before a launch."""
        self.has_sandbox = False
        """Whether the last browser runs with Chromium's own sandbox."""
        self.is_beyond_help = False
        """Whether no browser could be had at last, even with everything renewed."""

    @contextmanager
    def page(self, options: ContextOptions, deadline: Deadline) -> Iterator[Page]:
        """Give the page of a ``tab``, for those who need no more, and close it."""
        try:
            with self.tab(options, deadline) as tab:
                yield tab.page
        finally:
            self.close_tab()

    @contextmanager
    def tab(
        self, options: ContextOptions, deadline: Deadline, whom: Hashable | None = None
    ) -> Iterator[Tab]:
        """Give a blank page in a new context made with ``options``, which ``rest`` closes.

        One that another of ``whom`` has left with the same options will do as well, and is
        left for the next of them where the block ends well. ``None`` shares with nobody.

        After anything but a ``JobError`` that is not ours the browser is thrown away:
        what is in the middle of an unknown state must not serve the next job.

        Raises:
            BrowserCrashed: No browser can be had before the deadline, or it went away.
            CaptureFailed: The browser does not take one of the options.
        """
        self._killed_at = None
        self.close_tab()
        tab = self._blank(options, deadline, whom)
        self._pages += 1
        self.is_beyond_help = is_well = False
        try:
            yield tab
            is_well = True
        except JobError as error:
            if error.retryable:
                self.discard()
            raise
        except PlaywrightError as error:
            self.discard()
            raise BrowserCrashed("The browser went away under the job.") from error
        except BaseException:
            self.discard()
            raise
        finally:
            if not self._warm.keeps(tab, is_well=is_well):
                self._left = tab
                if tab.is_recorded:
                    self.close_tab()

    def kill(self) -> None:
        """Kill the browser's processes. Its pending calls fail at once, also a launch.

        Called on and on because a call is still pending, it kills the driver too, which
        must have got stuck.
        """
        self._kill_browser()
        now = time.monotonic()
        if self._killed_at is None:
            self._killed_at = now
        if self._driver is not None and now - self._killed_at >= _KILL_DRIVER_AFTER_S:
            with suppress(psutil.NoSuchProcess):
                self._driver.kill()

    def weigh(self) -> None:
        """Note whether the browser has become too large. Takes its time; for another thread."""
        process = self._process
        if process is not None and tree_bytes(process) > _TREE_MAX_BYTES:
            self._too_large = process

    def close_tab(self) -> None:
        """Close what the last job left open, if there is anything."""
        tab, self._left = self._left, None
        try:
            if tab is not None and self._browser is not None:
                tab.context.close()
        except PlaywrightError:
            self.discard()

    def rest(self) -> None:
        """Close what the last job left open, and get ready for the next one.

        A browser that has worked enough is let go, its driver likewise; another one
        opens what the next job may want.
        """
        self.close_tab()
        if self._browser is None:
            return
        age_s = time.monotonic() - self._launched_at
        is_too_large = self._process is not None and self._process == self._too_large
        if is_too_large or self._pages >= _PAGES_MAX or age_s >= _AGE_MAX_S:
            _log.info("browser_retired", pages=self._pages, age_s=age_s, too_large=is_too_large)
            self.gate.tallies.count(BROWSERS_RETIRED)
            if self._browsers >= _BROWSERS_MAX:
                self.close()
            else:
                self._let_go()
        elif not self._warm.clean(self._browser):
            self._ahead.prepare(self._browser)

    def discard(self) -> None:
        """Kill a browser that is of no more use; the next page launches a new one."""
        if self._browser is not None:
            self.gate.tallies.count(BROWSERS_LOST)
        self._let_go()

    def _let_go(self) -> None:
        self._kill_browser()
        self._ahead.forget()
        self._left = None
        self._warm.forget()
        browser, self._browser, self._process = self._browser, None, None
        if browser is not None:
            with suppress(PlaywrightError):
                browser.close()

    def close(self) -> None:
        """End browser and driver in good order."""
        self._let_go()
        playwright, self._playwright = self._playwright, None
        self._driver = None
        if playwright is not None:
            with suppress(PlaywrightError):
                playwright.stop()

    def _kill_browser(self) -> None:
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            process = self._process or (browser_of(self._driver) if self._driver else None)
            if process and lives(process):
                os.killpg(process.pid, signal.SIGKILL)

    def _blank(self, options: ContextOptions, deadline: Deadline, whom: Hashable | None) -> Tab:
        # `is_connected()` still says yes after a browser died between two jobs, so
        # health is whether a context can be had. Each step renews more than the one before.
        last: Exception | None = None
        for renew in (None, self.discard, self.close):
            if renew is not None:
                renew()
            try:
                browser, playwright = self._launched(deadline)
                wanted = options(playwright.devices)
                tab = self._warm.take(whom, wanted) or self._ahead.take(wanted)
                tab = tab or Tab.opened(browser, wanted).listening()
                self._warm.lend(tab, whom, wanted)
            except PlaywrightError as error:
                if self._browser is not None and not is_gone(error.message):
                    self.discard()  # With the context, if there is one already.
                    why = error.message.partition("\n")[0]
                    raise CaptureFailed(f"The browser does not take an option: {why}") from error
                _log.warning("browser_unfit", why=error.message.partition("\n")[0])
                last = error
            except JobTimedOut as error:  # A browser that does not start is our fault.
                raise BrowserCrashed("No browser could be started in time.") from error
            else:
                return tab
        self.is_beyond_help = True
        raise BrowserCrashed("No browser can be started.") from last

    def _launched(self, deadline: Deadline) -> tuple[Browser, Playwright]:
        # A browser keeps to the proxy of its launch. That of a new gate is another one.
        proxy = self.gate.proxy
        if proxy != self._proxy:
            self._let_go()
            self._proxy = proxy
        if self._driver is not None and not lives(self._driver):
            self.discard()
            self.close()  # `kill` had to go that far: nothing can be asked of it.
        if self._browser is None or self._playwright is None:
            if self._playwright is None:
                before = started_here()
                self._playwright = sync_playwright().start()
                self._driver = next(iter(started_here() - before))
                self._browsers = 0
            self._browser = self._launch(self._playwright, deadline)
            self.gate.tallies.count(BROWSERS_LAUNCHED)
            self.version = self._browser.version
            self._pages, self._browsers = 0, self._browsers + 1
            self._launched_at = time.monotonic()
            self._process = browser_of(self._driver) if self._driver else None
            if self._process is not None:
                limit_renderers(self._process)
        return self._browser, self._playwright

    def _launch(self, playwright: Playwright, deadline: Deadline) -> Browser:
        self.has_sandbox = self._sandbox != "off"
        if self._sandbox == "auto" and os.geteuid() == 0:
            _log.warning("no_sandbox", why="Chromium refuses its own sandbox to root")
            self.has_sandbox = False
        try:
            return self._launch_with(playwright, deadline, sandbox=self.has_sandbox)
        except PlaywrightError as error:
            if self._sandbox != "auto" or not self.has_sandbox:
                raise
            # Whether it works on this system only a launch can tell.
            _log.warning("no_sandbox", why=error.message)
        self.has_sandbox = False
        return self._launch_with(playwright, deadline, sandbox=False)

    def _launch_with(self, playwright: Playwright, deadline: Deadline, *, sandbox: bool) -> Browser:
        chromium = find_chromium(self._chosen)
        browser = playwright.chromium.launch(
            executable_path=chromium.path,
            args=[*_ARGUMENTS, names_for_nobody_but(self._proxy)],
            ignore_default_args=list(_NOT_ARGUMENTS),
            # Also for loopback, which Playwright sees to, unless a bypass is given.
            proxy={"server": self._proxy},
            chromium_sandbox=sandbox,
            timeout=min(_LAUNCH_TIMEOUT_MS, deadline.left_ms("browser")),
            env=environment(),
            # Signals are for the worker; it ends its browser itself.
            handle_sigint=False,
            handle_sigterm=False,
            handle_sighup=False,
        )
        _log.info("browser_launched", origin=chromium.origin, version=browser.version)
        return browser
