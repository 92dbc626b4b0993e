"""The kind ``screenshot``."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from farm.jobs.specs.base import Model, OptionGroup, Rules, given, mistake, never
from farm.jobs.specs.page import PageOptions
from farm.jobs.specs.texts import CODE_MAX_CHARACTERS, Selector, Selectors

ImageType = Literal["png", "jpeg", "webp"]

SIDE_MAX_PX: Mapping[ImageType, int] = {
    "png": 50_000,  # taller pictures take seconds and gigabytes, and no viewer opens them
    "jpeg": 50_000,  # the format would have 65,535; beyond it Playwright returns nothing
    "webp": 16_383,  # of the format; beyond it Playwright returns nothing and no error
}
AREA_MAX_PX = 64_000_000
"""Four bytes each in the browser's memory, some of it twice: a gigabyte at most."""


class Clip(Model):
    """A box on the page in CSS pixels from its top left corner."""

    x: Annotated[float, Field(ge=0, le=50_000, description="Left edge.")]
    y: Annotated[float, Field(ge=0, le=50_000, description="Top edge.")]
    width: Annotated[float, Field(gt=0, le=50_000, description="CSS pixels.")]
    height: Annotated[float, Field(gt=0, le=50_000, description="CSS pixels.")]


class Picture(OptionGroup):
    """The picture."""

    schema_rules: ClassVar[Rules] = (
        never(given("clip"), given("selector")),
        never(given("clip"), given("full_page", {"const": True})),
        never(given("selector"), given("full_page", {"const": True})),
        {"if": given("padding", {"minimum": 1}), "then": given("selector")},
        {"if": given("quality"), "then": given("type", {"enum": ["jpeg", "webp"]})},
        never(given("omit_background", {"const": True}), given("type", {"const": "jpeg"})),
    )

    type: Annotated[ImageType, Field(description="The picture's format.", examples=["webp"])] = (
        "png"
    )
    quality: Annotated[
        int | None,
        Field(
            ge=0,
            le=100,
            description="For jpeg and webp, where null means 80; a webp of 100 is lossless. "
            "Not for png.",
            examples=[60],
        ),
    ] = None
    full_page: Annotated[
        bool, Field(description="The whole page instead of the viewport.", examples=[True])
    ] = False
    full_page_max_height: Annotated[
        int,
        Field(
            ge=1,
            le=50_000,
            description="Pixels of the picture, with full_page. What is below is left out and the "
            "report says `truncated: true`.",
            examples=[5000],
        ),
    ] = 16_000
    selector: Annotated[
        Selector | None,
        Field(
            description="Only the first element that matches (CSS or any of Playwright's "
            "selectors).",
            examples=["#invoice"],
        ),
    ] = None
    padding: Annotated[
        int,
        Field(ge=0, le=500, description="CSS pixels around the selector's element.", examples=[16]),
    ] = 0
    clip: Annotated[
        Clip | None,
        Field(
            description="Only this box of the page, in CSS pixels from its top left corner.",
            examples=[{"x": 0, "y": 100, "width": 400, "height": 300}],
        ),
    ] = None
    omit_background: Annotated[
        bool,
        Field(
            description="Transparent where the page has no background. Not for jpeg.",
            examples=[True],
        ),
    ] = False
    scale: Annotated[
        Literal["css", "device"],
        Field(
            description="`css`: one pixel of the picture for each CSS pixel, whatever "
            "device_scale_factor is.",
            examples=["css"],
        ),
    ] = "device"
    animations: Annotated[
        Literal["allow", "disabled"],
        Field(
            description="`disabled`, so that a page looks the same each time: transitions are at "
            "their end, endless animations are taken off. (Playwright's own default is `allow`.)",
            examples=["allow"],
        ),
    ] = "disabled"
    caret: Annotated[
        Literal["hide", "initial"],
        Field(description="The text cursor.", examples=["initial"]),
    ] = "hide"
    mask: Annotated[
        Selectors,
        Field(description="Elements to cover with a box.", examples=[[".price", "#email"]]),
    ] = ()
    mask_color: Annotated[
        str,
        Field(
            max_length=64,
            pattern=r"^[#A-Za-z0-9(),./% -]+$",
            description="The boxes' CSS colour.",
            examples=["black"],
        ),
    ] = "#FF00FF"
    style: Annotated[
        str | None,
        Field(
            max_length=CODE_MAX_CHARACTERS,
            description="CSS that applies while the picture is taken, in frames and shadow trees "
            "too.",
            examples=["video {visibility: hidden}"],
        ),
    ] = None
    retry_blank: Annotated[
        int,
        Field(
            ge=0,
            le=3,
            description="How often to wait a second and take the picture again while one colour "
            "covers 99.5 % of it. It is kept then, with `blank: true` in the report.",
            examples=[0],
        ),
    ] = 1

    @model_validator(mode="after")
    def _check_picture(self) -> Self:
        if self.type == "png" and self.quality is not None:
            raise mistake("quality", "png has no quality; choose the type jpeg or webp")
        if self.type == "jpeg" and self.omit_background:
            raise mistake("omit_background", "jpeg has no transparency; choose png or webp")
        chosen = [name for name in ("clip", "selector", "full_page") if getattr(self, name)]
        if len(chosen) > 1:
            raise mistake(chosen[0], "give only one of {chosen}", chosen=", ".join(chosen))
        if self.padding and self.selector is None:
            raise mistake("padding", "needs a selector")
        return self


class ScreenshotSpec(Picture, PageOptions):
    """One picture of one page."""

    kind: Literal["screenshot"]

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        if self.selector is not None:
            return self  # Only the page knows how large the element is.
        field = "viewport"
        width, height = float(self.viewport.width), float(self.viewport.height)
        if self.clip is not None:
            field, width, height = "clip", self.clip.width, self.clip.height
        factor = self.device_scale_factor if self.scale == "device" else 1
        side = SIDE_MAX_PX[self.type]
        if self.full_page and self.type == "webp" and self.full_page_max_height > side:
            field, height = "full_page_max_height", self.full_page_max_height / factor
        if max(width, height) * factor > side:
            raise mistake(
                field,
                "a {type} may have {side} pixels each way; choose {others} or a smaller size",
                type=self.type,
                side=side,
                others="png or jpeg" if self.type == "webp" else "a smaller scale",
            )
        if width * height * factor**2 > AREA_MAX_PX and not self.full_page:
            raise mistake(field, "a picture may have {limit} pixels in all", limit=AREA_MAX_PX)
        return self

    @property
    def scrolls(self) -> bool:
        """See ``PageOptions.scrolls``."""
        return self.full_page if self.scroll_page is None else self.scroll_page

    @property
    def scrolls_to_px(self) -> float:
        """See ``PageOptions.scrolls_to_px``: no further than the picture goes."""
        if not self.full_page:
            return super().scrolls_to_px
        return self.full_page_max_height / min(1, self.device_scale_factor)
