"""The browser's window and the user that the page believes to have."""

import difflib
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType  # pydantic's own dependency; typing's from 3.12 on

from farm.jobs.specs.base import LISTED, Model, OptionGroup
from farm.jobs.specs.names import DEVICES, TIME_ZONES

Permission = Literal[
    "accelerometer",
    "ambient-light-sensor",
    "background-sync",
    "camera",
    "clipboard-read",
    "clipboard-write",
    "geolocation",
    "gyroscope",
    "local-fonts",
    "magnetometer",
    "microphone",
    "midi",
    "midi-sysex",
    "notifications",
    "payment-handler",
    "screen-wake-lock",
    "storage-access",
]
"""Playwright's, without the one that opens the local network."""


def _one_of(names: tuple[str, ...], what: str) -> Any:  # noqa: ANN401 - a validator of pydantic's
    known = frozenset(names)
    folded = {name.casefold(): name for name in names}

    def check(value: str) -> str:
        if value not in known:
            near = _nearest(value, folded)
            hint = f"; did you mean {near!r}?" if near else ""
            raise PydanticCustomError("unknown_name", f"is no {what}{{hint}}", {"hint": hint})
        return value

    return AfterValidator(check)


def _nearest(value: str, folded: dict[str, str]) -> str | None:
    near = difflib.get_close_matches(value.casefold(), folded, n=1)
    return folded[near[0]] if near else None


_DeviceName = Annotated[
    str,
    StringConstraints(max_length=64),
    _one_of(DEVICES, "device of Playwright's"),
    WithJsonSchema(
        {
            "type": "string",
            "enum": list(DEVICES),
            "description": "A device of Playwright's registry.",
        }
    ),
]
# With a name of its own the long list stands once in a description, not once for each kind.
DeviceName = TypeAliasType("DeviceName", _DeviceName)
TimeZone = Annotated[str, StringConstraints(max_length=64), _one_of(TIME_ZONES, "IANA time zone")]


class Viewport(Model):
    """Size of the page's window in CSS pixels."""

    width: Annotated[int, Field(ge=1, le=7680, description="CSS pixels.")] = 1280
    height: Annotated[int, Field(ge=1, le=4320, description="CSS pixels.")] = 800


class Geolocation(Model):
    """A place on Earth."""

    latitude: Annotated[float, Field(ge=-90, le=90, description="Degrees north.")]
    longitude: Annotated[float, Field(ge=-180, le=180, description="Degrees east.")]
    accuracy: Annotated[float, Field(ge=0, le=100_000, description="Metres.")] = 0


class Device(OptionGroup):
    """Device and user."""

    viewport: Annotated[
        Viewport,
        Field(
            description="The window, in CSS pixels.",
            examples=[{"width": 1920, "height": 1080}],
        ),
    ] = Viewport()
    device: Annotated[
        DeviceName | None,
        Field(
            description="A device of Playwright's registry: its viewport, scale, touch and user "
            "agent, each unless the spec says otherwise.",
            examples=["iPhone 15", "Desktop Chrome HiDPI"],
        ),
    ] = None
    device_scale_factor: Annotated[
        float,
        Field(ge=0.5, le=4, description="Pixels of the picture for a CSS pixel.", examples=[2]),
    ] = 1
    is_mobile: Annotated[
        bool, Field(description="Heed the page's `meta viewport`, as phones do.", examples=[True])
    ] = False
    has_touch: Annotated[bool, Field(description="Offer touch events.", examples=[True])] = False
    user_agent: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=512,
            pattern=r"^[\x20-\x7e]+$",
            description="Who the browser says it is. null: the browser's own.",
            examples=["ExampleBot/1.0"],
        ),
    ] = None
    locale: Annotated[
        str,
        Field(
            max_length=64,
            # What Chromium takes: it closes on others, such as de-1-1.
            pattern=r"^[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?"
            r"(-([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))?(-u-[A-Za-z]{2}-[A-Za-z0-9]{3,8})?$",
            description="Language and formats, as a BCP 47 tag.",
            examples=["de-DE"],
        ),
    ] = "en-US"
    timezone_id: Annotated[
        TimeZone, Field(description="An IANA time zone.", examples=["Europe/Berlin"])
    ] = "UTC"
    geolocation: Annotated[
        Geolocation | None,
        Field(
            description="Where the device is. Given, pages may ask for it.",
            examples=[{"latitude": 52.52, "longitude": 13.39}],
        ),
    ] = None
    permissions: Annotated[
        tuple[Permission, ...],
        LISTED,
        Field(max_length=17, description="What pages may do.", examples=[["clipboard-read"]]),
    ] = ()
    color_scheme: Annotated[
        Literal["light", "dark", "no-preference"],
        Field(description="`prefers-color-scheme`.", examples=["dark"]),
    ] = "light"
    reduced_motion: Annotated[
        Literal["reduce", "no-preference"] | None,
        Field(description="`prefers-reduced-motion`.", examples=["reduce"]),
    ] = None
    forced_colors: Annotated[
        Literal["active", "none"] | None, Field(description="`forced-colors`.", examples=["active"])
    ] = None
    contrast: Annotated[
        Literal["more", "no-preference"] | None,
        Field(description="`prefers-contrast`.", examples=["more"]),
    ] = None
    media: Annotated[
        Literal["screen", "print"] | None,
        Field(
            description="The CSS media type. null: `print` for a pdf, else `screen`.",
            examples=["print"],
        ),
    ] = None
    java_script_enabled: Annotated[
        bool, Field(description="Run the page's scripts.", examples=[False])
    ] = True
