"""What may be asked of the farm: one flat spec per kind, with its limits and defaults.

Page options have Playwright's Python names and milliseconds
(https://playwright.dev/python/docs/api/class-page). A spec is the same in a
request, on the command line and in the record of a job.
"""

import difflib
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    RootModel,
    Strict,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from farm.jobs.errors import FieldError, InvalidSpec
from farm.jobs.urls import normalise_url

PAGE_TIMEOUT_MAX_MS = 120_000
"""No page job may hold a worker longer: one slow page must not starve a queue."""
PROBE_TIMEOUT_MAX_MS = 300_000
"""Probing a slow server's large file may take longer than a page."""

_METADATA_KEYS_MAX = 16
_METADATA_CHARACTERS_MAX = 2048
_ERRORS_MAX = 20
"""Mistakes that one answer lists; a body may hold thousands."""


def _check_url(value: str) -> str:
    try:
        return normalise_url(value)
    except ValueError as error:
        raise PydanticCustomError("url", "{reason}", {"reason": str(error)}) from None


Url = Annotated[str, AfterValidator(_check_url)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=64)]
MetadataKey = Annotated[str, StringConstraints(min_length=1, max_length=64)]
# The limit also makes pydantic refuse what is no Unicode text, as any constraint does.
MetadataValue = Annotated[str, StringConstraints(max_length=_METADATA_CHARACTERS_MAX)]
Priority = Literal["low", "normal", "high"]
ImageType = Literal["png", "jpeg", "webp"]
WaitUntil = Literal["commit", "domcontentloaded", "load", "networkidle"]


class _Model(BaseModel):
    """Strict and closed: ``"1280"`` is no number and an unknown name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class JobOptions(_Model):
    """What every kind takes besides its own options."""

    priority: Priority = "normal"
    tags: Annotated[tuple[Tag, ...], Strict(strict=False), Field(max_length=16)] = ()
    metadata: Annotated[
        dict[MetadataKey, MetadataValue],
        Field(
            max_length=_METADATA_KEYS_MAX,
            description=f"Echoed back. Together at most {_METADATA_CHARACTERS_MAX} characters.",
        ),
    ] = {}
    max_attempts: Annotated[
        int, Field(ge=1, le=10, description="How often the job may be handed to a worker.")
    ] = 3
    retention: Annotated[
        int,
        Field(
            ge=60,
            le=2_592_000,
            description="Seconds for which record and result are kept once the job has ended.",
        ),
    ] = 86_400

    @model_validator(mode="after")
    def _check_metadata(self) -> Self:
        if sum(len(key) + len(value) for key, value in self.metadata.items()) > (
            _METADATA_CHARACTERS_MAX
        ):
            raise PydanticCustomError(
                "field:metadata",
                "keys and values together exceed {limit} characters",
                {"limit": _METADATA_CHARACTERS_MAX},
            )
        return self


class Viewport(_Model):
    """Size of the page's window in CSS pixels."""

    width: Annotated[int, Field(ge=1, le=7680)] = 1280
    height: Annotated[int, Field(ge=1, le=4320)] = 800


class ScreenshotSpec(JobOptions):
    """One picture of one page."""

    kind: Literal["screenshot"]
    url: Annotated[Url, Field(description="Absolute http or https URL of the page.")]
    viewport: Viewport = Viewport()
    full_page: Annotated[bool, Field(description="The whole page instead of the viewport.")] = False
    type: ImageType = "png"
    quality: Annotated[
        int | None,
        Field(ge=0, le=100, description="For jpeg and webp, where null means 80. Not for png."),
    ] = None
    wait_until: WaitUntil = "load"
    timeout: Annotated[
        int,
        Field(ge=1000, le=PAGE_TIMEOUT_MAX_MS, description="Milliseconds for the whole job."),
    ] = 30_000

    @model_validator(mode="after")
    def _check_quality(self) -> Self:
        if self.type == "png" and self.quality is not None:
            raise PydanticCustomError(
                "field:quality", "png has no quality; choose the type jpeg or webp"
            )
        return self


class ProbeSpec(JobOptions):
    """What ffprobe says about one media file."""

    kind: Literal["probe"]
    url: Annotated[
        Url | None, Field(description="Absolute http or https URL. Either this or upload_id.")
    ] = None
    upload_id: Annotated[
        str | None, Field(max_length=64, description="From POST /v1/uploads. Either this or url.")
    ] = None
    timeout: Annotated[
        int,
        Field(ge=1000, le=PROBE_TIMEOUT_MAX_MS, description="Milliseconds for the whole job."),
    ] = 30_000

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        if (self.url is None) == (self.upload_id is None):
            raise PydanticCustomError("field:url", "give exactly one of url and upload_id")
        return self


JobSpec = Annotated[ScreenshotSpec | ProbeSpec, Field(discriminator="kind")]
Kind = Literal["screenshot", "probe"]
Queue = Literal["pages", "media"]

SPECS: Mapping[Kind, type[ScreenshotSpec | ProbeSpec]] = {
    "screenshot": ScreenshotSpec,
    "probe": ProbeSpec,
}
QUEUES: Mapping[Kind, Queue] = {"screenshot": "pages", "probe": "media"}
"""The Celery queue of each kind. Browsers and probers never share a worker."""

OPTION_FIELDS = frozenset({"priority", "tags", "metadata"})
"""Names that stand on the job itself, not in its ``spec``."""


class JobRequest(RootModel[JobSpec]):
    """A spec, told apart by its ``kind``; the body of ``POST /v1/jobs``.

    Validating raises ``InvalidSpec``, not pydantic's error, which names each field
    at fault and, for an unknown one, the nearest name that exists.
    """

    @model_validator(mode="wrap")
    @classmethod
    def _explain(cls, data: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(data)
        except ValidationError as error:
            found = error.errors()[:_ERRORS_MAX]
            raise InvalidSpec([_field_error(data, each) for each in found]) from None


def _field_error(data: object, found: ErrorDetails) -> FieldError:
    kind = found["type"]
    if not isinstance(data, dict):
        return FieldError(field="", message="the body must be a JSON object")
    if kind.startswith("union_tag"):
        return FieldError(field="kind", message=f"must be one of: {', '.join(SPECS)}")
    # The first part is the kind, which pydantic adds for the union.
    path = ".".join(str(part) for part in found["loc"][1:])
    if kind.startswith("field:"):
        path = kind.removeprefix("field:")
    if kind == "extra_forbidden":
        return FieldError(field=path, message=_unknown_field(data["kind"], path))
    return FieldError(field=path, message=found["msg"])


def _unknown_field(kind: Kind, path: str) -> str:
    parent, _, name = path.rpartition(".")
    known = Viewport.model_fields if parent == "viewport" else SPECS[kind].model_fields
    near = difflib.get_close_matches(name, known, n=1)
    return f"unknown field; did you mean {near[0]!r}?" if near else "unknown field"
