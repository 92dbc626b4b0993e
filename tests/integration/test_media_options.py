"""Each option of a probe does what it says."""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from farm.jobs.states import JobState
from tasks.media.probe import Probes
from tasks.runner import JobRunner, Room
from tests.support.builders import MemoryFarm
from tests.support.exchange import Exchange
from tests.support.gate import gate
from tests.support.media_files import make, make_media_files
from tests.support.media_site import redirect, serving_media
from tests.support.media_sorts import A, V
from tests.support.neighbours import need
from tests.support.probing import (
    DEFAULT_SECTIONS,
    error_of,
    error_of_upload,
    probe,
    probe_upload,
    said,
    said_by_ffprobe,
    summary,
)
from tests.support.site import Site, serving

VIDEO = ("-select_streams", "v")
SECRET = {"X-Secret": "hunter2", "X-Accents": "é"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("ffprobe")
    return make_media_files(tmp_path_factory.getbasetemp() / "media-files")


@pytest.fixture(scope="module")
def origin(files: Path) -> Iterator[Site]:
    with serving(files) as running:
        yield running


@pytest.fixture(scope="module")
def other(files: Path) -> Iterator[Site]:
    """The same files at another origin."""
    with serving(files) as running:
        yield running


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file whose sound begins after six seconds, of which nothing tells before."""
    arguments = f"{V} -itsoffset 6 {A} -map 0 -map 1 -t 8 -c:v mpeg2video -b:v 2M -c:a mp2"
    return make(tmp_path_factory.mktemp("late"), "late.ts", arguments)


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({"sections": ["format"]}, ("-show_format",)),
        ({"sections": ["programs", "streams"]}, ("-show_programs", "-show_streams")),
        (
            {"sections": ["packets"], "frame_limit": 7},
            ("-show_packets", "-read_intervals", "%+#7"),
        ),
        (
            {"sections": ["frames"], "frame_limit": 5},
            ("-show_frames", "-read_intervals", "%+#5"),
        ),
        (
            {"sections": ["packets", "frames"], "read_intervals": "0.2%+0.2,0.6%+#3"},
            ("-show_packets", "-show_frames", "-read_intervals", "0.2%+0.2,0.6%+#3"),
        ),
        (
            {"show_entries": "format=duration:stream=codec_name,width:stream_tags"},
            ("-show_entries", "format=duration:stream=codec_name,width:stream_tags"),
        ),
        (
            {"show_entries": "frame=pts,pict_type", "frame_limit": 4, "select_streams": "v"},
            ("-show_entries", "frame=pts,pict_type", "-read_intervals", "%+#4", *VIDEO),
        ),
        ({"select_streams": "a:0"}, ("-select_streams", "a:0", *DEFAULT_SECTIONS)),
        ({"count_frames": True}, ("-count_frames", *DEFAULT_SECTIONS)),
    ],
    ids=str,
)
def test_an_option_asks_ffprobe_for_what_it_says(
    files: Path, tmp_path: Path, fields: dict[str, Any], options: tuple[str, ...]
) -> None:
    (tmp_path / "input").symlink_to(files / "h264-aac.ts")
    found = said(probe_upload(files / "h264-aac.ts", **fields))
    assert found == said_by_ffprobe("file:input", *options, cwd=tmp_path)
    assert found != said_by_ffprobe("file:input", cwd=tmp_path)


def test_sections_that_are_not_asked_for_are_not_there(files: Path) -> None:
    assert set(said(probe_upload(files / "h264-aac.ts"))) == {"format", "streams", "chapters"}
    found = said(probe_upload(files / "h264-aac.ts", sections=["programs"]))
    assert set(found) == {"programs"}
    assert found["programs"][0]["streams"]


def test_of_packets_and_frames_there_are_as_many_as_the_limit_says(files: Path) -> None:
    found = said(probe_upload(files / "h264-aac.mp4", sections=["packets"], frame_limit=9))
    assert len(found["packets"]) == 9
    every = said(probe_upload(files / "h264-aac.mp4", sections=["packets"]))
    assert len(every["packets"]) > 25


def test_frames_are_counted_only_if_asked(files: Path) -> None:
    counted = probe_upload(files / "raw.h264", count_frames=True)
    assert summary(counted)["video"]["nb_frames"] == 25
    assert summary(probe_upload(files / "raw.h264"))["video"]["nb_frames"] is None


def test_frames_are_counted_over_the_whole_file_whatever_is_shown(late: Path) -> None:
    entries = "stream=avg_frame_rate,nb_read_frames"
    found = probe_upload(late, count_frames=True, frame_limit=1, show_entries=entries)
    assert int(said(found)["streams"][0]["nb_read_frames"]) == 200


def test_only_the_selected_streams_are_in_the_report(files: Path) -> None:
    found = probe_upload(files / "languages.mkv", select_streams="a:1")
    assert [each["language"] for each in summary(found)["audio"]] == ["jpn"]
    assert summary(found)["video"] is None
    assert error_of_upload(files / "pcm.wav", select_streams="v").code == "media_invalid"


def test_a_stream_that_begins_late_is_known_only_by_looking_further(late: Path) -> None:
    enough = {"analyzeduration": 20_000_000, "probesize": 20_000_000}
    (known,) = summary(probe_upload(late, **enough))["audio"]
    assert (known["codec_name"], known["sample_rate"], known["channels"]) == ("mp2", 48_000, 1)
    for fields in ({}, *({**enough, option: 32} for option in enough)):
        (unknown,) = summary(probe_upload(late, **fields))["audio"]
        assert (unknown["sample_rate"], unknown["channels"]) == (None, None)


def test_headers_and_the_user_agent_arrive_at_the_origin(origin: Site) -> None:
    path = "/h264-aac.mp4?with-headers"
    probe(url=origin.url(path), headers=SECRET, user_agent="ExampleBot/1.0")
    assert origin.seen(path) >= 2
    assert origin.headers(path)["x-secret"] == "hunter2"
    assert origin.headers(path)["user-agent"] == "ExampleBot/1.0"
    probe(url=origin.url(f"{path}-not"))
    assert "x-secret" not in origin.headers(f"{path}-not")
    assert origin.headers(f"{path}-not")["user-agent"].startswith("Lavf")


def test_a_server_hears_of_one_user_agent_only(files: Path) -> None:
    agents: list[str] = []
    content = (files / "mp3.mp3").read_bytes()

    def answer(exchange: Exchange) -> None:
        agents.append(exchange.headers["User-Agent"])
        exchange.send(content, "audio/mpeg")

    with serving_media(None, {"/a": answer}) as site:
        probe(url=site.url("/a"), headers=SECRET, user_agent="ExampleBot/1.0")
        assert set(agents) == {"ExampleBot/1.0"}
        agents.clear()
        probe(url=site.url("/a"), headers=SECRET)
    assert {agent.partition("/")[0] for agent in agents} == {"Lavf"}


def test_74_headers_do_not_go_to_another_origin(origin: Site, other: Site) -> None:
    path = "/h264-aac.mp4?from-elsewhere"
    start = f"/redirect?to={other.url(path)}"
    found = probe(url=origin.url(start), headers={**SECRET, "Authorization": "Bearer hunter2"})
    assert summary(found)["video"]["codec_name"] == "h264"
    assert origin.headers(start)["authorization"] == "Bearer hunter2"
    assert other.seen(path) >= 1
    assert not {"x-secret", "authorization", "x-accents"} & set(other.headers(path))


def test_headers_stay_over_a_redirect_within_the_origin(origin: Site) -> None:
    path = "/h264-aac.mp4?moved"
    found = probe(url=origin.url(f"/redirect?to={path}"), headers=SECRET)
    assert summary(found)["video"]["codec_name"] == "h264"
    assert origin.headers(path)["x-secret"] == "hunter2"


@pytest.mark.parametrize("headers", [None, SECRET])
def test_a_redirect_is_followed_with_headers_and_without(
    origin: Site, other: Site, headers: dict[str, str] | None
) -> None:
    target = other.url("/mp3.mp3")
    found = probe(url=origin.url(f"/redirect?to={target}"), headers=headers)
    assert summary(found)["format_name"] == "mp3"


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("/loop", "too_many_redirects"),
        ("file:///etc/passwd", "http_error"),
        ("ftp://127.0.0.1/", "http_error"),
        ("http://user@127.0.0.1/", "http_error"),
        ("http://nowhere.invalid/", "dns_error"),
        ("http://127.0.0.1:1/", "connection_failed"),
    ],
)
def test_a_way_that_leads_nowhere_is_named_when_there_are_headers(target: str, code: str) -> None:
    with serving_media(None, {"/start": redirect(target), "/loop": redirect("/loop")}) as site:
        assert error_of(url=site.url("/start"), headers=SECRET).code == code


def test_the_timeout_of_the_spec_ends_the_job(site: Site) -> None:
    farm = MemoryFarm()
    runner = JobRunner(
        farm=farm.service,
        kinds={"probe": Room(Probes(farm.artifacts, gate()).run)},
        worker="w",
        overtime=TimeoutError,
    )
    job = farm.submit(kind="probe", url=site.url("/silent"), timeout=1000)
    begun = monotonic()
    runner.run(job.id)
    assert monotonic() - begun < 4
    done = farm.ledger.get(job.id)
    assert done.state is JobState.FAILED
    assert done.failure is not None
    assert done.failure.code == "timeout"
