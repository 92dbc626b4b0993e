"""Files that an attacker would leave: none is opened further, none costs much."""

import resource
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from os import mkfifo
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import pytest

from api.app import create_app
from api.settings import ApiSettings
from farm.jobs.errors import FarmError, MediaTooLarge, MediaUnsupported
from tests.support.builders import MemoryFarm
from tests.support.hostile_media import (
    concat,
    live_playlist,
    master_playlist,
    playlist,
    playlists,
    png,
    sdp,
    with_absurd_sizes,
)
from tests.support.media_files import make, make_media_files
from tests.support.media_site import Watched, fixed, serving_media, watching
from tests.support.neighbours import free_port, need
from tests.support.probing import artifact, error_of, error_of_upload, probe, probe_upload, summary
from tests.support.uploads import raw

DISGUISES = (".m3u8", ".mp4", ".ts?a=b.png")
SORTS = ("hls", "hls-live", "hls-master", "dash", "concat")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("ffprobe")
    return make_media_files(tmp_path_factory.getbasetemp() / "media-files")


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten minutes of a thousand pictures a second."""
    folder = tmp_path_factory.mktemp("long")
    encode = "-c:v libx264 -preset ultrafast -bf 0 -g 10000 -pix_fmt yuv420p"
    make(folder, "part.mp4", f"-f lavfi -i color=red:size=16x16:rate=1000 -t 10 {encode}")
    return make(folder, "long.mp4", "-stream_loop 59 -i part.mp4 -c copy")


@pytest.fixture
def inside() -> Iterator[Watched]:
    """A place that nothing may be asked of."""
    with watching() as place:
        yield place


def targets(inside: Watched) -> Mapping[str, str]:
    host = inside.host
    return {
        "file": "file:///etc/passwd",
        "path": "/etc/passwd",
        "relative": "input",
        "http": f"http://{host}/segment.ts",
        "tcp": f"tcp://{host}/",
        "proxy": f"httpproxy://{host}/a.ts",
        "subfile": "subfile,,start,0,end,9,,:/etc/passwd",
        "crypto": f"crypto+http://{host}/a.ts",
        "data": "data:text/plain;base64,AAAA",
    }


@pytest.mark.parametrize("sort", SORTS)
def test_60_64_an_uploaded_playlist_is_refused_and_opens_nothing(
    inside: Watched, sort: str
) -> None:
    for target in targets(inside).values():
        error = error_of_upload(playlists(target)[sort])
        assert error.code == "media_playlist_forbidden"
        assert "passwd" not in error.message
    assert inside.connections == 0


@pytest.mark.parametrize("disguise", DISGUISES)
def test_61_63_a_playlist_at_a_url_is_refused_whatever_it_is_called(
    inside: Watched, disguise: str
) -> None:
    lists = {
        f"/{sort}-{name}{disguise}": fixed(content, "video/mp4")
        for name, target in targets(inside).items()
        for sort, content in playlists(target).items()
        if name in {"http", "tcp", "proxy"}
    }
    lists["/sdp" + disguise] = fixed(sdp(free_port()), "application/sdp")
    with serving_media(
        None, {path.partition("?")[0]: each for path, each in lists.items()}
    ) as site:
        for path in lists:
            assert error_of(url=site.url(path)).code == "media_playlist_forbidden"
            assert site.seen(path) == 1
    assert inside.connections == 0


@pytest.mark.parametrize("make_list", [playlist, live_playlist, master_playlist, concat])
def test_a_playlist_of_itself_is_asked_for_once(make_list: Callable[[str], bytes]) -> None:
    path = "/self.m3u8"
    with serving_media(None, {path: lambda exchange: exchange.send(make_list(path))}) as site:
        assert error_of(url=site.url(path)).code == "media_playlist_forbidden"
        assert site.seen(path) == 1


def test_an_uploaded_session_description_is_refused() -> None:
    assert error_of_upload(sdp(free_port())).code == "media_playlist_forbidden"


RANDOM = Random(7)
NOTHING: Mapping[str, bytes] = {
    "empty": b"",
    "one byte": b"\0",
    "text": b"This is no media at all.\n" * 1000,
    "html": b"<!doctype html><title>No</title><video src=file:///etc/passwd></video>",
    "random": RANDOM.randbytes(20_000_000),
    "zeros": bytes(5_000_000),
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "pdf": b"%PDF-1.4\n" + bytes(2000),
    "zip": b"PK\x03\x04" + bytes(2000),
}


@pytest.mark.parametrize("name", NOTHING)
def test_73_what_is_no_media_is_said_to_be_none_at_once(name: str) -> None:
    begun = monotonic()
    assert error_of_upload(NOTHING[name]).code == "media_invalid"
    assert monotonic() - begun < 2


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_73_a_truncated_film_is_invalid_at_once(files: Path, share: float) -> None:
    content = (files / "h264-aac.mp4").read_bytes()
    begun = monotonic()
    assert error_of_upload(content[: int(len(content) * share)]).code == "media_invalid"
    assert monotonic() - begun < 2


def test_tables_of_absurd_size_are_refused_at_once(files: Path) -> None:
    content = with_absurd_sizes((files / "h264-aac.mp4").read_bytes())
    begun = monotonic()
    assert error_of_upload(content).code in {"media_invalid", "media_too_large"}
    assert monotonic() - begun < 2


def test_a_damaged_file_has_a_report_or_an_error_that_says_so(files: Path) -> None:
    names = (
        "h264-aac.mp4",
        "h264-aac.ts",
        "vp8-vorbis.webm",
        "cover.mp3",
        "still.png",
        "opus.opus",
    )
    codes = set()
    for name in names:
        for _ in range(5):
            content = bytearray((files / name).read_bytes())
            for _ in range(30):
                content[RANDOM.randrange(min(len(content), 4000))] = RANDOM.randrange(256)
            try:
                probe_upload(bytes(content))
            except FarmError as error:
                codes.add(error.code)
    assert codes <= {"media_invalid", "media_unsupported", "media_too_large"}


@pytest.mark.parametrize("fields", [{}, {"thumbnails": {"count": 1}}], ids=str)
def test_71_a_picture_bomb_stays_within_the_memory_limit(fields: dict[str, Any]) -> None:
    before = largest_child_kib()
    begun = monotonic()
    with suppress(MediaTooLarge, MediaUnsupported):
        found = summary(probe_upload(png(16_000, 16_000), **fields))["video"]
        assert (found["width"], found["height"]) == (16_000, 16_000)
    assert monotonic() - begun < 15
    assert largest_child_kib() < max(before + 1, 1024**2)


def largest_child_kib() -> int:
    """Return the most memory that any child of this process has had so far, other tests' too."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


