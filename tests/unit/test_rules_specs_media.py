"""What may be asked of a probe, and what not."""

from typing import Any

import pytest

from farm.jobs.specs.media import ProbeSpec
from farm.jobs.views import HIDDEN, JobView, shown
from tests.support.builders import a_job, a_spec
from tests.support.refusals import refused_probe

URL = "http://media.test/clip.mp4"


def a_probe(**fields: Any) -> ProbeSpec:
    spec = a_spec(kind="probe", **{"url": URL, **fields})
    assert isinstance(spec, ProbeSpec)
    return spec


def refusal(**fields: Any) -> dict[str, str]:
    return refused_probe(**{"url": URL, **fields})


def test_a_probe_says_little_by_default() -> None:
    spec = a_probe()
    assert spec.sections == ("format", "streams", "chapters")
    assert (spec.frame_limit, spec.probesize, spec.analyzeduration) == (500, 5_000_000, 5_000_000)
    assert (spec.timeout, spec.count_frames) == (30_000, False)
    assert {
        getattr(spec, name)
        for name in (
            *("upload_id", "headers", "user_agent", "show_entries", "select_streams"),
            *("read_intervals", "thumbnails"),
        )
    } == {None}


@pytest.mark.parametrize(
    ("field", "least", "most"),
    [
        ("timeout", 1000, 300_000),
        ("frame_limit", 1, 5000),
        ("probesize", 32, 100_000_000),
        ("analyzeduration", 0, 60_000_000),
    ],
)
def test_a_number_has_a_range(field: str, least: int, most: int) -> None:
    for good in (least, most):
        assert getattr(a_probe(**{field: good}), field) == good
    for bad in (least - 1, most + 1, str(least), float(least), True, None):
        assert list(refusal(**{field: bad})) == [field]


@pytest.mark.parametrize(
    ("field", "least", "most"),
    [("count", 1, 36), ("width", 64, 1920), ("columns", 1, 6), ("padding", 0, 64)],
)
def test_a_number_of_the_thumbnails_has_a_range(field: str, least: int, most: int) -> None:
    for good in (least, most):
        a_probe(thumbnails={"count": 1, field: good})
    for bad in (least - 1, most + 1, str(least)):
        assert list(refusal(thumbnails={"count": 1, field: bad})) == [f"thumbnails.{field}"]


@pytest.mark.parametrize(
    "url",
    [
        *("-version", "-i /etc/passwd", "", "/etc/passwd", "input", "pipe:0", "-"),
        *("concat:/etc/passwd|x", "concat:http://a.test/a.ts|file:///etc/passwd"),
        *("subfile,,start,0,end,9,,:/etc/passwd", "async:file:///etc/passwd", "lavfi:testsrc"),
        *("cache:http://a.test/", "crypto+http://a.test/", "httpproxy://a.test:1/", "md5:x"),
        *("file:///etc/passwd", "FILE:///etc/passwd", "tcp://a.test:1", "rtmp://a.test/a"),
        *("data:video/mp4;base64,AAAA", "ftp://a.test/a", "udp://a.test:1", "hls+http://a.test/"),
        *("http://a.test/\r\nX: y", " http://a.test/", "http://user:pw@a.test/", "http:///x"),
        *("http://a.test\\@b.test/", "http://a.test/a b", "http://a.test/\0"),
    ],
)
def test_an_input_that_is_no_plain_web_address_is_refused(url: str) -> None:
    assert list(refusal(url=url)) == ["url"]


