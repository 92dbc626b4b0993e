"""The farm over the last hour: what it looked like, every few seconds."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from farm.jobs.metrics.names import ENDED, STAGE
from farm.jobs.metrics.tallies import Tally
from farm.jobs.specs.requests import Queue

EVERY_S = 15
KEPT_S = 3600
SAMPLES_MAX = KEPT_S // EVERY_S
"""Some half a KiB each, so 120 KiB together."""


class Sample(BaseModel):
    """How the farm stood at one moment. What has happened is counted from its first day on."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: datetime
    queued: Mapping[Queue, int]
    """Jobs that waited."""
    oldest_wait_s: Mapping[Queue, float]
    """For how long the oldest of them had; 0 where none did."""
    ended: Mapping[str, int] = {}
    """Jobs so far, by the state that they ended in."""
    failed: Mapping[str, int] = {}
    """Jobs so far, by the code of their failure."""
    stages: Mapping[str, int] = {}
    """How often a stage was timed so far."""
    stages_ms: Mapping[str, int] = {}
    """How long all these took together."""


def counted(counts: Tally) -> dict[str, Counter[str]]:
    """Return what a sample has of the farm's ``counts``, by the sample's field."""
    found: dict[str, Counter[str]] = {
        name: Counter() for name in ("ended", "failed", "stages", "stages_ms")
    }
    for name, count in counts.items():
        metric, *labels = name.split("|")
        match labels:
            case [_kind, state, code] if metric == ENDED.name:
                found["ended"][state] += count
                if code:
                    found["failed"][code] += count
            case [_kind, stage, "le", _bound] if metric == STAGE.name:
                found["stages"][stage] += count
            case [_kind, stage, "sum"] if metric == STAGE.name:
                found["stages_ms"][stage] += count
    return found
