"""A batch's way so far, and the rest of it at today's rate, as plots."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta

from api.dashboard.plots import Plot, Point, Scale, rounded_up
from api.dashboard.words import span
from farm.jobs.batches.views import BatchView

MILESTONES = 60
"""Ends of jobs that a plot is made of; each is one record to read."""
_COLUMNS = 30
_MINUTE_S = 60


def plots(
    view: BatchView, milestones: Sequence[tuple[int, datetime]], now: datetime
) -> Sequence[Plot]:
    """Return how many jobs had ended, and how many did in a minute; none before any has."""
    if not milestones:
        return ()
    begun = view.created_at.timestamp()
    points = [(0.0, 0.0), *((at.timestamp() - begun, float(done)) for done, at in milestones)]
    present = max(points[-1][0], ((view.finished_at or now).timestamp() - begun))
    if view.finished_at is None:
        points.append((present, points[-1][1]))
    return _progress(view, points), _rate(view, points)


def _progress(view: BatchView, points: Sequence[Point]) -> Plot:
    present, done = points[-1]
    ahead = [points[-1], (present + view.eta_s, float(view.total))] if view.eta_s else []
    scale = Scale(0, ahead[-1][0] if ahead else present, max(view.total, 1))
    said = f"{done:,.0f} of {view.total:,}"
    rest = f", the rest in {span(view.eta_s or 0)}" if ahead else ""
    lines = [("line", scale.line(points)), *([("ahead", scale.line(ahead))] if ahead else [])]
    return Plot(
        title="Ended jobs",
        now=said,
        label=f"Ended jobs since the batch was submitted: {said} after {span(present)}{rest}",
        top=f"{view.total:,}",
        start="submitted",
        end=f"{_end(view, scale.last)}",
        lines=lines,
    )


def _rate(view: BatchView, points: Sequence[Point]) -> Plot:
    present, width_s = points[-1][0], (points[-1][0] or 1) / _COLUMNS
    edges = [number * width_s for number in range(_COLUMNS + 1)]
    done = [_done_at(points, edge) for edge in edges]
    rates = [max(0.0, (done[i + 1] - done[i]) / width_s * _MINUTE_S) for i in range(_COLUMNS)]
    scale = Scale(0, present or 1, rounded_up(max(rates)))
    said = f"{view.rate_per_min:g} in the last"
    return Plot(
        title="Jobs a minute",
        now=said,
        label=f"Jobs that ended in a minute: {said}, at most {max(rates):,.0f}",
        top=f"{scale.top:,.0f}",
        start="submitted",
        end=_end(view, present),
        columns=scale.columns(
            width_s, [(edges[i], {"running": rate}) for i, rate in enumerate(rates)]
        ),
    )


def _end(view: BatchView, after_s: float) -> str:
    at = view.created_at + timedelta(seconds=after_s)
    return f"{at:%H:%M:%S}, after {span(after_s)}"


def _done_at(points: Sequence[Point], at: float) -> float:
    """Return how many jobs had ended by then; between two points as if they did so evenly."""
    i = bisect_right(points, (at, float("inf")))
    if i >= len(points):
        return points[-1][1]
    (x, y), (later, more) = points[max(0, i - 1)], points[i]
    return y + (more - y) * (at - x) / ((later - x) or 1)