@pytest.mark.parametrize("field", ["probe_args", "args", "f", "format", "protocol_whitelist", "i"])
def test_an_option_that_there_is_not_is_refused_by_its_name(field: str) -> None:
    assert list(refusal(**{field: "-i"})) == [field]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"upload_id": "u1"}, "url"),
        ({"url": None}, "url"),
        ({"url": None, "upload_id": "u1", "headers": {"a": "b"}}, "headers"),
        ({"url": None, "upload_id": "u1", "user_agent": "a"}, "user_agent"),
        ({"sections": ["format"], "show_entries": "format"}, "sections"),
        ({"count_frames": True, "sections": ["frames"]}, "count_frames"),
        ({"count_frames": True, "sections": ["packets"]}, "count_frames"),
        ({"count_frames": True, "read_intervals": "5%"}, "count_frames"),
        ({"count_frames": True, "show_entries": "frame=pts"}, "count_frames"),
        ({"count_frames": True, "show_entries": "stream:packet_tags"}, "count_frames"),
        ({"thumbnails": {}}, "thumbnails.at"),
        ({"thumbnails": {"at": [1], "count": 1}}, "thumbnails.at"),
        ({"thumbnails": {"at": []}}, "thumbnails.at"),
        ({"thumbnails": {"at": [0] * 37}}, "thumbnails.at"),
        ({"thumbnails": {"at": [-0.1]}}, "thumbnails.at.0"),
        ({"thumbnails": {"at": [float("nan")]}}, "thumbnails.at.0"),
        ({"thumbnails": {"at": [float("inf")]}}, "thumbnails.at.0"),
        ({"thumbnails": {"at": ["1"]}}, "thumbnails.at.0"),
        ({"thumbnails": {"count": 1, "filter": "movie=x"}}, "thumbnails.filter"),
        ({"sections": []}, "sections"),
        ({"sections": ["format"] * 7}, "sections"),
        ({"sections": ["error"]}, "sections.0"),
        ({"sections": "format"}, "sections"),
        ({"user_agent": ""}, "user_agent"),
        ({"user_agent": "a\r\nX: y"}, "user_agent"),
        ({"user_agent": "a" * 513}, "user_agent"),
        ({"headers": {"A": "b\r\nC: d"}}, "headers.A"),
        ({"headers": {"A\r\nB": "c"}}, "headers.A\r\nB.[key]"),
        ({"headers": {"Host": "a"}}, "headers"),
        ({"headers": {"Proxy-Authorization": "a"}}, "headers"),
        ({"upload_id": "u" * 65, "url": None}, "upload_id"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_does_not_go_together_is_refused_at_the_field_to_change(
    fields: dict[str, Any], field: str
) -> None:
    # A list of which an item is refused is then too short as well.
    assert next(iter(refusal(**fields))) == field


@pytest.mark.parametrize(
    "fields",
    [
        {"count_frames": True, "show_entries": "stream=nb_read_frames,avg_frame_rate"},
        {"read_intervals": "%+#5", "sections": ["packets", "frames"]},
        {"thumbnails": {"at": [0, 1e7]}},
        {"thumbnails": {"at": [1.5, 1]}},
        {"headers": {"Authorization": "Bearer é", "X": ""}, "user_agent": "a" * 512},
        {"headers": None, "user_agent": None, "url": None, "upload_id": "u1"},
    ],
    ids=str,
)
def test_what_is_just_within_the_rules_is_taken(fields: dict[str, Any]) -> None:
    a_probe(**fields)


@pytest.mark.parametrize(
    "entries",
    [
        *("format", "format=duration", "format=duration,size:stream=codec_name"),
        *("stream_tags=BPS-eng,com.apple.quicktime.make", "stream_disposition", "chapter_tags"),
        *("frame=pts:frame_side_data_list", "program_stream=index", "tags"),
    ],
)
def test_entries_are_of_the_sections_that_tell_of_the_file(entries: str) -> None:
    assert a_probe(show_entries=entries).show_entries == entries


@pytest.mark.parametrize(
    "entries",
    [
        *("", "=", ":", "format=", "format:", ":format", "format=a,", "format=,a", "format==a"),
        *("nothing", "stream=a:nothing=b", "Format", "error", "program_version"),
        *("library_versions", "pixel_formats", "root", "format=duration -i /etc/passwd"),
        *("-i", "format=a;b", "format=a\n", "format=é", "format=a/b", "format=%s"),
        "stream=" + "a" * 512,
    ],
)
def test_entries_of_anything_else_are_refused(entries: str) -> None:
    assert list(refusal(show_entries=entries)) == ["show_entries"]


@pytest.mark.parametrize("streams", ["v", "V", "a", "s", "d", "t", "a:0", "v:999", "0", "12"])
def test_streams_are_selected_by_sort_and_number(streams: str) -> None:
    assert a_probe(select_streams=streams).select_streams == streams


@pytest.mark.parametrize(
    "streams",
    ["", "x", "a:", "a:b", "-1", "a:-1", "1000", "p:1", "#1", "i:1", "m:language:eng", "v\n", "٣"],
)
def test_a_selection_of_another_sort_is_refused(streams: str) -> None:
    assert list(refusal(select_streams=streams)) == ["select_streams"]


@pytest.mark.parametrize(
    "intervals",
    [
        *("10", "10%", "%", "%5", "%+5", "%+#50", "10%+20", "5%15", "+1%+1", "1.5%+0.25"),
        *("1%2,3%4", ",".join(["1%2"] * 20)),
    ],
)
def test_intervals_have_a_beginning_and_an_end_or_a_length(intervals: str) -> None:
    assert a_probe(read_intervals=intervals).read_intervals == intervals


@pytest.mark.parametrize(
    "intervals",
    [
        *("", ",", "1%2,", "-1", "%-1", "#5", "%#5", "##5%", "%++5", "1%+", "%+#", "%+#1.5"),
        *("1:00%", "10%20%30", "a", "1 %2", "1%2\n", "1" * 10, "0.1234567", "٣"),
        ",".join(["1%2"] * 21),
    ],
)
def test_an_interval_that_is_none_is_refused(intervals: str) -> None:
    assert list(refusal(read_intervals=intervals)) == ["read_intervals"]


@pytest.mark.parametrize(
    ("fields", "reads"),
    [
        ({}, False),
        ({"sections": ["packets"]}, True),
        ({"sections": ["format", "frames"]}, True),
        ({"show_entries": "stream=avg_frame_rate,nb_read_packets"}, False),
        ({"show_entries": "format:frame=pts"}, True),
        ({"show_entries": "packet"}, True),
    ],
)
def test_packets_are_read_only_for_packets_and_frames(fields: dict[str, Any], reads: bool) -> None:
    assert a_probe(**fields).reads_packets is reads


def test_headers_are_never_shown_again() -> None:
    job = a_job(spec=a_probe(headers={"Authorization": "Bearer hunter2"}, user_agent="Bot/1"))
    assert shown(job.spec)["headers"] == HIDDEN
    assert shown(job.spec)["user_agent"] == "Bot/1"
    assert JobView.of(job).spec == shown(job.spec)
    assert "hunter2" not in JobView.of(job).model_dump_json()
    assert "headers" not in shown(a_probe())
