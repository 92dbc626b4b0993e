"""Probes by a real ffprobe."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.neighbours import free_port, need
from tests.support.probing import error_of, error_of_upload, probe, probe_upload, said_by_ffprobe
from tests.support.site import Site

PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n"


@pytest.fixture(autouse=True, scope="module")
def _ffprobe() -> None:
    need("ffprobe")


def failure_of(**fields: Any) -> str:
    return error_of(**fields).code


def failure_of_upload(content: bytes) -> str:
    return error_of_upload(content).code


def test_the_probe_of_an_upload_is_what_ffprobe_prints(media_folder: Path) -> None:
    file = media_folder / "video.mp4"
    outcome = probe_upload(file.read_bytes())
    found = json.loads(outcome.made[0].content)["ffprobe"]
    expected = said_by_ffprobe(str(file))
    assert found["streams"] == expected["streams"]
    assert found["chapters"] == expected["chapters"]
    assert found["chapters"][0]["tags"]["title"] == "First"
    del found["format"]["filename"], expected["format"]["filename"]
    assert found["format"] == expected["format"]


def test_the_probe_of_a_url_is_what_ffprobe_prints(site: Site) -> None:
    outcome = probe(url=site.url("/video.mp4"))
    expected = said_by_ffprobe(site.url("/video.mp4"))
    assert outcome.report["ffprobe"]["streams"] == expected["streams"]


def test_the_summary_has_what_one_asks_first(media_folder: Path) -> None:
    summary = probe_upload((media_folder / "video.mp4").read_bytes()).report["summary"]
    assert summary["video"]["codec_name"] == "h264"
    assert (summary["video"]["width"], summary["video"]["height"]) == (320, 240)
    assert summary["audio"][0]["codec_name"] == "aac"
    assert summary["duration"] == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "media_invalid"),
        (b"hello, this is no media", "media_invalid"),
        (bytes(range(256)) * 8000, "media_invalid"),
        (PLAYLIST, "media_playlist_forbidden"),
        (b"ffconcat version 1.0\nfile a.mp4\n", "media_playlist_forbidden"),
    ],
)
def test_what_is_no_media_is_said_to_be_none(content: bytes, code: str) -> None:
    assert failure_of_upload(content) == code


def test_a_truncated_file_is_invalid(media_folder: Path) -> None:
    content = (media_folder / "video.mp4").read_bytes()
    assert failure_of_upload(content[: len(content) // 3]) == "media_invalid"


@pytest.mark.parametrize(
    ("path", "code"),
    [("/certificate.mp4", "http_error"), ("/broken", "http_error"), ("/colours", "media_invalid")],
)
def test_a_url_without_media_is_said_to_have_none(site: Site, path: str, code: str) -> None:
    assert failure_of(url=site.url(path)) == code


def test_a_word_in_the_url_does_not_decide_the_error(site: Site) -> None:
    assert failure_of(url=site.url("/colours?certificate=TLS")) == "media_invalid"


def test_a_host_that_is_not_there_is_said_not_to_be(site: Site) -> None:
    assert failure_of(url=f"http://127.0.0.1:{free_port()}/a.mp4") == "connection_failed"
    assert failure_of(url="http://nowhere.invalid/a.mp4") == "dns_error"
    assert failure_of(url=site.url("/video.mp4").replace("http", "https")) == "tls_error"


def test_an_upload_that_is_gone_is_said_to_be_gone() -> None:
    assert failure_of(url=None, upload_id="gone") == "media_invalid"


def test_a_silent_server_ends_at_the_deadline(site: Site) -> None:
    assert failure_of(url=site.url("/silent"), timeout_s=2) == "timeout"
