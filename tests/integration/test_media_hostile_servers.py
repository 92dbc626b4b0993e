"""Servers that an attacker would run: a probe ends in time, tells nothing, goes nowhere else."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import psutil
import pytest

from farm.jobs.errors import FarmError
from tests.support.answers import ANSWERS
from tests.support.certificates import Flaw
from tests.support.exchange import Exchange
from tests.support.media_files import make_media_files
from tests.support.media_site import (
    Watched,
    dripping_head,
    endless,
    fixed,
    redirect,
    serving_media,
    watching,
)
from tests.support.neighbours import free_port, need
from tests.support.probing import error_of, probe, summary
from tests.support.site import Site, serving_tls

AHEAD: dict[str, Any] = {"headers": {"X-Secret": "hunter2"}, "thumbnails": {"count": 1}}
WAYS: list[dict[str, Any]] = [{}, AHEAD]
"""By ffprobe alone, and with the way gone ahead of it."""
REVEALING = re.compile(r"[/\\@]|\w:\w|127\.|localhost|hunter2|nowhere|passwd|tmp|farm-probe")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("ffprobe")
    return make_media_files(tmp_path_factory.getbasetemp() / "media-files")


@pytest.fixture(scope="module")
def mp3(files: Path) -> bytes:
    return (files / "mp3.mp3").read_bytes()


@pytest.fixture
def inside() -> Iterator[Watched]:
    """A place that nothing may be asked of."""
    with watching() as place:
        yield place


@contextmanager
def noted(errors: dict[str, FarmError], name: str) -> Iterator[None]:
    """Keep the error of the block, if there is one, as ``name``."""
    try:
        yield
    except FarmError as error:
        errors[name] = error


def ended_in_time(timeout_s: float, **fields: Any) -> FarmError:
    """Return the error, which came before three seconds over the deadline had passed."""
    begun = monotonic()
    error = error_of(timeout_s=timeout_s, **fields)
    assert monotonic() - begun < timeout_s + 3
    return error


@pytest.mark.parametrize("fields", WAYS, ids=str)
@pytest.mark.parametrize("path", ["/silent", "/drip", "/dripping-head", "/slow-mp4"])
def test_69_a_server_that_is_slow_without_end_costs_no_more_than_the_deadline(
    files: Path, path: str, fields: dict[str, Any]
) -> None:
    head = (files / "h264-aac.mp4").read_bytes()[:2000]

    def slow_mp4(exchange: Exchange) -> None:
        exchange.send_stream((head[at : at + 1] for at in range(2000)), pause_s=0.1)

    answers = {"/dripping-head": dripping_head, "/slow-mp4": slow_mp4}
    with serving_media(None, answers) as site:
        assert ended_in_time(1, url=site.url(path), **fields).code == "timeout"
    assert [
        each for each in psutil.Process().children() if each.name().startswith(("ff", "ld-"))
    ] == []


@pytest.mark.parametrize("fields", WAYS, ids=str)
def test_a_body_without_end_is_not_read_to_its_end(mp3: bytes, fields: dict[str, Any]) -> None:
    answers = {"/noise": endless(b"no media " * 5000), "/radio.mp3": endless(mp3, 0.01)}
    with serving_media(None, answers) as site:
        assert ended_in_time(10, url=site.url("/noise"), **fields).code == "media_invalid"
        found = probe(url=site.url("/radio.mp3"), timeout_s=10, **{**fields, "thumbnails": None})
        assert summary(found)["audio"][0]["codec_name"] == "mp3"


@pytest.mark.parametrize("fields", WAYS, ids=str)
@pytest.mark.parametrize("status", [401, 404, 410, 500, 503])
def test_an_error_status_is_named(site: Site, status: int, fields: dict[str, Any]) -> None:
    error = error_of(url=site.url(f"/status?code={status}"), **fields)
    assert error.code == "http_error"
    assert str(status) in error.message


@pytest.mark.parametrize("fields", WAYS, ids=str)
@pytest.mark.parametrize(
    ("path", "codes"),
    [
        ("/hang-up", {"connection_failed", "media_invalid"}),
        ("/reset", {"connection_failed"}),
        ("/cut-short", {"media_invalid", "connection_failed"}),
        ("/loop", {"too_many_redirects", "media_invalid"}),
        ("/moved-to-mail", {"http_error", "media_invalid"}),
        ("/no-content", {"media_invalid"}),
        ("/garbled", {"media_invalid", "timeout"}),
        ("/bomb", {"media_invalid"}),
    ],
)
def test_a_broken_answer_is_an_error_of_the_target(
    site: Site, path: str, codes: set[str], fields: dict[str, Any]
) -> None:
    error = ended_in_time(1.5, url=site.url(path), **fields)
    assert error.code in codes
    assert not REVEALING.search(error.message)


@pytest.mark.parametrize("fields", WAYS, ids=str)
@pytest.mark.parametrize("flaw", ["self-signed", "expired", "wrong-host"])
def test_75_a_certificate_that_nobody_vouches_for_is_refused(
    flaw: Flaw, fields: dict[str, Any]
) -> None:
    with serving_tls(flaw) as site:
        error = error_of(url=site.url("/video.mp4"), **fields)
    assert error.code == "tls_error"
    assert not REVEALING.search(error.message)


@pytest.mark.parametrize("fields", WAYS, ids=str)
def test_a_certificate_is_looked_at_after_a_redirect_too(
    site: Site, fields: dict[str, Any]
) -> None:
    with serving_tls() as secure:
        url = site.url(f"/redirect?to={secure.url('/video.mp4')}")
        assert error_of(url=url, **fields).code == "tls_error"


@pytest.mark.parametrize("fields", WAYS, ids=str)
def test_a_host_that_is_not_there_is_said_not_to_be(fields: dict[str, Any]) -> None:
    for url, code in (
        (f"http://127.0.0.1:{free_port()}/a.mp4", "connection_failed"),
        ("http://nowhere.invalid/a.mp4", "dns_error"),
    ):
        error = ended_in_time(10, url=url, **fields)
        assert error.code == code
        assert not REVEALING.search(error.message)


@pytest.mark.parametrize("fields", WAYS, ids=str)
@pytest.mark.parametrize("scheme", ["file", "tcp", "rtmp", "httpproxy", "ftp", "gopher", "data"])
def test_a_redirect_leads_to_http_or_https_or_nowhere(
    inside: Watched, scheme: str, fields: dict[str, Any]
) -> None:
    target = "file:///etc/passwd" if scheme == "file" else f"{scheme}://{inside.host}/a"
    with serving_media(None, {"/start": redirect(target)}) as site:
        error = error_of(url=site.url("/start"), **fields)
    assert error.code in {"http_error", "media_invalid", "media_unsupported"}
    assert not REVEALING.search(error.message)
    assert inside.connections == 0


def test_every_broken_answer_there_is_ends_in_an_error_that_tells_nothing(
    site: Site,
) -> None:
    errors: dict[str, FarmError] = {}
    for path in sorted(set(ANSWERS) - {"/video", "/colour/", "/silent", "/socket"}):
        with noted(errors, path):
            probe(url=site.url(path), timeout_s=1)
    assert len(errors) > 20
    assert {path for path, error in errors.items() if REVEALING.search(error.message)} == set()
    assert {error.code for error in errors.values()} <= {
        *("media_invalid", "http_error", "connection_failed", "timeout", "media_unsupported"),
        *("too_many_redirects", "media_too_large"),
    }


def test_a_media_type_that_lies_decides_nothing(mp3: bytes) -> None:
    with serving_media(None, {"/a.m3u8": fixed(mp3, "application/vnd.apple.mpegurl")}) as site:
        assert summary(probe(url=site.url("/a.m3u8")))["format_name"] == "mp3"
