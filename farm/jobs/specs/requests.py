"""All kinds together: the spec of any job, and what is said of a wrong one."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    Field,
    ModelWrapValidatorHandler,
    RootModel,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from farm.jobs.errors import FieldError, InvalidSpec
from farm.jobs.specs.content import ContentSpec
from farm.jobs.specs.media import ProbeSpec
from farm.jobs.specs.pdf import PdfSpec
from farm.jobs.specs.screenshot import ScreenshotSpec

_ERRORS_MAX = 20
"""Mistakes that one answer lists; a body may hold thousands."""
VALUES_MAX = 100_000
"""More than any spec can have. Pydantic notes each wrong one, in a kilobyte and more."""
_NAME_MAX_CHARACTERS = 100
"""What of a caller's own name for a field is said again or compared."""
_IN_JSON = {"model_type": "must be an object", "dict_type": "must be an object"}
"""Errors that pydantic tells in Python's words."""

PageSpec = ScreenshotSpec | PdfSpec | ContentSpec
JobSpec = Annotated[ScreenshotSpec | PdfSpec | ContentSpec | ProbeSpec, Field(discriminator="kind")]
Kind = Literal["screenshot", "pdf", "content", "probe"]
Queue = Literal["pages", "media"]

SPECS: Mapping[Kind, type[PageSpec | ProbeSpec]] = {
    "screenshot": ScreenshotSpec,
    "pdf": PdfSpec,
    "content": ContentSpec,
    "probe": ProbeSpec,
}
QUEUES: Mapping[Kind, Queue] = {
    "screenshot": "pages",
    "pdf": "pages",
    "content": "pages",
    "probe": "media",
}
"""The Celery queue of each kind. Browsers and probers never share a worker."""
ALL_QUEUES: Sequence[Queue] = sorted(set(QUEUES.values()))

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
        if _is_too_much(data):
            message = f"must not have more than {VALUES_MAX:,} values"
            raise InvalidSpec([FieldError(field="", message=message)])
        try:
            return handler(data)
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)[:_ERRORS_MAX]
            raise InvalidSpec([_field_error(data, each) for each in found]) from None


def _is_too_much(data: object) -> bool:
    """Return whether the lists and objects in ``data`` hold more than any spec can."""
    left, unseen = VALUES_MAX, [data]
    while unseen:
        each = unseen.pop()
        if isinstance(each, dict):
            each = list(each.values())
        if isinstance(each, list):
            left -= len(each)
            if left < 0:
                return True
            unseen += [value for value in each if isinstance(value, dict | list)]
    return False


def _field_error(data: object, found: ErrorDetails) -> FieldError:
    kind = found["type"]
    if not isinstance(data, dict):
        return FieldError(field="", message="the body must be a JSON object")
    if kind.startswith("union_tag"):
        return FieldError(field="kind", message=f"must be one of: {', '.join(SPECS)}")
    # The first part is the kind, which pydantic adds for the union.
    place = found["loc"][1:]
    path = ".".join(str(part)[:_NAME_MAX_CHARACTERS] for part in place)
    if kind.startswith("field:"):
        # Of a rule within a part of the spec: the part's place, then the field's.
        name = kind.removeprefix("field:")
        path = f"{path}.{name}" if path else name
    if kind == "extra_forbidden":
        return FieldError(field=path, message=_unknown_field(SPECS[data["kind"]], place))
    return FieldError(field=path, message=_IN_JSON.get(kind, found["msg"]))


def errors_of(model: type[BaseModel], error: ValidationError) -> list[FieldError]:
    """Return what is wrong with what should have been a ``model``, as callers are told it."""
    return [
        FieldError(
            field=".".join(str(part)[:_NAME_MAX_CHARACTERS] for part in each["loc"]),
            message=_unknown_field(model, each["loc"])
            if each["type"] == "extra_forbidden"
            else _IN_JSON.get(each["type"], each["msg"]),
        )
        for each in error.errors(include_url=False, include_input=False)[:_ERRORS_MAX]
    ]


def _unknown_field(model: type[BaseModel], place: tuple[int | str, ...]) -> str:
    for part in place[:-1]:
        if isinstance(part, str) and part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation) or model
    name = str(place[-1])[:_NAME_MAX_CHARACTERS]
    near = difflib.get_close_matches(name, model.model_fields, n=1)
    return f"unknown field; did you mean {near[0]!r}?" if near else "unknown field"


def _model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - any type there is
    """Return the model that ``annotation`` is made of, as in ``tuple[Cookie, ...] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(part) for part in get_args(annotation))
    return next((model for model in found if model is not None), None)
