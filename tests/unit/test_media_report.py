"""The summary: ffprobe's words as numbers."""

import json
from typing import Any

import pytest

from tasks.media.report import Summary, VideoSummary


def video(**fields: Any) -> VideoSummary:
    summary = Summary.of({"streams": [{"codec_type": "video", **fields}]})
    assert summary.video is not None
    return summary.video


@pytest.mark.parametrize(
    ("pix_fmt", "bits"),
    [
        *((name, 8) for name in ("yuv420p", "yuvj420p", "nv12", "rgb24", "pal8", "gray", "rgba")),
        *((name, 8) for name in ("yuv444p", "yuva420p", "gbrp", "bgr0", "uyvy422", "ya8")),
        *((name, 10) for name in ("yuv420p10le", "yuv422p10be", "gbrp10le", "gray10le")),
        *((name, 10) for name in ("p010le", "p210le", "y210le", "nv20le", "x2rgb10le")),
        *((name, 12) for name in ("yuv420p12le", "gbrap12be", "xyz12le", "gray12le")),
        *((name, 16) for name in ("rgb48le", "rgba64be", "gray16le", "p016le", "yuv444p16le")),
        *((name, 16) for name in ("ya16be", "gbrp16le", "ayuv64le")),
        *(("yuv420p9le", 9), ("yuv444p14le", 14), ("monow", 1), ("monob", 1)),
        *(("gbrpf32le", 32), ("grayf32be", 32), (None, None)),
    ],
)
def test_the_bit_depth_is_that_of_the_pixel_format(pix_fmt: str | None, bits: int | None) -> None:
    assert video(pix_fmt=pix_fmt).bit_depth == bits


def test_what_the_codec_says_of_its_bit_depth_comes_first() -> None:
    assert video(pix_fmt="yuv420p16le", bits_per_raw_sample="12").bit_depth == 12
    assert video(pix_fmt="yuv420p10le", bits_per_raw_sample="N/A").bit_depth == 10
    assert video(pix_fmt="yuv420p", bits_per_raw_sample="0").bit_depth == 8


@pytest.mark.parametrize(
    ("matrix", "degrees"),
    [
        *((0, 0), (-90, 90), (90, 270), (180, 180), (-180, 180), (270, 90), (-89.6, 90)),
        *((360, 0), (-9223372036854775808, 0), ("nan", 0), ("N/A", 0)),
    ],
)
def test_the_rotation_is_clockwise(matrix: object, degrees: int) -> None:
    sides = [{"side_data_type": "Other"}, {"side_data_type": "Matrix", "rotation": matrix}]
    assert video(side_data_list=sides).rotation == degrees


@pytest.mark.parametrize(("tag", "degrees"), [("90", 90), ("-90", 270), ("x", 0), ("99999", 0)])
def test_the_rotation_of_an_old_file_is_its_tag(tag: str, degrees: int) -> None:
    assert video(tags={"rotate": tag}).rotation == degrees


@pytest.mark.parametrize(
    ("fields", "hdr"),
    [
        ({}, None),
        ({"color_transfer": "bt709"}, None),
        ({"color_transfer": "smpte2084"}, "HDR10"),
        ({"color_transfer": "arib-std-b67"}, "HLG"),
        (
            {
                "color_transfer": "smpte2084",
                "side_data_list": [{"side_data_type": "DOVI configuration record"}],
            },
            "Dolby Vision",
        ),
        ({"side_data_list": [{}]}, None),
    ],
)
def test_the_range_is_told_by_the_transfer_or_by_dolby(
    fields: dict[str, Any], hdr: str | None
) -> None:
    assert video(**fields).hdr == hdr


@pytest.mark.parametrize(
    ("rational", "rate"),
    [
        *(("25/1", 25.0), ("30000/1001", 29.97003), ("24000/1001", 23.976024), ("1/3", 0.333333)),
        *((text, None) for text in ("0/0", "N/A", "", "1/0", None)),
    ],
)
def test_a_rate_is_given_both_ways_or_not_at_all(rational: str | None, rate: float | None) -> None:
    found = video(avg_frame_rate=rational)
    assert found.avg_frame_rate == rate
    assert found.avg_frame_rate_rational == (None if rate is None else rational)


@pytest.mark.parametrize("value", ["N/A", "nan", "inf", "-inf", "", None, "1e999"])
def test_a_number_that_is_none_is_null(value: str | None) -> None:
    said = {"duration": value, "size": value, "bit_rate": value, "start_time": value}
    summary = Summary.of({"format": said, "chapters": [{"start_time": value}]})
    assert {summary.duration, summary.size, summary.bit_rate, summary.start_time} == {None}
    assert summary.chapters[0].start_time is None
    json.dumps(summary.model_dump(mode="json"), allow_nan=False)


def test_what_ffprobe_does_not_know_it_writes_as_0() -> None:
    assert (video(width=0, height=0).width, video(width=0, height=0).height) == (None, None)
    stream = {"codec_type": "audio", "channels": 0, "sample_rate": "0"}
    (audio,) = Summary.of({"streams": [stream]}).audio
    assert (audio.channels, audio.sample_rate) == (None, None)


def test_counted_frames_come_before_those_that_the_file_claims() -> None:
    assert video(nb_frames="7", nb_read_frames="9").nb_frames == 9
    assert video(nb_frames="7").nb_frames == 7
    assert video().nb_frames is None


def test_a_cover_is_no_video_and_is_said_to_be_there() -> None:
    cover = {"codec_type": "video", "codec_name": "png", "disposition": {"attached_pic": 1}}
    film = {"codec_type": "video", "codec_name": "h264", "disposition": {"default": 1, "dub": 0}}
    summary = Summary.of({"streams": [cover, film]})
    assert summary.has_cover
    assert summary.video is not None
    assert (summary.video.codec_name, summary.video.disposition) == ("h264", ["default"])
    assert Summary.of({"streams": [cover]}).video is None
    assert not Summary.of({"streams": [film]}).has_cover


def test_streams_and_chapters_keep_their_tags() -> None:
    tags = {"language": "jpn", "title": "コメント"}
    summary = Summary.of(
        {
            "format": {"tags": {"title": "T"}, "format_name": "matroska,webm"},
            "streams": [
                {"codec_type": "audio", "tags": tags, "profile": 1},
                {"codec_type": "subtitle", "codec_name": "subrip", "tags": tags},
                {"codec_type": "data"},
                {},
            ],
            "chapters": [{"start_time": "0.0", "end_time": "1.5", "tags": {"title": "One"}}, {}],
        }
    )
    assert (summary.audio[0].language, summary.audio[0].title) == ("jpn", "コメント")
    assert summary.audio[0].profile == "1"
    assert [each.codec_name for each in summary.subtitles] == ["subrip"]
    assert (summary.chapters[0].end_time, summary.chapters[0].title) == (1.5, "One")
    assert summary.tags == {"title": "T"}


def test_of_nothing_nothing_is_said() -> None:
    summary = Summary.of({})
    assert (summary.video, summary.audio, summary.tags) == (None, [], {})
