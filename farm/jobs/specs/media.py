"""The kind ``probe``: names and units are ffprobe's (https://ffmpeg.org/ffprobe.html)."""

import re
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from farm.jobs.specs.access import (
    HEADERS_MAX,
    HeaderName,
    HeaderValue,
    check_header_names,
)
from farm.jobs.specs.base import (
    LISTED,
    WRITE_ONLY,
    JobOptions,
    Model,
    OptionGroup,
    Rules,
    Url,
    given,
    mistake,
)

PROBE_TIMEOUT_MAX_MS = 300_000
"""Probing a slow server's large file may take longer than a page."""

Section = Literal["format", "streams", "chapters", "programs", "packets", "frames"]

_SECTION = r"[a-z_]+(?:=[A-Za-z0-9_.-]+(?:,[A-Za-z0-9_.-]+)*)?"
_ENTRIES = re.compile(rf"{_SECTION}(?::{_SECTION})*", re.ASCII)
_ENTRY_SECTIONS = frozenset(
    {
        *("format", "format_tags"),
        *("streams", "stream", "stream_tags", "stream_disposition"),
        *("stream_side_data_list", "stream_side_data"),
        *("chapters", "chapter", "chapter_tags"),
        *("programs", "program", "program_tags", "program_streams", "program_stream"),
        *("program_stream_tags", "program_stream_disposition"),
        *("packets", "packet", "packet_tags", "packet_side_data_list", "packet_side_data"),
        *("frames", "frame", "frame_tags", "frame_side_data_list", "frame_side_data"),
        *("tags", "disposition", "side_data_list", "side_data"),
    }
)
"""Of ``ffprobe -sections`` what tells of the file, and not of ffprobe."""
_READ_IN_PART = ("packet", "frame")
"""How the sections begin for which the file's packets are read."""
_STREAMS = re.compile(r"(?:[vVasdt](?::[0-9]{1,3})?|[0-9]{1,3})", re.ASCII)
_TIME = r"\+?[0-9]{1,9}(?:\.[0-9]{1,6})?"
_INTERVALS = re.compile(rf"(?:{_TIME})?(?:%(?:{_TIME}|\+#[0-9]{{1,6}})?)?", re.ASCII)
_INTERVALS_MAX = 20


def _check_entries(value: str) -> str:
    if not _ENTRIES.fullmatch(value):
        raise PydanticCustomError(
            "show_entries", "must be like format=duration:stream=codec_name,width"
        )
    for section in _named(value):
        if section not in _ENTRY_SECTIONS:
            raise PydanticCustomError(
                "show_entries", "has no section {section}", {"section": section}
            )
    return value


def _named(entries: str) -> Sequence[str]:
    return [part.partition("=")[0] for part in entries.split(":")]


def _check_streams(value: str) -> str:
    if not _STREAMS.fullmatch(value):
        raise PydanticCustomError("select_streams", "must be like v, a:1 or 3")
    return value


def _check_intervals(value: str) -> str:
    parts = value.split(",")
    are_good = all(part and _INTERVALS.fullmatch(part) for part in parts)
    if len(parts) > _INTERVALS_MAX or not are_good:
        raise PydanticCustomError("read_intervals", "must be like 10%+20, %+#50 or 5%15")
    return value


Entries = Annotated[str, AfterValidator(_check_entries)]
Streams = Annotated[str, AfterValidator(_check_streams)]
Intervals = Annotated[str, AfterValidator(_check_intervals)]


class Media(OptionGroup):
    """The media file."""

    schema_rules: ClassVar[Rules] = ({"oneOf": [given("url"), given("upload_id")]},)

    url: Annotated[
        Url | None,
        Field(
            description="Absolute http or https URL. Either this or upload_id.",
            examples=["https://example.com/clip.mp4"],
        ),
    ] = None
    upload_id: Annotated[
        str | None,
        Field(
            max_length=64,
            description="From POST /v1/uploads. Either this or url.",
            examples=["f0j1TkVVImTjxcyauF2QFg"],
        ),
    ] = None
    headers: Annotated[
        dict[HeaderName, HeaderValue] | None,
        Field(
            max_length=HEADERS_MAX,
            description="Headers to send to the URL's own origin; not to where it redirects.",
            examples=[{"Authorization": "Bearer secret"}],
            json_schema_extra=dict(WRITE_ONLY),
        ),
    ] = None
    user_agent: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=512,
            pattern=r"^[\x20-\x7e]+$",
            description="Who to be for the server. null: ffprobe's own.",
            examples=["ExampleBot/1.0"],
        ),
    ] = None
    timeout: Annotated[
        int,
        Field(
            ge=1000,
            le=PROBE_TIMEOUT_MAX_MS,
            description="Milliseconds for the whole job.",
            examples=[60_000],
        ),
    ] = 30_000

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        if (self.url is None) == (self.upload_id is None):
            raise mistake("url", "give exactly one of url and upload_id")
        for field in ("headers", "user_agent"):
            if self.url is None and getattr(self, field):
                raise mistake(field, "needs a url")
        check_header_names("headers", self.headers or {})
        return self