def test_72_a_long_film_of_many_pictures_has_a_small_report(long_film: Path) -> None:
    found = probe_upload(long_film)
    assert summary(found)["video"]["nb_frames"] == 600_000
    assert summary(found)["duration"] == pytest.approx(600)
    assert len(artifact(found)) < 64 * 1024


@pytest.mark.parametrize("section", ["packets", "frames"])
def test_more_packets_or_frames_than_an_artifact_holds_are_refused(
    long_film: Path, section: str
) -> None:
    error = error_of_upload(long_film, sections=[section], read_intervals="%")
    assert error.code == "output_too_large"
    limited = probe_upload(long_film, sections=[section], frame_limit=5000)
    assert len(artifact(limited)) < 16 * 1024**2


def test_tags_without_end_do_not_fill_the_record(files: Path, tmp_path: Path) -> None:
    tag = "x" * 100_000
    (tmp_path / "tags.txt").write_text(f";FFMETADATA1\ntitle={tag}\n")
    copy = f"-i {files / 'flac.flac'} -i tags.txt -map_metadata 1 -c copy"
    found = probe_upload(make(tmp_path, "tags.flac", copy))
    assert tag in summary(found)["tags"].values()
    assert found.report == {}
    assert found.warnings == ["There is too much to say for the report: see probe.json."]


NAMED = ("list.m3u8", "list.mp4", "list.avi", "../../list.mp4", "-i.mkv")


@pytest.mark.parametrize("name", NAMED)
def test_61_an_uploaded_playlist_is_refused_whatever_it_is_called(name: str) -> None:
    farm = MemoryFarm()
    client = create_app(ApiSettings(), farm.service).test_client()
    for content in playlists("file:///etc/passwd").values():
        upload = raw(client, content, filename=name).get_json()
        assert upload["filename"] == name
        with pytest.raises(FarmError) as caught:
            probe(farm.artifacts, url=None, upload_id=upload["id"])
        assert caught.value.code == "media_playlist_forbidden"


@pytest.mark.parametrize("sort", SORTS)
def test_60_61_64_no_file_that_a_playlist_names_is_opened(tmp_path: Path, sort: str) -> None:
    """Who opened one of these would wait for somebody to write to it."""
    for name in ("a.ts", "b.mp4", "c"):
        pipe = tmp_path / name
        mkfifo(pipe)
        for target in (f"file://{pipe}", str(pipe), f"file:{pipe}"):
            error = error_of_upload(playlists(target)[sort], timeout_s=10)
            assert error.code == "media_playlist_forbidden"


def test_64_what_lies_beside_an_upload_is_not_opened_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name without a folder is looked for where the list is, a file of the farm's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    mkfifo(tmp_path / "beside.mp4")
    for target in ("../beside.mp4", "beside.mp4", "./../beside.mp4", "input"):
        error = error_of_upload(concat(target), timeout_s=10)
        assert error.code == "media_playlist_forbidden"
