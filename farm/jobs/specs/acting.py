"""What is done to a page, and what it may not load."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from farm.jobs.specs.base import LISTED, OptionGroup, mistake
from farm.jobs.specs.texts import CODE_MAX_CHARACTERS, Code, Selectors

ResourceType = Literal[
    "stylesheet",
    "image",
    "media",
    "font",
    "script",
    "texttrack",
    "xhr",
    "fetch",
    "eventsource",
    "websocket",
    "manifest",
    "other",
]
"""Playwright's, without the document itself."""
UrlGlob = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class Acting(OptionGroup):
    """What is done to the page."""

    styles: Annotated[
        tuple[Code, ...],
        LISTED,
        Field(max_length=20, description="CSS to add.", examples=[["header {display: none}"]]),
    ] = ()
    hide_selectors: Annotated[
        Selectors,
        Field(description="CSS selectors of what is to be invisible.", examples=[[".chat"]]),
    ] = ()
    click: Annotated[
        Selectors,
        Field(
            description="What to click on, one after the other; each is waited for.",
            examples=[["text=Show all"]],
        ),
    ] = ()
    scripts: Annotated[
        tuple[Code, ...],
        LISTED,
        Field(
            max_length=20,
            description="JavaScript to run, one after the other; a promise is awaited.",
            examples=[["document.body.style.zoom = 2"]],
        ),
    ] = ()
    remove_selectors: Annotated[
        Selectors,
        Field(description="CSS selectors of what is to be removed.", examples=[["#newsletter"]]),
    ] = ()
    scroll_page: Annotated[
        bool | None,
        Field(
            description="Scroll to the end and back, so that what loads only when it is seen has "
            "come; for a third of the timeout at most. null: for a full page and a pdf.",
            examples=[False],
        ),
    ] = None
    scroll_delay: Annotated[
        int,
        Field(
            ge=0,
            le=5000,
            description="Milliseconds to rest on each screenful while scrolling.",
            examples=[400],
        ),
    ] = 50

    @model_validator(mode="after")
    def _check_code_size(self) -> Self:
        for field in ("styles", "scripts"):
            if sum(map(len, getattr(self, field))) > CODE_MAX_CHARACTERS:
                raise mistake(
                    field, "exceed {limit} characters together", limit=CODE_MAX_CHARACTERS
                )
        return self


class Blocking(OptionGroup):
    """What is not loaded."""

    block_resources: Annotated[
        tuple[ResourceType, ...],
        LISTED,
        Field(max_length=12, description="Kinds of resources.", examples=[["image", "font"]]),
    ] = ()
    block_urls: Annotated[
        tuple[UrlGlob, ...],
        LISTED,
        Field(
            max_length=100,
            description="Addresses, as Playwright's globs: `*` within a path's part, `**` across, "
            "`{a,b}` either.",
            examples=[["**/*.mp4", "https://*.example.net/**"]],
        ),
    ] = ()
    block_ads: Annotated[
        bool,
        Field(
            description="Neither load nor show advertising, by EasyList. What a page's own host "
            "redirects to is not seen.",
            examples=[True],
        ),
    ] = False
    block_cookie_banners: Annotated[
        bool,
        Field(
            description="Answer cookie banners with no where there is a rule or a button for it "
            "(DuckDuckGo's autoconsent); takes 1.5 seconds longer where there is none.",
            examples=[True],
        ),
    ] = False