class Reading(OptionGroup):
    """What is read of it."""

    sections: Annotated[
        tuple[Section, ...],
        LISTED,
        Field(
            min_length=1,
            max_length=6,
            description="Parts of ffprobe's report; of packets and frames see frame_limit.",
            examples=[["format", "streams", "frames"]],
        ),
    ] = ("format", "streams", "chapters")
    show_entries: Annotated[
        Entries | None,
        Field(
            max_length=512,
            description="Only these entries, in ffprobe's words, instead of sections.",
            examples=["format=duration:stream=codec_name,width,height"],
        ),
    ] = None
    select_streams: Annotated[
        Streams | None,
        Field(
            max_length=16,
            description="Only these streams: `v`, `a:1`, `3`. The summary has them alone, too.",
            examples=["a:0"],
        ),
    ] = None
    count_frames: Annotated[
        bool,
        Field(
            description="Count the frames of each stream by decoding all of it: slow.",
            examples=[True],
        ),
    ] = False
    read_intervals: Annotated[
        Intervals | None,
        Field(
            max_length=512,
            description="What of the file packets and frames are read from, in seconds or frames. "
            "null: the first frame_limit packets.",
            examples=["10%+5", "%+#50"],
        ),
    ] = None
    frame_limit: Annotated[
        int,
        Field(
            ge=1,
            le=5000,
            description="Packets that are read for packets and frames, without intervals.",
            examples=[100],
        ),
    ] = 500
    probesize: Annotated[
        int,
        Field(
            ge=32,
            le=100_000_000,
            description="Bytes that may be read to find out what the file holds.",
            examples=[20_000_000],
        ),
    ] = 5_000_000
    analyzeduration: Annotated[
        int,
        Field(
            ge=0,
            le=60_000_000,
            description="Microseconds of the file that may be analysed to find it out. "
            "0: as ffprobe has it for the container.",
            examples=[20_000_000],
        ),
    ] = 5_000_000

    @model_validator(mode="after")
    def _check_reading(self) -> Self:
        if self.show_entries is not None and "sections" in self.model_fields_set:
            raise mistake("sections", "give either sections or show_entries")
        if self.count_frames and (self.reads_packets or self.read_intervals):
            raise mistake("count_frames", "counts the whole file; ask for a part in another job")
        return self

    @property
    def reads_packets(self) -> bool:
        """Whether packets or frames are asked for, of which there may be very many."""
        asked = self.sections if self.show_entries is None else _named(self.show_entries)
        return any(section.startswith(_READ_IN_PART) for section in asked)


class Thumbnails(Model):
    """Stills of the first video stream."""

    at: Annotated[
        tuple[Annotated[float, Field(ge=0, le=1e7)], ...] | None,
        LISTED,
        Field(min_length=1, max_length=36, description="Seconds from the start; or count."),
    ] = None
    count: Annotated[
        int | None, Field(ge=1, le=36, description="So many, evenly spaced; or at.")
    ] = None
    width: Annotated[int, Field(ge=64, le=1920, description="Pixels of each still.")] = 320
    columns: Annotated[
        int | None,
        Field(ge=1, le=6, description="Of the contact sheet. null: no contact sheet."),
    ] = None
    padding: Annotated[
        int, Field(ge=0, le=64, description="Pixels around each still of the contact sheet.")
    ] = 4
    timestamps: Annotated[
        bool, Field(description="Write the time on each still of the contact sheet.")
    ] = True

    @model_validator(mode="after")
    def _check_times(self) -> Self:
        if (self.at is None) == (self.count is None):
            raise mistake("at", "give exactly one of at and count")
        return self


class Stills(OptionGroup):
    """Stills."""

    thumbnails: Annotated[
        Thumbnails | None,
        Field(
            description="Pictures of the video as artifacts: `still-001.webp` and so on, and "
            "`contact-sheet.webp`.",
            examples=[{"count": 9, "columns": 3, "width": 320}, {"at": [1.5, 10]}],
        ),
    ] = None


class ProbeSpec(Stills, Reading, Media, JobOptions):
    """What ffprobe says about one media file."""

    kind: Literal["probe"]
