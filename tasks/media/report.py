"""The typed summary beside ffprobe's own JSON.

Names are ffprobe's (https://ffmpeg.org/ffprobe.html); its numbers, which it writes
as text, are numbers here. ``None`` means that the file does not say.
"""

import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field

Hdr = Literal["HDR10", "HLG", "Dolby Vision"]

_BITS = re.compile(r"(?:p[024]?|f|gray|xyz|xv|y2|ya|ayuv|rgba?|bgra?)(9|1[0246]|32|48|64)(?:le|be)")
_PER_COMPONENT = {"48": 16, "64": 16}
_ODD_BITS = {"monow": 1, "monob": 1, "nv20le": 10, "nv20be": 10}
_RATE_DIGITS = 6
_RIGHT_ANGLE = 90
_TURN = 360


class StreamSummary(BaseModel):
    """What every stream has."""

    index: Annotated[int | None, Field(description="Number of the stream in the file.")]
    codec_name: Annotated[str | None, Field(description="As ffprobe calls it.")]
    profile: Annotated[str | None, Field(description="Of the codec.")]
    bit_rate: Annotated[int | None, Field(description="Bits per second.")]
    duration: Annotated[float | None, Field(description="Seconds.")]
    language: Annotated[str | None, Field(description="As the file's tag has it, often ISO 639-2.")]
    title: Annotated[str | None, Field(description="The stream's own.")]
    disposition: Annotated[list[str], Field(description="What holds of it, as `default`.")]


class VideoSummary(StreamSummary):
    """The first video stream that is no cover picture."""

    width: Annotated[int | None, Field(description="Pixels, before rotation.")]
    height: Annotated[int | None, Field(description="Pixels, before rotation.")]
    display_aspect_ratio: Annotated[str | None, Field(description="As `16:9`.")]
    rotation: Annotated[
        int, Field(description="Degrees clockwise by which a player turns it: 0, 90, 180, 270.")
    ]
    avg_frame_rate: Annotated[float | None, Field(description="Frames per second.")]
    avg_frame_rate_rational: Annotated[str | None, Field(description="As `30000/1001`.")]
    nb_frames: Annotated[
        int | None, Field(description="Frames: counted with count_frames, else as the file says.")
    ]
    pix_fmt: Annotated[str | None, Field(description="Pixel format.")]
    bit_depth: Annotated[int | None, Field(description="Bits of each component.")]
    color_range: Annotated[str | None, Field(description="`tv` or `pc`.")]
    color_space: Annotated[str | None, Field(description="The matrix.")]
    color_primaries: Annotated[str | None, Field(description="The primaries.")]
    color_transfer: Annotated[str | None, Field(description="The transfer function.")]
    hdr: Annotated[
        Hdr | None, Field(description="`HDR10`, `HLG` or `Dolby Vision`; null: none of them.")
    ]


class AudioSummary(StreamSummary):
    """One audio stream."""

    channels: Annotated[int | None, Field(description="How many.")]
    channel_layout: Annotated[str | None, Field(description="As `5.1`.")]
    sample_rate: Annotated[int | None, Field(description="Samples per second.")]


class SubtitleSummary(StreamSummary):
    """One subtitle stream."""


class ChapterSummary(BaseModel):
    """One chapter."""

    start_time: Annotated[float | None, Field(description="Seconds.")]
    end_time: Annotated[float | None, Field(description="Seconds.")]
    title: Annotated[str | None, Field(description="Its title.")]


class Summary(BaseModel):
    """A file at one glance."""

    format_name: Annotated[str | None, Field(description="Names of the container's family.")]
    format_long_name: Annotated[str | None, Field(description="The same in words.")]
    duration: Annotated[float | None, Field(description="Seconds.")]
    start_time: Annotated[
        float | None, Field(description="Seconds at which its own clock begins, often 0.")
    ]
    size: Annotated[int | None, Field(description="Bytes.")]
    bit_rate: Annotated[int | None, Field(description="Bits per second, over all streams.")]
    has_cover: Annotated[bool, Field(description="Whether there is a cover picture.")]
    video: Annotated[VideoSummary | None, Field(description="The first that is no cover.")]
    audio: Annotated[list[AudioSummary], Field(description="Each audio stream.")]
    subtitles: Annotated[list[SubtitleSummary], Field(description="Each subtitle stream.")]
    chapters: Annotated[list[ChapterSummary], Field(description="Each chapter.")]
    tags: Annotated[dict[str, str], Field(description="The file's tags, as it has them.")]

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Self:
        """Return the summary of ``found``, ffprobe's JSON; of what it lacks nothing is said."""
        container = found.get("format", {})
        streams = found.get("streams", [])
        videos = [each for each in streams if each.get("codec_type") == "video"]
        pictures = [each for each in videos if _has(each, "attached_pic")]
        films = [each for each in videos if not _has(each, "attached_pic")]
        return cls(
            format_name=container.get("format_name"),
            format_long_name=container.get("format_long_name"),
            duration=_number(container.get("duration")),
            start_time=_number(container.get("start_time")),
            size=_whole(container.get("size")),
            bit_rate=_whole(container.get("bit_rate")),
            has_cover=bool(pictures),
            video=_video(films[0]) if films else None,
            audio=[_audio(each) for each in streams if each.get("codec_type") == "audio"],
            subtitles=[
                SubtitleSummary(**_stream(each))
                for each in streams
                if each.get("codec_type") == "subtitle"
            ],
            chapters=[_chapter(each) for each in found.get("chapters", [])],
            tags=_tags(container),
        )


