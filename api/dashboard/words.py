"""Numbers and times as people read them."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

_KIBI = 1024
_SECOND_MS = 1000
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400
_FEW_S = 10


def size(size_bytes: float) -> str:
    """Return bytes as ``48 KiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size_bytes < _KIBI or unit == "GiB":
            break
        size_bytes /= _KIBI
    return f"{size_bytes:.0f} {unit}" if unit in {"B", "KiB"} else f"{size_bytes:.1f} {unit}"


def span(seconds: float) -> str:
    """Return a length of time as ``210 ms``, ``4.2 s``, ``3 min`` or ``2 h 5 min``."""
    if seconds < 1:
        return f"{seconds * _SECOND_MS:.0f} ms"
    if seconds < _FEW_S:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min"
    if whole < _DAY_S:
        return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S} min"
    return f"{whole // _DAY_S} d"


def ago(seconds: float) -> str:
    """Return how long ago that was, in minutes: a page that is read again is mostly the same."""
    if seconds < _MINUTE_S:
        return "just now"
    return f"{span(seconds)} ago"


def moment(at: datetime) -> str:
    """Return the time for people: UTC to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


FILTERS: Mapping[str, Callable[..., str]] = {
    "size": size,
    "span": span,
    "ago": ago,
    "moment": moment,
}
