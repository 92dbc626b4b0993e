"""One page of one job: the page itself, what is known of it, and ways to ask it."""

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from farm.jobs.errors import CaptureFailed, PageCrashed, ResponseTooLarge
from tasks.deadline import Deadline
from tasks.egress.client import Session
from tasks.egress.verdicts import refused
from tasks.pages.console import Console
from tasks.pages.failures import is_gone, page_errors
from tasks.pages.interception import Interception
from tasks.pages.tab import Tab
from tasks.pages.traffic import DOCUMENT_MAX_BYTES, RESPONSES_MAX_BYTES, Traffic

_WORLD = "farm"
_ASKED_MAX = 6
LOOK_MS = 25
"""How often a page is looked at that something is expected of."""
_TOO_MUCH = "Unable to capture screenshot"
_MOVED = ("context", "navigated")
"""In what Chromium says when a page went to another document under a question."""
_PINGS = 2
_PING_MS = 600
"""A page that does not say a word for this long, twice, is not there for anybody."""
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Said:
    """What came of a script."""

    error: str | None = None
    """The first line of what it threw."""
    is_true: bool = False
    """Whether its value is one that JavaScript takes for true."""


class Visit:
    """A page, with Chromium's own protocol beside Playwright's."""

    def __init__(self, tab: Tab, session: Session) -> None:
        """Listen to the page of ``tab``, which must not have gone anywhere yet.

        ``session`` is the job's at the gate.
        """
        page = self.page = tab.page
        self.session = session
        self.warnings: list[str] = []
        self.is_partial = False
        """Whether the page was taken before it was ready."""
        self.is_restless = False
        """Whether a capture has failed because the page moved under it."""
        self.has_exhausted_browser = False
        """Whether the browser ran out of memory with it, and had better serve nobody else."""
        self._crashed = False
        self._world: int | None = None
        self._session = tab.session
        self._frame = tab.frame
        self.console = Console(page)
        self.traffic = Traffic(self._frame, self.stop_loading, session.refusal_of)
        self.interception = Interception(self._session, self._frame)
        self._handlers = list(self.traffic.handlers())
        for name, handler in self._handlers:
            self._session.on(name, handler)
        page.on("crash", self._note_crash)
        self._undoing = tab.undoing
        self.undo_with(self._leave)

    def undo_with(self, action: Callable[[], object]) -> None:
        """Have ``action`` take something back before anybody else gets the page, if one does.

        If it returns ``False``, nobody does.
        """
        self._undoing.append(action)

    def warn(self, warning: str) -> None:
        """Tell the caller about something that is not as asked."""
        if warning not in self.warnings:
            self.warnings.append(warning)

    def check(self) -> None:
        """Raise what has befallen the page since the last look.

        Raises:
            ResponseTooLarge: It loads more than a page may.
            TargetError: The gate did not let it through to where it went.
            PageCrashed: Its renderer is gone.
        """
        if self.traffic.is_too_large:
            raise ResponseTooLarge(
                f"The page loads more than {RESPONSES_MAX_BYTES // _MIB} MiB in all, or "
                f"{DOCUMENT_MAX_BYTES // _MIB} MiB for itself."
            )
        if self.traffic.turned_away is not None:
            raise refused(self.traffic.turned_away)
        if self._crashed:
            raise PageCrashed("The page made its renderer crash, or wanted too much memory.")

    @contextmanager
    def step(self, name: str, deadline: Deadline) -> Iterator[None]:
        """Turn what Playwright raises in the block into the farm's errors.

        What befell the page meanwhile goes before what Playwright makes of it.
        """
        self.check()
        try:
            with page_errors(name, deadline):
                yield
        except Exception as error:
            self.has_exhausted_browser |= _TOO_MUCH in str(error.__cause__)
            self.check()
            raise

    def answers(self) -> bool:
        """Return whether the page's script engine still reacts. The page goes nowhere any more."""
        # While it is on its way elsewhere, nothing that is asked of it is answered.
        self.interception.hold_still()
        for _ in range(_PINGS):
            self.stop_loading()
            try:
                # On a timer: a page that paints nothing would never get to a frame.
                self.page.wait_for_function("true", timeout=_PING_MS, polling=50)
            except PlaywrightTimeout:
                continue
            except PlaywrightError as error:
                # Gone: the watchdog lost patience with it, as on a busy machine.
                return not is_gone(error.message)
            return True
        return False

    def stop_loading(self) -> None:
        """End all that is still loading; a page that waits for it can then be painted."""
        with suppress(PlaywrightError):  # Just going elsewhere: nothing to stop.
            self._session.send("Page.stopLoading")

    def emulate_media(self, media: str) -> None:
        """Apply the CSS of ``media``.

        Not by Playwright's way, whose choice this page's own session would undo as soon as
        the page gets a new renderer.
        """
        self._session.send("Emulation.setEmulatedMedia", {"media": media})

    def layout_px(self) -> tuple[int, int]:
        """Return width and height of the whole page in CSS pixels.

        Asked of the browser: what the page says of itself need not be true.
        """
        size = self._session.send("Page.getLayoutMetrics")["cssContentSize"]
        return size["width"], size["height"]

    def window(self, **format_: object) -> bytes:
        """Return a picture of the window, in the ``format`` and ``quality`` of the protocol.

        Unlike Playwright's it has no timeout, does nothing to the page before, and is made for
        speed: a PNG of the same pixels is some fifth larger.
        """
        how = {"captureBeyondViewport": False, "optimizeForSpeed": True, **format_}
        return base64.b64decode(self._session.send("Page.captureScreenshot", how)["data"])

    def ask(self, function: str, *arguments: object) -> Any:  # noqa: ANN401 - any JSON value
        """Call the JavaScript ``function`` on the page and return what it resolves to.

        It sees the page's document, but runs in a world of its own: nothing that the
        page has overwritten is in its way.

        Raises:
            CaptureFailed: It threw.
            playwright.sync_api.Error: The page went away.
        """
        answer = self._evaluate_apart(_call_of(function, arguments))
        if "exceptionDetails" in answer:
            raise CaptureFailed(f"The page cannot be read: {thrown(answer)}")
        return answer["result"].get("value")

    def ask_now_and_later(self, function: str, *arguments: object) -> None:
        """Do as ``ask``, and again on each document that the page may go to."""
        code = f"if (window === top) {_call_of(function, arguments)}"
        self._session.send("Page.enable")
        added = self._session.send(
            "Page.addScriptToEvaluateOnNewDocument", {"source": code, "worldName": _WORLD}
        )
        self.undo_with(
            lambda: self._session.send("Page.removeScriptToEvaluateOnNewDocument", added)
        )
        self.ask(function, *arguments)

    def run(self, script: str, deadline: Deadline) -> Said:
        """Run ``script`` as the page's own, past any policy of the page, and see what comes of it.

        A function is called, a promise awaited; one that is open at the ``deadline``
        counts as thrown.
        """
        answer = self._session.send("Runtime.evaluate", {"expression": script, "userGesture": True})
        if answer["result"]["type"] == "function" and "exceptionDetails" not in answer:
            answer = self._call(answer["result"]["objectId"], "function () { return this(); }")
        if "exceptionDetails" in answer:
            return Said(error=thrown(answer))
        result = answer["result"]
        if result.get("subtype") != "promise":
            return Said(is_true=_is_true(result))
        # Watched from here: the page's own clock stands still where its scripts are disabled.
        watched = self._call(result["objectId"], _WATCH)["result"]["objectId"]
        while deadline.left_s > 0:
            try:
                state = self._call(watched, _STATE, by_value=True)["result"]["value"]
            except PlaywrightError as error:
                if is_moved(error.message):  # The script's own will, or the page's.
                    return Said()
                raise
            if state["done"]:
                return Said(error=state["error"], is_true=state["is_true"])
            self.page.wait_for_timeout(LOOK_MS)
        return Said(error="its promise takes too long")

    def _call(self, this: str, function: str, *, by_value: bool = False) -> dict[str, Any]:
        return self._session.send(
            "Runtime.callFunctionOn",
            {"objectId": this, "functionDeclaration": function, "returnByValue": by_value},
        )

    def _evaluate_apart(self, code: str) -> dict[str, Any]:
        for attempt in range(_ASKED_MAX):
            if attempt > 1:  # One move may be meant; a page that moves on and on must stop.
                self.interception.hold_still()
            try:
                return self._session.send(
                    "Runtime.evaluate",
                    {
                        "expression": code,
                        "contextId": self._own_world(),
                        "awaitPromise": True,
                        "returnByValue": True,
                    },
                )
            except PlaywrightError as error:
                # Another document has come, and took the old one's worlds away.
                self._world = None
                if not is_moved(error.message):
                    raise
        raise CaptureFailed("The page goes from one document to the next.")

    def _own_world(self) -> int:
        if self._world is None:
            self._world = self._session.send(
                "Page.createIsolatedWorld", {"frameId": self._frame, "worldName": _WORLD}
            )["executionContextId"]
        return self._world

    def _leave(self) -> bool:
        self.console.stop()
        self.interception.stop()
        for name, handler in self._handlers:
            self._session.remove_listener(name, handler)
        self.page.remove_listener("crash", self._note_crash)
        return not self.traffic.has_given_credentials

    def _note_crash(self, _: Page) -> None:
        self._crashed = True


_WATCH = """function () {
  const state = {done: false, error: null, is_true: false};
  this.then(value => {
    state.is_true = !!value;
    state.done = true;
  }, error => {
    state.error = String(error).slice(0, 500);
    state.done = true;
  });
  return state;
}"""
_STATE = "function () { return this; }"


def _call_of(function: str, arguments: Sequence[object]) -> str:
    return f"({function})({', '.join(json.dumps(each) for each in arguments)})"


def _is_true(result: dict[str, Any]) -> bool:
    """Return whether JavaScript takes ``result``, a remote object, for true."""
    if "objectId" in result:
        return True
    return bool(result.get("value")) or result.get("unserializableValue", "").endswith("Infinity")


def is_moved(message: str) -> bool:
    """Return whether ``message`` is about a page that went to another document."""
    # "Target page, context or browser has been closed" is another matter.
    return not is_gone(message) and any(sign in message for sign in _MOVED)


def thrown(answer: dict[str, Any]) -> str:
    """Return the first line of what an evaluation threw."""
    details = answer["exceptionDetails"]
    text = details.get("exception", {}).get("description") or details.get("text", "")
    return str(text).partition("\n")[0][:500]
