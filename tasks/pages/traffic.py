"""What a page loads, as Chromium's own network events tell it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from farm.jobs.errors import TargetForbidden
from tasks.egress.verdicts import MARK

RESPONSES_MAX_BYTES = 100 * 1024 * 1024
"""Of all responses of one page, unpacked; a page that needs more is an attack or a film."""
DOCUMENT_MAX_BYTES = 32 * 1024 * 1024
"""Of the page's own response: laid out, text takes many times its size of memory."""
REQUESTS_MAX = 5000
"""Requests that are remembered; what comes after them is counted alone."""
URL_MAX_CHARACTERS = 2048

# Of Chromium's types (Network.ResourceType), those that the `load` event waits for.
_HOLD_LOAD = frozenset({"Document", "Stylesheet", "Image", "Font", "Script", "TextTrack"})
_BLOCKED = "net::ERR_BLOCKED_BY_CLIENT"
_NO_TUNNEL = "net::ERR_TUNNEL_CONNECTION_FAILED"
_WILLED = frozenset({"blocked", "cancelled", TargetForbidden.code})
_ERROR_STATUS = 400
_REDIRECTS_MAX = 50

Event = dict[str, Any]


@dataclass
class Request:
    """One request of the page, and what came of it."""

    url: str
    method: str
    resource_type: str
    """Chromium's word, as ``Image``."""
    is_page: bool
    """Whether it is for the document of the main frame."""
    started_at: float
    """Seconds on Chromium's clock."""
    status: int | None = None
    content_type: str | None = None
    size_bytes: int | None = None
    """What came over the wire; ``None`` while it is under way or if it failed."""
    duration_ms: int | None = None
    failure: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is still under way."""
        return self.duration_ms is None

    @property
    def is_font(self) -> bool:
        """Whether it is for a web font."""
        return self.resource_type == "Font"

    @property
    def has_failed(self) -> bool:
        """Whether it came to nothing, and that was nobody's will."""
        return self.failure is not None and self.failure not in _WILLED

    def as_json(self) -> dict[str, Any]:
        """Return its line in ``network.json``."""
        return {
            "url": self.url,
            "method": self.method,
            "resource_type": self.resource_type.lower(),
            "status": self.status,
            "content_type": self.content_type,
            "size_bytes": self.size_bytes,
            "duration_ms": self.duration_ms,
            "failure": self.failure,
        }


