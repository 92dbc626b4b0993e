"""What of a spec takes more than the right to submit it: a key must have been given each power.

So a leaked key cannot act as a user of the pages it opens, nor hand headers to strangers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from farm.jobs.specs.access import is_forwarding
from farm.jobs.specs.requests import JobSpec

Power = Literal["script", "style", "headers:any", "ignore_https_errors"]


@dataclass(frozen=True)
class Use:
    """A field whose value uses a power."""

    field: str
    power: Power
    uses: Callable[[Any], bool] = bool
    """Whether this value of the field does; without it, any that is not empty."""


def _forwards(headers: Mapping[str, str] | None) -> bool:
    return any(map(is_forwarding, headers or {}))


USES: Sequence[Use] = (
    Use("scripts", "script"),
    Use("click", "script"),
    Use("wait_for_function", "script"),
    Use("styles", "style"),
    Use("style", "style"),
    Use("extra_http_headers", "headers:any", _forwards),
    Use("extra_http_headers_to", "headers:any", lambda to: to == "all"),
    Use("headers", "headers:any", _forwards),
    Use("ignore_https_errors", "ignore_https_errors"),
)
"""Of all kinds together."""


def powers_used(spec: JobSpec) -> Iterator[tuple[str, Power]]:
    """Yield each field of ``spec`` that uses a power, and the power."""
    for use in USES:
        if use.uses(getattr(spec, use.field, None)):
            yield use.field, use.power
