"""Stderr of ffprobe and ffmpeg: told in the farm's words, and nothing revealed."""

import re
from itertools import product

import pytest

from tasks.media.failures import first_line, translate

SECRETS = (
    *(
        "/tmp/farm-probe-x1y2/input",
        "file:input",
        "file:///etc/passwd",
        "http://10.1.2.3:8080/a?b=c",
    ),
    *("https://internal.corp/secret.mp4", "tcp://10.1.2.3:9", "10.1.2.3", "redis.internal:6379"),
    *("[::1]:80", "fe80::1", "user@host", "C:\\Users\\ann", "0x55d0cc8bd280", "cdn.example.com"),
    "localhost:8000",
)
SHAPES = (
    "{}: Invalid data found when processing input",
    "{}: Invalid argument",
    "{}: End of file",
    "{}: Input/output error",
    "[http @ 0x55bec] Opening '{}' for reading",
    "[mov,mp4,m4a @ 0x5579] Could not open {}: no such file",
    "[mov,mp4,m4a,3gp,3g2,mj2 @ 0x1] moov atom not found at {}",
    "[tls @ 0x7f] Unable to reach {} (why)",
    "[in#0 @ 0x1] Error opening input {}: failed",
    "Impossible to open '{}'",
    "[NULL @ 0x1] [{}] strange",
    "({})",
)
LEFT_OVER = re.compile(
    r"[/\\@]|0x|\d+\.\d+\.\d+|::|internal|example|corp|localhost|passwd|farm-probe|:\d|secret"
)


@pytest.mark.parametrize(("shape", "secret"), list(product(SHAPES, SECRETS)))
def test_no_detail_reveals_a_path_a_host_or_an_address(shape: str, secret: str) -> None:
    said = shape.format(secret)
    for stderr in (said, f"\n{said}\n", f"{secret}\n{said}", f"[x @ {secret}] {said}"):
        assert not LEFT_OVER.search(first_line(stderr))
        assert not LEFT_OVER.search(translate(stderr).message)


@pytest.mark.parametrize(
    ("stderr", "detail"),
    [
        ("[mov @ 0x1] moov atom not found\nfile:input: Invalid data", "moov atom not found"),
        (
            "file:input: Invalid data found when processing input",
            "Invalid data found when processing input",
        ),
        ("Option ca_file skipped - not known to demuxer.\nfile:input: Bad", "Bad"),
        ("http://a.test/\n/a/b\n[h264 @ 0x1] no frame!", "no frame!"),
        ("", ""),
        ("\n \n", ""),
        ("a\x00b\x1b[31mc", "abc"),
    ],
)
def test_the_detail_is_the_first_line_that_says_something(stderr: str, detail: str) -> None:
    assert first_line(stderr).replace("[31m", "") == detail


def test_a_detail_is_one_short_line() -> None:
    assert len(first_line("word " * 1000)) <= 200
    assert first_line("one\ntwo") == "one"


@pytest.mark.parametrize(
    ("stderr", "status"),
    [
        (
            "[http @ 0x1] HTTP error 503 Service Unavailable\nx: Server returned 5XX Server Error",
            "503",
        ),
        ("x: Server returned 404 Not Found", "404"),
        ("x: Server returned 4XX Client Error, but not one of 40{0,1,3,4}", "4XX"),
    ],
)
def test_a_status_is_as_exact_as_it_is_known(stderr: str, status: str) -> None:
    error = translate(stderr)
    assert error.code == "http_error"
    assert f"status {status}." in error.message


@pytest.mark.parametrize(
    ("stderr", "code"),
    [
        *(
            (f"[{name} @ 0x5] Format not on whitelist 'mov'", "media_playlist_forbidden")
            for name in ("hls", "dash", "concat", "sdp", "rtsp", "imf")
        ),
        *(
            (f"[{name} @ 0x5] Format not on whitelist 'mov'", "media_unsupported")
            for name in ("lrc", "svg_pipe", "image2", "mpsub,x")
        ),
        ("[png @ 0x5] get_buffer() failed", "media_too_large"),
        ("x: Cannot allocate memory", "media_too_large"),
        ("[https @ 0x5] Protocol 'file' not on whitelist 'http'!", "media_unsupported"),
        ("[tls @ 0x1] The certificate's owner does not match hostname", "tls_error"),
        ("[tls @ 0x1] error:0A000086: certificate verify failed", "tls_error"),
        ("x: Too many redirects", "too_many_redirects"),
        ("[tcp @ 0x1] Connection timed out", "connection_failed"),
        ("x: Connection reset by peer", "connection_failed"),
        ("x: No route to host", "connection_failed"),
        ("x: Network is unreachable", "connection_failed"),
        ("Error while filtering: Out of range", "media_unsupported"),
        ("anything else", "media_invalid"),
    ],
)
def test_each_message_has_its_code(stderr: str, code: str) -> None:
    assert translate(stderr).code == code


def test_each_error_is_one_of_its_own() -> None:
    assert translate("x: Connection refused") is not translate("x: Connection refused")
