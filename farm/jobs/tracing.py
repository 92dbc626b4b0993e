"""What a job's run tells to whoever follows requests through several systems."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Span:
    """Something that took time, and what it was made of."""

    name: str
    start: datetime
    end: datetime
    facts: Mapping[str, str | int] = field(default_factory=dict)
    error: str | None = None
    """Code of what it failed with, if it did."""
    parts: "Sequence[Span]" = ()


class Traces(Protocol):
    """Where spans go. Neither call raises, nor waits for anybody to take them."""

    def tell(self, span: Span, traceparent: str | None) -> None:
        """Tell of ``span``, which is a part of what ``traceparent`` names."""

    def close(self) -> None:
        """Give what was told last a moment to get away."""


class NoTraces:
    """``Traces`` of a farm that nobody follows."""

    def tell(self, span: Span, traceparent: str | None) -> None:
        """See ``Traces.tell``."""

    def close(self) -> None:
        """See ``Traces.close``."""
