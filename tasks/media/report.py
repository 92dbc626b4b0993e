"""The typed summary beside ffprobe's own JSON.

Names are ffprobe's (https://ffmpeg.org/ffprobe.html); its numbers, which it writes
as text, are numbers here. ``None`` means that the file does not say.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Self

from pydantic import BaseModel


class VideoSummary(BaseModel):
    """The first video stream."""

    codec_name: str | None
    width: int | None
    """Coded size in pixels."""
    height: int | None
    avg_frame_rate: float | None
    """Frames per second."""
    pix_fmt: str | None


class AudioSummary(BaseModel):
    """One audio stream."""

    codec_name: str | None
    channels: int | None
    sample_rate: int | None
    """Samples per second."""


class Summary(BaseModel):
    """A file at one glance."""

    format_name: str | None
    duration: float | None
    """Seconds."""
    size: int | None
    """Bytes."""
    bit_rate: int | None
    """Bits per second, over all streams."""
    video: VideoSummary | None
    audio: list[AudioSummary]

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Self:
        """Return the summary of ``found``, ffprobe's JSON with format and streams."""
        container = found.get("format", {})
        streams = found.get("streams", [])
        videos = [stream for stream in streams if stream.get("codec_type") == "video"]
        return cls(
            format_name=container.get("format_name"),
            duration=_number(container.get("duration")),
            size=_whole(container.get("size")),
            bit_rate=_whole(container.get("bit_rate")),
            video=_video(videos[0]) if videos else None,
            audio=[_audio(stream) for stream in streams if stream.get("codec_type") == "audio"],
        )


def _video(stream: Mapping[str, Any]) -> VideoSummary:
    return VideoSummary(
        codec_name=stream.get("codec_name"),
        width=stream.get("width"),
        height=stream.get("height"),
        avg_frame_rate=_rate(stream.get("avg_frame_rate")),
        pix_fmt=stream.get("pix_fmt"),
    )


def _audio(stream: Mapping[str, Any]) -> AudioSummary:
    return AudioSummary(
        codec_name=stream.get("codec_name"),
        channels=stream.get("channels"),
        sample_rate=_whole(stream.get("sample_rate")),
    )


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None  # "N/A"


def _whole(text: str | None) -> int | None:
    number = _number(text)
    return None if number is None else round(number)


def _rate(text: str | None) -> float | None:
    try:
        return None if text is None else round(float(Fraction(text)), 6)
    except (ValueError, ZeroDivisionError):
        return None  # "0/0": no rate, as for a cover picture
