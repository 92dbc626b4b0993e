"""The kind ``pdf``."""

import re
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from farm.jobs.specs.base import Model, OptionGroup, Rules, given, mistake, never
from farm.jobs.specs.page import PageOptions
from farm.jobs.specs.texts import CODE_MAX_CHARACTERS

PaperFormat = Literal[
    "Letter", "Legal", "Tabloid", "Ledger", "A0", "A1", "A2", "A3", "A4", "A5", "A6"
]

_LENGTH = re.compile(r"(?P<number>[0-9]{1,5}(?:\.[0-9]{1,4})?)(?P<unit>px|in|cm|mm)", re.ASCII)
_INCHES = {"px": 1 / 96, "in": 1.0, "cm": 1 / 2.54, "mm": 1 / 25.4}
_LENGTH_MAX_IN = 200
"""What a page of a PDF may have each way (ISO 32000, annex C)."""
_PAGES = re.compile(r"[1-9][0-9]{0,4}(?:-(?:[1-9][0-9]{0,4})?)?|-[1-9][0-9]{0,4}", re.ASCII)


def _check_length(value: str) -> str:
    match = _LENGTH.fullmatch(value)
    if match is None or float(match["number"]) * _INCHES[match["unit"]] > _LENGTH_MAX_IN:
        raise PydanticCustomError(
            "length", "must be a length like 210mm, 8.5in, 21cm or 800px, 200in at most"
        )
    return value


def _check_side(value: str) -> str:
    match = _LENGTH.fullmatch(value)
    if match is not None and float(match["number"]) == 0:
        raise PydanticCustomError("length", "must be more than nothing")
    return value


def _check_pages(value: str) -> str:
    for part in value.split(",") if value else ():
        if not _PAGES.fullmatch(part.strip()):
            raise PydanticCustomError("pages", "must be pages like 1-3, 5, 8-")
        first, _, last = part.strip().partition("-")
        if first and last and int(first) > int(last):
            raise PydanticCustomError("pages", "a range must not run backwards")
    return value


Length = Annotated[str, Field(max_length=16), AfterValidator(_check_length)]
Side = Annotated[Length, AfterValidator(_check_side)]
PageRanges = Annotated[str, Field(max_length=256), AfterValidator(_check_pages)]


class Margin(Model):
    """The paper's margins."""

    top: Annotated[Length, Field(description="A length.")] = "0px"
    right: Annotated[Length, Field(description="A length.")] = "0px"
    bottom: Annotated[Length, Field(description="A length.")] = "0px"
    left: Annotated[Length, Field(description="A length.")] = "0px"


class Paper(OptionGroup):
    """The paper."""

    schema_rules: ClassVar[Rules] = (
        {"if": given("width"), "then": given("height")},
        {"if": given("height"), "then": given("width")},
        never(given("width"), given("format")),
    )

    format: Annotated[PaperFormat, Field(description="The paper's size.", examples=["Letter"])] = (
        "A4"
    )
    width: Annotated[
        Side | None,
        Field(
            description="Instead of format, together with height: px, in, cm or mm, 200in at most.",
            examples=["100mm"],
        ),
    ] = None
    height: Annotated[
        Side | None,
        Field(description="Instead of format, together with width.", examples=["150mm"]),
    ] = None
    landscape: Annotated[bool, Field(description="Turn the paper.", examples=[True])] = False
    margin: Annotated[
        Margin,
        Field(
            description="Each as a length: px, in, cm or mm.",
            examples=[{"top": "2cm", "bottom": "2cm"}],
        ),
    ] = Margin()
    scale: Annotated[
        float, Field(ge=0.1, le=2, description="Size of the content.", examples=[0.8])
    ] = 1
    print_background: Annotated[
        bool,
        Field(
            description="Print backgrounds, as the screen has them. (Playwright's own default is "
            "false.)",
            examples=[False],
        ),
    ] = True
    page_ranges: Annotated[
        PageRanges,
        Field(description="Which pages, from 1; empty: all.", examples=["1-3, 5"]),
    ] = ""
    prefer_css_page_size: Annotated[
        bool, Field(description="The page's own `@page` size wins.", examples=[True])
    ] = False
    display_header_footer: Annotated[
        bool | None,
        Field(
            description="Print header and footer. null: if a template is given.", examples=[True]
        ),
    ] = None
    header_template: Annotated[
        str | None,
        Field(
            max_length=CODE_MAX_CHARACTERS,
            description="HTML; the classes date, title, url, pageNumber and totalPages are filled "
            "in. Give it a font-size, and the margin room for it.",
            examples=["<span class=title style='font-size:10px'></span>"],
        ),
    ] = None
    footer_template: Annotated[
        str | None,
        Field(
            max_length=CODE_MAX_CHARACTERS,
            description="As header_template.",
            examples=["<span class=pageNumber style='font-size:10px'></span>"],
        ),
    ] = None
    tagged: Annotated[bool, Field(description="An accessible PDF.", examples=[True])] = False
    outline: Annotated[
        bool,
        Field(
            description="With the headings as an outline; such a PDF is tagged, too.",
            examples=[True],
        ),
    ] = False

    @model_validator(mode="after")
    def _check_paper(self) -> Self:
        if (self.width is None) != (self.height is None):
            field = "height" if self.height is None else "width"
            raise mistake(field, "give width and height together")
        if self.width is not None and "format" in self.model_fields_set:
            raise mistake("format", "give either format, or width and height")
        return self


class PdfSpec(Paper, PageOptions):
    """One page as a PDF."""

    kind: Literal["pdf"]

    @property
    def scrolls(self) -> bool:
        """See ``PageOptions.scrolls``."""
        return True if self.scroll_page is None else self.scroll_page