class Traffic:
    """Listens to the ``Network`` domain of one page; frames of other sites are not in it."""

    def __init__(
        self,
        main_frame: str,
        on_too_large: Callable[[], None],
        refusal: Callable[[str], str | None],
    ) -> None:
        """Watch the frame ``main_frame``; call ``on_too_large`` once the limit is passed.

        ``refusal`` says why the gate let nobody through to a URL, as a code.
        """
        self._main_frame = main_frame
        self._on_too_large = on_too_large
        self._refusal = refusal
        self._by_id: dict[str, Request] = {}
        self._requests: list[Request] = []
        self._received_bytes = 0
        self._document_bytes = 0
        self.redirect_chain: list[dict[str, Any]] = []
        """Each redirect on the way to the page: its ``url`` and ``status``."""
        self.failed = 0
        """Requests without an answer, or with an error status, that were not blocked by us."""
        self.first_failure: str | None = None
        self.blocked = 0
        """Requests that the spec's blocking stopped."""
        self.turned_away: str | None = None
        """The gate's code, if it did not let the last request for the page itself through."""
        self.has_given_credentials = False
        """Whether an address had a name and a password in it, which the browser remembers."""
        self.refused_scheme: str | None = None
        """Scheme of the last address that the page went to and no browser renders."""

    @property
    def is_too_large(self) -> bool:
        """Whether the page has loaded more than a page may."""
        return (
            self._received_bytes > RESPONSES_MAX_BYTES or self._document_bytes > DOCUMENT_MAX_BYTES
        )

    @property
    def is_leaving(self) -> bool:
        """Whether the page has asked for another document that has not been answered yet."""
        return any(each.is_page and each.is_open and not each.status for each in self._requests)

    @property
    def page(self) -> Request | None:
        """The last request for the page itself that was answered."""
        return self.page_at(None)

    def page_at(self, url: str | None) -> Request | None:
        """Return the last answered request for the page at ``url``, or at any address."""
        pages = (each for each in reversed(self._requests) if each.is_page and each.status)
        return next((each for each in pages if url is None or _same(each.url, url)), None)

    def holding(self) -> list[Request]:
        """Return the requests under way that the ``load`` event waits for."""
        return [
            each for each in self._requests if each.is_open and each.resource_type in _HOLD_LOAD
        ]

    def as_json(self) -> list[dict[str, Any]]:
        """Return the lines of ``network.json``, in the order of the requests."""
        return [each.as_json() for each in self._requests]

    def handlers(self) -> Iterator[tuple[str, Callable[[Event], None]]]:
        """Yield the events to listen to, each with what hears it."""
        yield "Network.requestWillBeSent", self._sent
        yield "Network.responseReceived", self._answered
        yield "Network.dataReceived", self._received
        yield "Network.loadingFinished", self._finished
        yield "Network.loadingFailed", self._failed

    def _sent(self, event: Event) -> None:
        url = event["request"]["url"][:URL_MAX_CHARACTERS]
        self.has_given_credentials |= "@" in url and "@" in urlsplit(url).netloc
        is_page = event.get("type") == "Document" and event.get("frameId") == self._main_frame
        if "redirectResponse" in event:
            self._redirected(event, is_page=is_page)
        if is_page:
            self.turned_away = None
            self._drop_open_pages(event["timestamp"])
            if not url.startswith(("http:", "https:")):
                self.refused_scheme = url.partition(":")[0]
        if url.startswith("data:") or len(self._requests) >= REQUESTS_MAX:
            return
        request = Request(
            url=url,
            method=event["request"]["method"],
            resource_type=event.get("type", "Other"),
            is_page=is_page,
            started_at=event["timestamp"],
        )
        self._by_id[event["requestId"]] = request
        self._requests.append(request)

    def _drop_open_pages(self, now: float) -> None:
        # The page goes elsewhere before it got there; Chromium does not say so.
        for each in self._requests:
            if each.is_page and each.is_open:
                each.duration_ms = _ms(now - each.started_at)
                each.failure = "cancelled"

    def _redirected(self, event: Event, *, is_page: bool) -> None:
        response = event["redirectResponse"]
        if is_page and len(self.redirect_chain) < _REDIRECTS_MAX:
            self.redirect_chain.append(
                {"url": response["url"][:URL_MAX_CHARACTERS], "status": response["status"]}
            )
        before = self._by_id.pop(event["requestId"], None)
        if before is not None:
            before.status = response["status"]
            before.size_bytes = round(response.get("encodedDataLength", 0))
            before.duration_ms = _ms(event["timestamp"] - before.started_at)

    def _answered(self, event: Event) -> None:
        request = self._by_id.get(event["requestId"])
        if request is None:
            return
        response = event["response"]
        headers = {name.lower(): value for name, value in response["headers"].items()}
        if MARK in headers:
            self._turn_away(request, headers[MARK])
            return
        request.status = response["status"]
        request.content_type = _content_type(headers, response)
        if response["status"] >= _ERROR_STATUS and not request.is_page:
            self._fail(request, f"HTTP {response['status']}")

    def _received(self, event: Event) -> None:
        was_too_large = self.is_too_large
        self._received_bytes += event["dataLength"]
        request = self._by_id.get(event["requestId"])
        if request is not None and request.is_page:
            self._document_bytes += event["dataLength"]
        if self.is_too_large and not was_too_large:
            self._on_too_large()

    def _finished(self, event: Event) -> None:
        request = self._by_id.pop(event["requestId"], None)
        if request is not None:
            request.size_bytes = round(event["encodedDataLength"])
            request.duration_ms = _ms(event["timestamp"] - request.started_at)

    def _failed(self, event: Event) -> None:
        request = self._by_id.pop(event["requestId"], None)
        if request is None:
            return
        request.duration_ms = _ms(event["timestamp"] - request.started_at)
        if event["errorText"].startswith(_BLOCKED):
            request.failure = "blocked"
            self.blocked += 1
        elif event.get("canceled"):  # by the page itself, which went on without it
            request.failure = request.failure or "cancelled"
        elif event["errorText"] == _NO_TUNNEL and (code := self._refusal(request.url)):
            self._turn_away(request, code)
        else:
            self._fail(request, event["errorText"])

    def _turn_away(self, request: Request, code: str) -> None:
        if request.is_page:
            self.turned_away = code
        if code == TargetForbidden.code:
            request.failure = code
        else:
            self._fail(request, code)

    def _fail(self, request: Request, why: str) -> None:
        if request.failure is None:
            self.failed += 1
            self.first_failure = self.first_failure or f"{request.url} ({why})"
        request.failure = why


def _content_type(headers: Mapping[str, str], response: Event) -> str | None:
    found = headers.get("content-type") or response.get("mimeType")
    return found[:255] if found else None


def _same(one: str, other: str) -> bool:
    return one.partition("#")[0] == other[:URL_MAX_CHARACTERS].partition("#")[0]


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
