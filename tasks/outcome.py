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


@dataclass(frozen=True)
class Stage:
    """One stage of a run: when it began and ended, in seconds from the run's beginning."""

    name: str
    began_s: float
    ended_s: float


@dataclass
class Stopwatch:
    """How long each stage of a run took. It runs from when it is made."""

    timings_ms: dict[str, int] = field(default_factory=dict)
    """In whole milliseconds; of a stage that was done again, the last time."""
    stages: list[Stage] = field(default_factory=list)
    """In the order in which they ended."""
    _begun_at: float = field(default_factory=time.monotonic)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block as ``name``."""
        start = time.monotonic()
        try:
            yield
        finally:
            end = time.monotonic()
            self.timings_ms[name] = round((end - start) * 1000)
            self.stages.append(Stage(name, start - self._begun_at, end - self._begun_at))
