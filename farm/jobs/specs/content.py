"""The kind ``content``."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from farm.jobs.specs.base import Model, OptionGroup
from farm.jobs.specs.page import PageOptions
from farm.jobs.specs.texts import Selector

SelectName = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Select(Model):
    """What to take from each element that matches, in the page's order."""

    selector: Annotated[Selector, Field(description="A CSS selector.")]
    attribute: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=256,
            description="An attribute; elements without it are left out. null: the visible text.",
        ),
    ] = None


class Extraction(OptionGroup):
    """The content."""

    select: Annotated[
        dict[SelectName, Select],
        Field(
            max_length=50,
            description="What else to extract, by name: of each element that matches a CSS "
            "selector, its visible text or an attribute.",
            examples=[
                {
                    "prices": {"selector": ".price"},
                    "images": {"selector": "img", "attribute": "src"},
                }
            ],
        ),
    ] = {}  # noqa: RUF012 - frozen, and copied by pydantic


class ContentSpec(Extraction, PageOptions):
    """What a rendered page says: its HTML, text, title, links and more, as JSON."""

    kind: Literal["content"]
