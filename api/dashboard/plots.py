"""Plots as the templates draw them: no script, and no text inside that would be stretched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

WIDTH, HEIGHT = 600, 120
"""Of a plot in its own units; it is as wide as there is room."""
_STEPS = (1, 2, 5, 10)

Point = tuple[float, float]


@dataclass(frozen=True)
class Column:
    """One part of a column."""

    name: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Plot:
    """One plot, with what is written around it."""

    title: str
    now: str
    """The newest value, in words."""
    label: str
    """What it shows, for who does not see it."""
    top: str
    """What its upper edge stands for."""
    start: str
    end: str
    lines: Sequence[tuple[str, str]] = ()
    """Name and path of each."""
    columns: Sequence[Column] = ()


@dataclass(frozen=True)
class Scale:
    """From values to places in a plot; its lower edge is 0."""

    first: float
    last: float
    top: float

    def x(self, value: float) -> float:
        """Return how far to the right ``value`` is."""
        return round((value - self.first) / ((self.last - self.first) or 1) * WIDTH, 1)

    def y(self, value: float) -> float:
        """Return how far down ``value`` is."""
        return round(HEIGHT - min(value / self.top, 1.0) * HEIGHT, 1)

    def line(self, points: Sequence[Point], gap: float = float("inf")) -> str:
        """Return the path through ``points``, broken where two are more than ``gap`` apart."""
        path = [f"M{self.x(x)} {self.y(y)}" for x, y in points[:1]]
        for (before, _), (x, y) in pairwise(points):
            path.append(f"{'M' if x - before > gap else 'L'}{self.x(x)} {self.y(y)}")
        return "".join(path)

    def columns(
        self, width: float, stacks: Sequence[tuple[float, Mapping[str, float]]]
    ) -> list[Column]:
        """Return columns that are ``width`` wide, each from where it begins and of named parts."""
        found = []
        for x, parts in stacks:
            reached = 0.0
            for name, amount in parts.items():
                top, bottom = self.y(reached + amount), self.y(reached)
                reached += amount
                wide = self.x(x + width) - self.x(x)
                if bottom > top:
                    found.append(
                        Column(name, self.x(x), top, round(wide * 0.85, 1), round(bottom - top, 1))
                    )
        return found


def rounded_up(value: float) -> float:
    """Return the next of 1, 2, 5, 10, 20 … that is no less than ``value``."""
    value, power = round(value, 6), 1.0  # What was worked out may be a hair above.
    while value > _STEPS[-1] * power:
        power *= 10
    return next(step * power for step in _STEPS if step * power >= value)
