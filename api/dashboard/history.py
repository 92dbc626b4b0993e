"""The last hour of the farm, as plots of its samples."""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal

from api.dashboard.plots import Plot, Scale, rounded_up
from api.dashboard.words import span
from farm.jobs.metrics.history import EVERY_S, KEPT_S, Sample
from farm.jobs.metrics.names import STAGES
from farm.jobs.specs.requests import Queue

_HOUR_AGO, _NOW = "an hour ago", "now"
_GAP_S = 4 * EVERY_S
"""Where samples are further apart nobody knows, and the line is broken."""
_MINUTE_S = 60
_DURATIONS_S = 300
"""Width of the columns of durations: fewer jobs would make them jump."""

Counts = Literal["ended", "failed", "stages", "stages_ms"]
Words = Callable[[float], str]


class Hour:
    """What the farm's samples tell of the hour before ``now``."""

    def __init__(self, samples: Sequence[Sample], now: datetime) -> None:
        """Tell of ``samples``, the oldest first."""
        self._end = now.timestamp()
        self._samples = [each for each in samples if self._end - each.at.timestamp() <= KEPT_S]
        self._at = [each.at.timestamp() for each in self._samples]

    def __bool__(self) -> bool:
        """Return whether there is anything to tell."""
        return bool(self._samples)

    def queued(self, queue: Queue) -> Plot:
        """Return how many jobs waited on the queue."""
        return self._line("Waiting jobs", [each.queued.get(queue, 0) for each in self._samples])

    def oldest_wait(self, queue: Queue) -> Plot:
        """Return for how long the queue's oldest job had waited."""
        waits = [each.oldest_wait_s.get(queue, 0) for each in self._samples]
        return self._line("Oldest wait", waits, span)

    def throughput(self) -> Plot:
        """Return how many jobs ended in each minute, by how they ended."""
        stacks = [(at, self._grown("ended", at, at + _MINUTE_S)) for at in self._edges(_MINUTE_S)]
        said = f"{sum(self._grown('ended').values()):,} in the hour"
        return self._columns("Jobs a minute", said, _MINUTE_S, stacks)

    def durations(self) -> Plot:
        """Return how long each stage took on average, in every five minutes."""
        stacks = [(at, self._means(at, at + _DURATIONS_S)) for at in self._edges(_DURATIONS_S)]
        said = f"{span(sum(self.means().values()))} a job"
        return self._columns("Time by stage", said, _DURATIONS_S, stacks, span)

    def means(self) -> dict[str, float]:
        """Return how many seconds each stage took on average."""
        return self._means(-math.inf, math.inf)

    def failed(self) -> dict[str, int]:
        """Return how many jobs failed, by code, the most frequent first."""
        found = [(code, count) for code, count in self._grown("failed").items() if count]
        return dict(sorted(found, key=lambda each: -each[1]))

    def _means(self, since: float, until: float) -> dict[str, float]:
        times, took_ms = (self._grown(name, since, until) for name in ("stages", "stages_ms"))
        return {
            stage: took_ms.get(stage, 0) / times[stage] / 1000
            for stage in STAGES
            if times.get(stage)
        }

    def _grown(
        self, name: Counts, since: float = -math.inf, until: float = math.inf
    ) -> dict[str, int]:
        """Return by how much each count has grown between two times, as far as is known."""
        if not self._samples:
            return {}
        before, after = (
            getattr(self._samples[max(0, bisect_right(self._at, at) - 1)], name)
            for at in (since, until)
        )
        # Where Redis was emptied in between they begin anew.
        return {each: max(0, count - before.get(each, 0)) for each, count in after.items()}

    def _edges(self, width_s: int) -> Sequence[float]:
        """Return where columns begin: at whole times, so that they stand still."""
        first = math.ceil((self._end - KEPT_S) / width_s) * width_s
        return range(first, math.ceil(self._end), width_s)

    def _line(self, title: str, values: Sequence[float], words: Words = "{:,.0f}".format) -> Plot:
        most = max(values)
        scale = Scale(self._end - KEPT_S, self._end, rounded_up(most))
        points = list(zip(self._at, values, strict=True))
        said = f"now {words(values[-1])}, at most {words(most)}"
        return Plot(
            title=title,
            now=words(values[-1]),
            label=f"{title} over the last hour: {said}",
            top=words(scale.top),
            start=_HOUR_AGO,
            end=_NOW,
            lines=[("line", scale.line(points, _GAP_S))],
        )

    def _columns(
        self,
        title: str,
        said: str,
        width_s: int,
        stacks: Sequence[tuple[float, Mapping[str, float]]],
        words: Words = "{:,.0f}".format,
    ) -> Plot:
        most = max((sum(parts.values()) for _, parts in stacks), default=0)
        scale = Scale(self._end - KEPT_S, self._end, rounded_up(most))
        return Plot(
            title=title,
            now=said,
            label=f"{title} over the last hour: {said}, at most {words(most)}",
            top=words(scale.top),
            start=_HOUR_AGO,
            end=_NOW,
            columns=scale.columns(width_s, stacks),
        )
