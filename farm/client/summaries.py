"""What a probe found, as words for people: a few lines, or one.

All of it was written by strangers, so it goes through ``plain``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from farm.client.output import plain

_Part = Mapping[str, Any]
Row = tuple[str, str]

_LINES_MAX = 20
"""Of tracks, chapters or tags: more is no glance."""
_VALUE_MAX = 200
_FURTHER = ("programs", "packets", "frames", "packets_and_frames")
_ODD = frozenset({"0:1", "1:1"})
_KILO = 1000
_NO_LANGUAGE = "und"
_NO_DISPOSITION = frozenset({"default"})
"""Dispositions that tell nobody anything."""


def rows(report: _Part, stills: Iterable[Path]) -> Iterator[Row]:
    """Yield names and values of one report; of what the file does not say there is no row."""
    summary = report.get("summary") or {}
    many = {
        "audio": [_audio(each) for each in summary.get("audio", ())],
        "subtitles": [_subtitle(each) for each in summary.get("subtitles", ())],
        "chapters": [_chapter(each) for each in summary.get("chapters", ())],
        "tags": [f"{name}: {value}" for name, value in summary.get("tags", {}).items()],
        "further": list(_further(report.get("ffprobe") or {})),
        "stills": [str(path) for path in stills],
    }
    one = {
        "container": _container(summary),
        "duration": _duration_and_seconds(summary.get("duration")),
        "size": _size_and_bytes(summary.get("size")),
        "bit rate": _bit_rate(summary.get("bit_rate")),
        "video": _video(video) if (video := summary.get("video")) else "",
        "cover": "yes" if summary.get("has_cover") else "",
    }
    for name, value in one.items():
        yield from _named(name, [value] if value else [])
    for name, values in many.items():
        yield from _named(name, values)


def cells(report: _Part, source: str) -> Sequence[str]:
    """Return container, duration, video and audio, each in a few characters."""
    summary = report.get("summary") or {}
    names = str(summary.get("format_name") or "-").split(",")
    suffix = Path(source).suffix.lower().removeprefix(".")
    video, audio = summary.get("video") or {}, summary.get("audio") or []
    found = (
        suffix if suffix in names else names[0],
        _duration(summary.get("duration")) or "-",
        _joined(" ", video.get("codec_name"), _dimensions(video)) if video else "-",
        _first_audio(audio) if audio else "-",
    )
    return [plain(cell) for cell in found]


def _named(name: str, values: Sequence[str]) -> Iterator[Row]:
    for number, value in enumerate(values[:_LINES_MAX]):
        shown = value if len(value) <= _VALUE_MAX else f"{value[:_VALUE_MAX]}…"
        yield "" if number else name, plain(shown)
    if len(values) > _LINES_MAX:
        yield "", f"… and {len(values) - _LINES_MAX:,} more; --json has them"


def _container(summary: _Part) -> str:
    name, words = summary.get("format_name"), summary.get("format_long_name")
    return f"{words} ({name})" if words and name else str(words or name or "")


def _video(video: _Part) -> str:
    aspect, depth = video.get("display_aspect_ratio"), video.get("bit_depth")
    width, height = video.get("width"), video.get("height")
    rate, frames = video.get("avg_frame_rate"), video.get("nb_frames")
    rotation = video.get("rotation")
    return _joined(
        ", ",
        _codec(video),
        width and height and f"{width}x{height}",
        aspect and aspect not in _ODD and aspect,
        rate and f"{rate:.5g} fps",
        frames and f"{frames:,} frames",
        depth and f"{depth} bit",
        video.get("pix_fmt"),
        video.get("hdr"),
        rotation and f"rotated {rotation}°",
        _bit_rate(video.get("bit_rate")),
        *_about(video),
    )


def _audio(audio: _Part) -> str:
    rate = audio.get("sample_rate")
    return _joined(
        ", ",
        _codec(audio),
        _channels(audio),
        rate and f"{rate:,} Hz",
        _bit_rate(audio.get("bit_rate")),
        *_about(audio),
    )


def _subtitle(subtitle: _Part) -> str:
    return _joined(", ", _codec(subtitle), *_about(subtitle))


def _chapter(chapter: _Part) -> str:
    return _joined("  ", _duration(chapter.get("start_time")), chapter.get("title"))


def _codec(stream: _Part) -> str:
    name, profile = stream.get("codec_name") or "unknown", stream.get("profile")
    return f"{name} ({profile})" if profile and profile != "unknown" else str(name)


def _about(stream: _Part) -> Iterator[str | None]:
    """Yield what sets the stream apart from others of its sort."""
    language, title = stream.get("language"), stream.get("title")
    yield language if language != _NO_LANGUAGE else None
    yield title and f'"{title}"'
    yield from (each for each in stream.get("disposition", ()) if each not in _NO_DISPOSITION)


def _channels(audio: _Part) -> str:
    channels, layout = audio.get("channels"), audio.get("channel_layout")
    if not channels:
        return str(layout or "")
    return _joined(" ", f"{channels} ch", layout and f"({layout})")


def _first_audio(audio: Sequence[_Part]) -> str:
    channels = audio[0].get("channels")
    more = f"+{len(audio) - 1}" if len(audio) > 1 else ""
    return _joined(" ", audio[0].get("codec_name"), channels and f"{channels}ch", more)


def _dimensions(video: _Part) -> str:
    width, height, rate = (video.get(name) for name in ("width", "height", "avg_frame_rate"))
    size = f"{width}x{height}" if width and height else ""
    return f"{size}@{rate:.4g}" if size and rate else size


def _further(found: _Part) -> Iterator[str]:
    """Yield what was asked for and has no place in a table."""
    for name in _FURTHER:
        if found.get(name):
            yield f"{len(found[name]):,} {name.replace('_', ' ')}; --json has them"


def _duration_and_seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{_duration(seconds)} ({seconds:,.3f} s)"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def _size_and_bytes(size_bytes: int | None) -> str:
    if size_bytes is None:
        return ""
    size: float = size_bytes
    unit = ""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):  # noqa: B007 - the one that fits is used below
        if size < _KILO:
            break
        size /= _KILO
    exact = f"{size_bytes:,} bytes"
    return exact if unit == "bytes" else f"{size:.1f} {unit} ({exact})"


def _bit_rate(bits_per_s: int | None) -> str:
    return f"{round(bits_per_s / _KILO):,} kb/s" if bits_per_s else ""


def _joined(between: str, *parts: object) -> str:
    return between.join(str(part) for part in parts if part)
