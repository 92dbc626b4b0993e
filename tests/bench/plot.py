"""The figures as one picture: how far the farm is from each reference, with the spread."""

import math
import statistics
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from tests.bench.figures import Figure

_LEFT, _WIDTH, _ROW, _TOP = 620, 930, 22, 46
"""Pixels; the first is where the reference is."""
_SCALE = 130
"""Pixels for a factor of ten."""
_SPAN = (0.1, 100.0)
_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
_GOOD, _BAD, _GREY = "#2a7f3f", "#b4442c", "#888"
_STYLE = "text{font:12px sans-serif;fill:#888}"


def svg(items: Mapping[str, Sequence[Figure]]) -> str:
    """Return an SVG: a line for each figure, from the reference (1) to the farm."""
    figures = [(name, each) for name, of_item in items.items() for each in of_item]
    height = _TOP + _ROW * len(figures) + 10
    size = f'width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{_STYLE}</style>',
        f'<text x="{_LEFT}" y="16">farm / reference; green: on the better side, or level</text>',
    ]
    for tick in _TICKS:
        x, colour = _x(tick), _GREY if tick == 1 else "#8884"
        parts.append(
            f'<text x="{x}" y="36" text-anchor="middle">{tick:g}</text>'
            f'<path d="M{x} 42V{height - 6}" stroke="{colour}"/>'
        )
    for number, (name, figure) in enumerate(figures):
        parts.append(_line(_TOP + _ROW * number + _ROW // 2, name, figure))
    return "\n".join([*parts, "</svg>\n"])


def _line(y: int, name: str, figure: Figure) -> str:
    ratios = figure.ratios
    median, low, high = statistics.median(ratios), min(ratios), max(ratios)
    is_good = median >= 1 if figure.better == "more" else median <= 1
    colour = _GOOD if is_good else _BAD
    left, right = sorted((_x(1), _x(median)))
    return (
        f'<text x="{_LEFT - 145}" y="{y + 4}" text-anchor="end">'
        f"{escape(f'{name}: {figure.what}')}</text>"
        f'<rect x="{left}" y="{y - 6}" width="{max(right - left, 1)}" height="12" '
        f'fill="{colour}" opacity=".55"/>'
        f'<path d="M{_x(low)} {y}H{_x(high)}M{_x(median)} {y - 8}V{y + 8}" stroke="{colour}" '
        f'stroke-width="2"/>'
    )


def _x(ratio: float) -> int:
    """Return where on the logarithmic scale the ratio is; beyond its ends, at the end."""
    return round(_LEFT + _SCALE * math.log10(min(max(ratio, _SPAN[0]), _SPAN[1])))
