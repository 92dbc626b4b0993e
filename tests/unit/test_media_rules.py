"""What ffprobe says, in the farm's words and numbers."""

from typing import Any

import pytest

from tasks.media.failures import translate
from tasks.media.report import Summary


@pytest.mark.parametrize(
    ("stderr", "code"),
    [
        ("[hls @ 0x55] Format not on whitelist 'mov'", "media_playlist_forbidden"),
        ("[concat @ 0x55] Format not on whitelist 'mov'", "media_playlist_forbidden"),
        ("[dash @ 0x55] Format not on whitelist 'mov'", "media_playlist_forbidden"),
        ("[png_pipe @ 0x55] Format not on whitelist 'mov'", "media_unsupported"),
        (" Server returned 404 Not Found", "http_error"),
        (" Server returned 5XX Server Error reply", "http_error"),
        ("[tcp @ 0x5] Failed to resolve hostname x: Name or service not known", "dns_error"),
        (
            "[tcp @ 0x5] Connection to tcp://1.2.3.4:9 failed: Connection refused",
            "connection_failed",
        ),
        ("Protocol 'file' not on whitelist 'http,tcp'!", "media_unsupported"),
        ("[tls @ 0x5] Peer certificate failed verification", "tls_error"),
        ("[mov,mp4 @ 0x5] moov atom not found\n: Invalid data found", "media_invalid"),
        ("", "media_invalid"),
    ],
)
def test_each_message_has_its_code(stderr: str, code: str) -> None:
    assert translate(stderr).code == code


def test_no_address_of_stderr_reaches_the_message() -> None:
    stderr = "[tcp @ 0x5] Connection to tcp://10.1.2.3:9 failed: Connection refused"
    assert "10.1.2.3" not in translate(stderr).message


FOUND: dict[str, Any] = {
    "format": {
        "format_name": "mov,mp4",
        "duration": "2.002000",
        "size": "32443",
        "bit_rate": "129642",
    },
    "streams": [
        {
            "codec_type": "video",
            "codec_name": "h264",
            "width": 320,
            "height": 240,
            "avg_frame_rate": "30000/1001",
            "pix_fmt": "yuv420p",
        },
        {"codec_type": "audio", "codec_name": "aac", "channels": 2, "sample_rate": "48000"},
        {"codec_type": "audio", "codec_name": "ac3", "channels": 6, "sample_rate": "48000"},
    ],
}


def test_numbers_are_numbers() -> None:
    summary = Summary.of(FOUND)
    assert (summary.duration, summary.size, summary.bit_rate) == (2.002, 32443, 129642)
    assert summary.video is not None
    assert summary.video.avg_frame_rate == pytest.approx(29.97003)
    assert [audio.channels for audio in summary.audio] == [2, 6]


@pytest.mark.parametrize("rate", ["0/0", "N/A", None])
def test_what_the_file_does_not_say_is_none(rate: str | None) -> None:
    cover = {"codec_type": "video", "codec_name": "mjpeg", "avg_frame_rate": rate}
    summary = Summary.of({"streams": [cover]})
    assert summary.video is not None
    assert summary.video.avg_frame_rate is None
    assert (summary.duration, summary.audio) == (None, [])