def _stream(stream: Mapping[str, Any]) -> dict[str, Any]:
    tags = _tags(stream)
    return {
        "index": stream.get("index"),
        "codec_name": stream.get("codec_name"),
        "profile": _text(stream.get("profile")),
        "bit_rate": _whole(stream.get("bit_rate")),
        "duration": _number(stream.get("duration")),
        "language": tags.get("language"),
        "title": tags.get("title"),
        "disposition": [name for name, on in stream.get("disposition", {}).items() if on],
    }


def _video(stream: Mapping[str, Any]) -> VideoSummary:
    rate = stream.get("avg_frame_rate")
    return VideoSummary(
        **_stream(stream),
        width=stream.get("width") or None,
        height=stream.get("height") or None,
        display_aspect_ratio=stream.get("display_aspect_ratio"),
        rotation=_rotation(stream),
        avg_frame_rate=_rate(rate),
        avg_frame_rate_rational=None if _rate(rate) is None else rate,
        nb_frames=_whole(stream.get("nb_read_frames") or stream.get("nb_frames")),
        pix_fmt=stream.get("pix_fmt"),
        bit_depth=_bit_depth(stream),
        color_range=stream.get("color_range"),
        color_space=stream.get("color_space"),
        color_primaries=stream.get("color_primaries"),
        color_transfer=stream.get("color_transfer"),
        hdr=_hdr(stream),
    )


def _audio(stream: Mapping[str, Any]) -> AudioSummary:
    return AudioSummary(
        **_stream(stream),
        channels=stream.get("channels") or None,
        channel_layout=stream.get("channel_layout"),
        sample_rate=_whole(stream.get("sample_rate")) or None,
    )


def _chapter(chapter: Mapping[str, Any]) -> ChapterSummary:
    return ChapterSummary(
        start_time=_number(chapter.get("start_time")),
        end_time=_number(chapter.get("end_time")),
        title=_tags(chapter).get("title"),
    )


def _has(stream: Mapping[str, Any], disposition: str) -> bool:
    return bool(stream.get("disposition", {}).get(disposition))


def _tags(part: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in part.get("tags", {}).items()}


def _side_data(stream: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = stream.get("side_data_list", [])
    return found


def _rotation(stream: Mapping[str, Any]) -> int:
    """Return the clockwise turn; a display matrix counts the other way round."""
    for each in _side_data(stream):
        if "rotation" in each:
            return _right_angle(-(_number(each["rotation"]) or 0))
    return _right_angle(_number(_tags(stream).get("rotate")) or 0)


def _right_angle(degrees: float) -> int:
    # A matrix that is none has a turn of any size.
    return round(degrees / _RIGHT_ANGLE) * _RIGHT_ANGLE % _TURN if abs(degrees) <= _TURN else 0


def _bit_depth(stream: Mapping[str, Any]) -> int | None:
    said = _whole(stream.get("bits_per_raw_sample"))
    pix_fmt = stream.get("pix_fmt")
    if said or pix_fmt is None:
        return said or None
    match = _BITS.search(pix_fmt)
    if match is None:
        return _ODD_BITS.get(pix_fmt, 8)
    return _PER_COMPONENT.get(match[1]) or int(match[1])


def _hdr(stream: Mapping[str, Any]) -> Hdr | None:
    if any(each.get("side_data_type", "").startswith("DOVI") for each in _side_data(stream)):
        return "Dolby Vision"
    by_transfer: Mapping[str | None, Hdr] = {"smpte2084": "HDR10", "arib-std-b67": "HLG"}
    return by_transfer.get(stream.get("color_transfer"))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _number(text: str | float | None) -> float | None:
    try:
        number = None if text is None else float(text)
    except ValueError:
        return None  # "N/A"
    return number if number is not None and math.isfinite(number) else None


def _whole(text: str | float | None) -> int | None:
    number = _number(text)
    return None if number is None else round(number)


def _rate(text: str | None) -> float | None:
    try:
        return None if text is None else round(float(Fraction(text)), _RATE_DIGITS)
    except (ValueError, ZeroDivisionError):
        return None  # "0/0": no rate, as for a cover picture
