"""How far the page of a job is kept apart from the pages of others."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from farm.jobs.specs.base import OptionGroup, Rules, given, mistake, never

_SHARED = given("isolation", {"const": "batch"})
_GIVEN: Mapping[str, Any] = {"not": {"type": "null"}}
_SOME: Mapping[str, Any] = {"type": "array", "minItems": 1}
_STAYS: Mapping[str, Mapping[str, Any]] = {
    "http_credentials": _GIVEN,
    "extra_http_headers": {"type": "object", "minProperties": 1},
    "cookies": _SOME,
    "storage_state": _GIVEN,
    "click": _SOME,
    "scripts": _SOME,
    "wait_for_function": _GIVEN,
    "block_cookie_banners": {"const": True},
}
"""Fields that no page is shared with, and how they are when they are used: secrets, what acts as
the caller, and what Chromium cannot be rid of without a new page."""


class Isolation(OptionGroup):
    """Isolation."""

    schema_rules: ClassVar[Rules] = (
        *(never(_SHARED, given(field, used)) for field, used in _STAYS.items()),
        never(_SHARED, given("collect", {"contains": {"const": "har"}})),
    )

    isolation: Annotated[
        Literal["job", "batch"],
        Field(
            description="Whose page it is. `job`: the job's alone, with a browser context of its "
            "own. `batch`: jobs of one batch may take one after the other, cleaned in between, "
            "which is faster; without a batch as `job`. Not together with what would stay.",
            examples=["batch"],
        ),
    ] = "job"


def check_isolation(fields: Mapping[str, Any], collected: Sequence[str]) -> None:
    """Raise the mistake of the first of ``fields`` that a shared page could not be rid of.

    Args:
        fields: Those of the spec.
        collected: What is kept of the load.
    """
    if fields["isolation"] != "batch":
        return
    for field in _STAYS:
        if fields[field]:
            raise mistake(field, "would stay for the next job; isolation must be 'job' for it")
    if "har" in collected:
        raise mistake("collect", "har takes a context of its own; isolation must be 'job' for it")
