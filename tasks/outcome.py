"""What a kind hands to the runner: bytes to store, a report, warnings."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

ARTIFACT_MAX_BYTES = 32 * 1024 * 1024
"""Artifacts lie in Redis's memory; a larger picture is no use to a caller either."""


@dataclass(frozen=True)
class Made:
    """One artifact before it is stored. The first of an outcome is the job's result."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Outcome:
    """All that a successful run leaves behind."""

    made: Sequence[Made]
    report: dict[str, Any]
    warnings: Sequence[str] = ()


@dataclass
class Stopwatch:
    """How long each stage of a run took, in whole milliseconds."""

    timings_ms: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block as ``name``."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.timings_ms[name] = round((time.monotonic() - start) * 1000)
