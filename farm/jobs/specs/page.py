"""What every page kind takes: the page, how it is reached, shown, waited for and judged."""

import re
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from farm.jobs.specs.access import Access, check_cookies
from farm.jobs.specs.acting import Acting, Blocking
from farm.jobs.specs.base import LISTED, JobOptions, Model, OptionGroup, Rules, Url, given, mistake
from farm.jobs.specs.device import Device
from farm.jobs.specs.isolation import Isolation, check_isolation
from farm.jobs.specs.texts import SELECTOR_MAX_CHARACTERS, Selector

PAGE_TIMEOUT_MAX_MS = 120_000
"""No page job may hold a worker longer: one slow page must not starve a queue."""
HTML_MAX_CHARACTERS = 2 * 1024 * 1024
WaitUntil = Literal["commit", "domcontentloaded", "load", "networkidle"]
Collected = Literal["html", "text", "pdf", "har", "console", "network", "thumbnail"]

_SCROLL_MAX_PX = 50_000
"""A page that grows as one scrolls would never end."""

_STATUS_RANGE = re.compile(r"[1-5]xx|[1-5][0-9]{2}(?:-[1-5][0-9]{2})?", re.ASCII)


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _check_status_range(value: str) -> str:
    first, _, last = value.partition("-")
    if not _STATUS_RANGE.fullmatch(value) or (last and int(first) > int(last)):
        raise PydanticCustomError("status", "must be like 404, 4xx or 500-511")
    return value


StatusRange = Annotated[
    str,
    BeforeValidator(_as_text),
    AfterValidator(_check_status_range),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 100, "maximum": 599},
                {"type": "string", "pattern": f"^(?:{_STATUS_RANGE.pattern})$"},
            ]
        }
    ),
]


class WaitForSelector(Model):
    """An element, and what must have become of it. Its selector alone will do."""

    selector: Annotated[Selector, Field(description="CSS, or any of Playwright's selectors.")]
    state: Annotated[
        Literal["attached", "detached", "visible", "hidden"],
        Field(description="What must have become of the first element that matches."),
    ] = "visible"

    @model_validator(mode="before")
    @classmethod
    def _from_selector(cls, value: object) -> object:
        return {"selector": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> dict[str, Any]:  # noqa: ANN401 - pydantic's hook
        selector = {"type": "string", "minLength": 1, "maxLength": SELECTOR_MAX_CHARACTERS}
        return {"anyOf": [selector, handler(core_schema)]}


class Source(OptionGroup):
    """The page."""

    schema_rules: ClassVar[Rules] = ({"oneOf": [given("url"), given("html")]},)

    url: Annotated[
        Url | None,
        Field(
            description="Absolute http or https URL of the page. Either this or html.",
            examples=["https://example.com/"],
        ),
    ] = None
    html: Annotated[
        str | None,
        Field(
            max_length=HTML_MAX_CHARACTERS,
            description="The page itself. It has no address, so its links must be absolute.",
            examples=["<!doctype html><title>Hello</title><h1>Hello</h1>"],
        ),
    ] = None

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        if (self.url is None) == (self.html is None):
            raise mistake("url", "give exactly one of url and html")
        return self


class Waiting(OptionGroup):
    """Waiting.

    What happens to a loaded page has one order: ``styles``, ``hide_selectors``,
    ``click``, ``scripts``, ``wait_for_selector``, ``wait_for_function``,
    ``remove_selectors``, scrolling, ``wait_for_timeout``, fonts.
    """

    wait_until: Annotated[
        WaitUntil,
        Field(
            description="How far the page must have come. `networkidle` is `load` and then half a "
            "second without traffic; it is given up after 5 seconds, with a warning.",
            examples=["networkidle"],
        ),
    ] = "load"
    wait_for_selector: Annotated[
        WaitForSelector | None,
        Field(
            description="Wait for an element (CSS or any of Playwright's selectors) to be "
            "`attached`, `detached`, `visible` or `hidden`.",
            examples=["#chart", {"selector": ".spinner", "state": "detached"}],
        ),
    ] = None
    wait_for_function: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=8192,
            description="Wait until this JavaScript expression is true; a promise is awaited.",
            examples=["document.images.length > 3"],
        ),
    ] = None
    wait_for_timeout: Annotated[
        int,
        Field(
            ge=0,
            le=30_000,
            description="Milliseconds to wait after everything else.",
            examples=[500],
        ),
    ] = 0
    timeout: Annotated[
        int,
        Field(
            ge=1000,
            le=PAGE_TIMEOUT_MAX_MS,
            description="Milliseconds for the whole job.",
            examples=[60_000],
        ),
    ] = 30_000
    navigation_timeout: Annotated[
        int | None,
        Field(
            ge=100,
            le=PAGE_TIMEOUT_MAX_MS,
            description="Milliseconds for loading the page, of those of timeout. "
            "null: as long as there is.",
            examples=[10_000],
        ),
    ] = None
    best_effort: Annotated[
        bool,
        Field(
            description="Take what is there when the page is not ready in time, and say "
            "`partial: true`, instead of failing. The last quarter of the time is kept for it.",
            examples=[True],
        ),
    ] = False

    @model_validator(mode="after")
    def _check_navigation_timeout(self) -> Self:
        if self.navigation_timeout is not None and self.navigation_timeout > self.timeout:
            raise mistake(
                "navigation_timeout", "must not exceed timeout ({timeout})", timeout=self.timeout
            )
        return self


