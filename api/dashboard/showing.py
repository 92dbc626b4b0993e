"""Jobs, batches and media as the templates show them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.dashboard.words import size, span
from api.pictures import PICTURES, SMALL_ONES, picture_of, title_of
from farm.jobs.models import Artifact, Job
from farm.jobs.views import JobView

_SECOND_MS = 1000
_SCALE = 1000
"""Width of a bar in its own units."""
_STILL = "still-"
_TAGS_MAX = 20
_UNKNOWN = "—"


@dataclass(frozen=True)
class Card:
    """A job at one glance."""

    job: Job

    @property
    def title(self) -> str:
        """As the page has it: hostile."""
        return title_of(self.job)

    @property
    def picture(self) -> str | None:
        """Address of a picture on the farm; ``None`` if it made none."""
        found = picture_of(self.job)
        return None if found is None else _address(self.job, found)

    @property
    def http_status(self) -> object:
        """Of the page, if it had one."""
        return (self.job.report or {}).get("http_status")

    @property
    def final_url(self) -> str | None:
        """Where the page was in the end, as far as that is told."""
        found = (self.job.report or {}).get("final_url")
        return found if isinstance(found, str) else self.job.spec.url

    @property
    def took_s(self) -> float | None:
        """Seconds from its start to its end."""
        if self.job.started_at is None or self.job.finished_at is None:
            return None
        return (self.job.finished_at - self.job.started_at).total_seconds()


@dataclass(frozen=True)
class Part:
    """A piece of a bar."""

    name: str
    said: str
    x: float
    width: float


def bar(amounts: Sequence[tuple[str, float, str]]) -> list[Part]:
    """Return a bar of ``_SCALE`` units: name, amount and what to say of each piece."""
    total = sum(amount for _, amount, _ in amounts) or 1
    parts, x = [], 0.0
    for name, amount, said in amounts:
        width = round(amount / total * _SCALE, 1)
        parts.append(Part(name, said, round(x, 1), width))
        x += width
    return parts


def timings(job: Job) -> list[Part]:
    """Return where the time of the job went, from the queue on."""
    found = (job.report or {}).get("timings_ms")
    stages = dict(found) if isinstance(found, Mapping) else {}
    if "queue" not in stages and job.started_at is not None:
        waited_ms = (job.started_at - job.queued_at).total_seconds() * _SECOND_MS
        stages = {"queue": max(0, round(waited_ms)), **stages}
    known = [(str(name), ms) for name, ms in stages.items() if isinstance(ms, int | float)]
    return bar([(name, ms, span(ms / _SECOND_MS)) for name, ms in known])


@dataclass(frozen=True)
class Media:
    """What a probe found, for people. All of it is of strangers."""

    facts: Sequence[tuple[str, str]]
    streams: Sequence[Sequence[str]]
    """Number, sort, codec, what it is like, language, bit rate."""
    chapters: Sequence[tuple[str, str]]
    tags: Sequence[tuple[str, str]]


def media(job: Job) -> Media | None:
    """Return what the probe of ``job`` found; ``None`` if it is none, or has not ended well."""
    summary = (job.report or {}).get("summary")
    if job.kind != "probe" or not isinstance(summary, Mapping):
        return None
    tags = summary.get("tags") or {}
    return Media(
        facts=[(name, text) for name, text in _facts(summary) if text],
        streams=list(_streams(summary)),
        chapters=[
            (span(each.get("start_time") or 0), str(each.get("title") or _UNKNOWN))
            for each in (summary.get("chapters") or ())[:_TAGS_MAX]
        ],
        tags=[(str(name), str(text)) for name, text in list(tags.items())[:_TAGS_MAX]],
    )


def pictures(job: Job) -> list[tuple[str, str]]:
    """Return names and addresses of all its pictures but the stills."""
    found = [each for each in job.artifacts if each.media_type in PICTURES]
    return [(each.name, _address(job, each)) for each in found if not _is_still(each)]


def shot(job: Job) -> str | None:
    """Return the address of the picture that it was to take; ``None`` if there is none."""
    found = [url for name, url in pictures(job) if name not in SMALL_ONES]
    return next(iter(found), None)


def stills(job: Job) -> list[tuple[str, str]]:
    """Return names and addresses of the stills of a probe."""
    return [(each.name, _address(job, each)) for each in job.artifacts if _is_still(each)]


def facts(job: Job) -> list[tuple[str, str]]:
    """Return what the report says in single words and numbers, of a page."""
    left_out = {"title", "final_url", "http_status"}
    return [
        (name.replace("_", " "), _plain(value))
        for name, value in (job.report or {}).items()
        if name not in left_out and isinstance(value, str | int | float) and value is not False
    ]


def asked(view: JobView) -> list[tuple[str, str]]:
    """Return what the job's spec asks for beside its address, secrets hidden."""
    return [(name, _plain(value)) for name, value in view.spec.items() if name != "url"]


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _address(job: Job, artifact: Artifact) -> str:
    return f"/v1/jobs/{job.id}/artifacts/{artifact.name}"


def _is_still(artifact: Artifact) -> bool:
    return artifact.name.startswith(_STILL) and artifact.media_type in PICTURES


def _facts(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "container", str(summary.get("format_long_name") or summary.get("format_name") or "")
    yield "duration", _seconds(summary.get("duration"))
    yield "size", size(summary["size"]) if summary.get("size") else ""
    yield "bit rate", _bit_rate(summary.get("bit_rate"))
    yield "cover", "yes" if summary.get("has_cover") else ""


def _streams(summary: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    video = summary.get("video")
    for sort, found in (
        ("video", [video] if video else []),
        ("audio", summary.get("audio") or []),
        ("subtitle", summary.get("subtitles") or []),
    ):
        for each in found:
            codec = " ".join(
                str(each[part]) for part in ("codec_name", "profile") if each.get(part)
            )
            yield (
                str(each.get("index", _UNKNOWN)),
                sort,
                codec or _UNKNOWN,
                _like(each) or _UNKNOWN,
                str(each.get("language") or _UNKNOWN),
                _bit_rate(each.get("bit_rate")) or _UNKNOWN,
            )


def _like(stream: Mapping[str, Any]) -> str:
    found = [
        f"{stream['width']}x{stream.get('height')}" if stream.get("width") else "",
        f"{stream['avg_frame_rate']:.5g} fps" if stream.get("avg_frame_rate") else "",
        str(stream.get("pix_fmt") or ""),
        str(stream.get("hdr") or ""),
        str(stream.get("channel_layout") or "") or _channels(stream),
        f"{stream['sample_rate']:,} Hz" if stream.get("sample_rate") else "",
    ]
    return ", ".join(part for part in found if part)


def _channels(stream: Mapping[str, Any]) -> str:
    return f"{stream['channels']} channels" if stream.get("channels") else ""


def _bit_rate(bits_per_s: float | None) -> str:
    return f"{bits_per_s / _SECOND_MS:,.0f} kb/s" if bits_per_s else ""


def _seconds(seconds: float | None) -> str:
    if not seconds:
        return ""
    minutes, left = divmod(seconds, 60)
    return f"{int(minutes)}:{left:05.2f}" if minutes else f"{left:.2f} s"
