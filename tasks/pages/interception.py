"""Requests that are stopped on their way out of the browser, through Chromium's ``Fetch``.

This steers what a page shows; it is no protection against one.
"""

from contextlib import suppress
from typing import Any

from playwright.sync_api import CDPSession
from playwright.sync_api import Error as PlaywrightError

Event = dict[str, Any]


class Interception:
    """Adds headers for one origin, and makes a page stand still.

    Not done by Playwright's ``route``: a header that it adds goes along to wherever the
    server redirects, also to another host. Here each hop is judged anew.
    """

    def __init__(self, session: CDPSession, main_frame: str) -> None:
        """Intercept what ``session``'s page asks for; nothing yet."""
        self._session = session
        self._main_frame = main_frame
        self._origin: str | None = None
        self._headers: dict[str, str] = {}
        self._stands_still = False
        session.on("Fetch.requestPaused", self._paused)

    def stop(self) -> None:
        """Let everything pass, for good."""
        self._session.remove_listener("Fetch.requestPaused", self._paused)
        self._session.send("Fetch.disable")

    def add_headers(self, origin: str, headers: dict[str, str]) -> None:
        """Send ``headers`` along with each request to ``origin``."""
        self._origin, self._headers = origin, headers
        self._apply()

    def hold_still(self) -> None:
        """Let the page go nowhere any more: it stays as it is, and its clock ticks on."""
        if not self._stands_still:
            self._stands_still = True
            self._apply()

    def _apply(self) -> None:
        patterns: list[dict[str, str]] = []
        if self._origin is not None:
            patterns.append({"urlPattern": f"{self._origin}/*"})
        if self._stands_still:
            patterns.append({"urlPattern": "*", "resourceType": "Document"})
        self._session.send("Fetch.enable", {"patterns": patterns})

    def _paused(self, event: Event) -> None:
        with suppress(PlaywrightError):  # The page went away with its requests.
            if (
                self._stands_still
                and event["resourceType"] == "Document"
                and event["frameId"] == self._main_frame
            ):
                # Aborted, for one that is never answered keeps the browser from painting.
                self._session.send(
                    "Fetch.failRequest",
                    {"requestId": event["requestId"], "errorReason": "Aborted"},
                )
                return
            answer: Event = {"requestId": event["requestId"]}
            if self._origin and event["request"]["url"].startswith(f"{self._origin}/"):
                answer["headers"] = _merged(event["request"]["headers"], self._headers)
            self._session.send("Fetch.continueRequest", answer)


def _merged(sent: dict[str, str], added: dict[str, str]) -> list[dict[str, str]]:
    replaced = {name.lower() for name in added}
    kept = {name: value for name, value in sent.items() if name.lower() not in replaced}
    return [{"name": name, "value": value} for name, value in {**kept, **added}.items()]