class Failing(OptionGroup):
    """When the job shall fail."""

    fail_on_status: Annotated[
        tuple[StatusRange, ...],
        LISTED,
        Field(
            max_length=50,
            description="Statuses of the page that are failures (`http_error`): 404, 4xx, 500-511.",
            examples=[["4xx", "500-511"]],
        ),
    ] = ()
    fail_on_console_error: Annotated[
        bool,
        Field(
            description="Fail (`console_error`) if the page logs an error or throws one.",
            examples=[True],
        ),
    ] = False
    fail_on_resource_failure: Annotated[
        bool,
        Field(
            description="Fail (`resource_failed`) if something that the page loads cannot be had "
            "or has an error status. What the spec blocks does not count.",
            examples=[True],
        ),
    ] = False


class Collecting(OptionGroup):
    """What else is kept of the same load."""

    collect: Annotated[
        tuple[Collected, ...],
        LISTED,
        Field(
            max_length=7,
            description="Further artifacts: `page.html`, `page.txt`, `page.pdf`, `network.har`, "
            "`console.json`, `network.json`, `thumbnail.webp`.",
            examples=[["html", "har", "thumbnail"]],
        ),
    ] = ()
    thumbnail_width: Annotated[
        int,
        Field(ge=50, le=1280, description="Pixels, for collect's thumbnail.", examples=[640]),
    ] = 320


class PageOptions(
    JobOptions, Isolation, Collecting, Failing, Blocking, Acting, Access, Device, Waiting, Source
):
    """The options of all page kinds; as groups, the last base comes first."""

    @model_validator(mode="after")
    def _check_isolation(self) -> Self:
        check_isolation(vars(self), self.collect)
        return self

    @model_validator(mode="after")
    def _check_origin(self) -> Self:
        if self.url is None:
            if self.extra_http_headers and self.extra_http_headers_to == "origin":
                raise mistake(
                    "extra_http_headers_to", "html has no origin; 'all' sends them to everybody"
                )
            if self.http_credentials is not None and self.http_credentials.origin is None:
                raise mistake("http_credentials.origin", "html has no origin of its own; name one")
            stored = self.storage_state.cookies if self.storage_state else ()
            for field, cookies in (("cookies", self.cookies), ("storage_state.cookies", stored)):
                if any(cookie.url is None and cookie.domain is None for cookie in cookies):
                    raise mistake(field, "with html each cookie needs a url or a domain")
        return self

    @model_validator(mode="after")
    def _check_whose_cookies(self) -> Self:
        check_cookies("cookies", self.cookies, self.url)
        if self.storage_state is not None:
            check_cookies("storage_state.cookies", self.storage_state.cookies, None)
        return self

    @property
    def scrolls(self) -> bool:
        """Whether to scroll through the page: as the spec says, else as is good for the kind."""
        return bool(self.scroll_page)

    @property
    def scrolls_to_px(self) -> float:
        """How far down to scroll, in CSS pixels."""
        return _SCROLL_MAX_PX
