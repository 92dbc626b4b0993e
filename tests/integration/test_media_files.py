"""Files of many sorts: the report is ffprobe's own, and the summary is right."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.media_files import make_media_files
from tests.support.media_sorts import SORTS
from tests.support.neighbours import need
from tests.support.probing import (
    differences,
    probe,
    probe_upload,
    said,
    said_by_ffprobe,
    summary,
)
from tests.support.site import Site, serving

BY_URL = [
    *("h264-aac.mp4", "vp9-opus.webm", "h264-aac.ts", "mp3.mp3", "opus.opus", "flac.flac"),
    *("still.png", "still.avif", "cover.m4a", "moving.gif"),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("ffprobe")
    return make_media_files(tmp_path_factory.getbasetemp() / "media-files")


@pytest.fixture(scope="module")
def shelf(files: Path) -> Iterator[Site]:
    """A site that serves the files."""
    with serving(files) as running:
        yield running


def test_there_are_enough_sorts_to_say_something() -> None:
    containers = {fact for facts in SORTS.values() if (fact := facts.get("format_name"))}
    assert len(SORTS) >= 40
    assert len(containers) >= 15


@pytest.mark.parametrize("name", SORTS)
def test_an_uploaded_file_is_reported_as_ffprobe_reports_it(
    files: Path, tmp_path: Path, name: str
) -> None:
    found = probe_upload(files / name)
    # FFmpeg looks at a name, too: the farm's has no ending.
    (tmp_path / "input").symlink_to(files / name)
    assert said(found) == said_by_ffprobe("file:input", cwd=tmp_path)
    assert differences(summary(found), SORTS[name]) == []
    assert summary(found)["size"] == (files / name).stat().st_size
    assert found.report["summary"] == summary(found)
    assert found.report["ffprobe"] == said(found)


@pytest.mark.parametrize("name", BY_URL)
def test_a_file_at_a_url_is_reported_as_ffprobe_reports_it(shelf: Site, name: str) -> None:
    address = shelf.url(f"/{name}")
    found = probe(url=address)
    assert said(found) == said_by_ffprobe(address)
    assert differences(summary(found), SORTS[name]) == []


@pytest.mark.parametrize("name", ["h264-aac.mp4", "h264-aac.mov", "mp3.mp3", "pcm.wav"])
def test_a_second_is_said_to_last_a_second(files: Path, name: str) -> None:
    assert summary(probe_upload(files / name))["duration"] == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize(
    "path",
    ["/still.png?of=my%20dog.png", "/still.png?name=*.png", "/still.jpg?a=b.jpg"],
)
def test_a_url_that_looks_like_a_series_of_pictures_is_the_one_it_leads_to(
    shelf: Site, path: str
) -> None:
    assert summary(probe(url=shelf.url(path)))["video"]["width"] == 160
    assert shelf.seen(path) >= 1
