"""What a server may answer instead of a page: an honest error each, or a picture of it."""

import pytest

from tests.support.certificates import Flaw
from tests.support.hostile import Endure
from tests.support.neighbours import free_port
from tests.support.site import Site, serving_tls

_BYTES = "application/octet-stream"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/no-content", "The server sent no page (HTTP 204)."),
        ("/reset-content", "The server sent no page (HTTP 205)."),
        ("/redirect?to=/no-content", "The server sent no page (HTTP 204)."),
        ("/not-modified", "The server sent no page."),  # Chromium does not tell this status.
    ],
)
def test_80_an_answer_without_a_page_is_an_empty_response(
    endure: Endure, path: str, message: str
) -> None:
    ending = endure(path)
    assert (ending.code, ending.message) == ("empty_response", message)


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/attachment", "text/html"),
        ("/archive", "application/zip"),
        ("/redirect?to=/archive", "application/zip"),
        ("/octets", _BYTES),
        ("/endless-file", _BYTES),
        ("/unknown-type", "application/x-nothing"),
        ("/pdf", "application/pdf"),
        ("/redirect?to=/pdf", "application/pdf"),
        ("/moved-to-mail", "mailto:"),
    ],
)
def test_81_what_no_browser_shows_is_unsupported_and_named(
    endure: Endure, path: str, named: str
) -> None:
    ending = endure(path)
    assert ending.code == "unsupported_content", ending.message
    assert named in ending.message


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/colour/ff0000.png", "image/png"),
        ("/drawing.svg", "image/svg+xml"),
        ("/note.xml", "application/xml"),
        ("/note-broken.xml", "application/xml"),
        ("/data.json", "application/json"),
        ("/plain.txt", "text/plain; charset=utf-8"),
        ("/video", "video/mp4"),
        ("/unknown-coding", "text/html; charset=utf-8"),
    ],
)
def test_what_a_browser_shows_is_pictured_with_its_content_type(
    endure: Endure, path: str, content_type: str
) -> None:
    ending = endure(path)
    assert ending.code == "succeeded", ending.message
    assert ending.report["content_type"] == content_type
    assert ending.picture.size == (1280, 800)


@pytest.mark.parametrize("empty", ["", "&empty=1"])
@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_an_error_status_is_pictured_and_reported_with_and_without_a_body(
    endure: Endure, status: int, empty: str
) -> None:
    ending = endure(f"/status?code={status}{empty}")
    if ending.code == "empty_response":  # The full Chromium would show a page of its own.
        assert empty
        assert ending.message == f"The server sent no page (HTTP {status})."
        return
    assert ending.code == "succeeded", ending.message
    assert ending.report["http_status"] == status


def test_an_error_status_without_a_body_may_be_a_failure_with_either_browser(
    endure: Endure,
) -> None:
    ending = endure("/status?code=404&empty=1", fail_on_status=["4xx"])
    assert (ending.code, ending.message) == ("http_error", "The server answered with HTTP 404.")


def test_a_redirect_to_nowhere_is_pictured_itself(endure: Endure) -> None:
    assert endure("/moved-nowhere").report["http_status"] == 302


def test_94_a_page_for_others_is_pictured_or_an_error_that_says_what_it_asks_for(
    endure: Endure,
) -> None:
    """The full Chromium has no picture of what lies behind a prompt that nobody answers."""
    ending = endure("/private")
    if ending.outcome is None:
        assert ending.code == "http_error"
        assert "credentials (HTTP 401)" in ending.message
        return
    assert ending.report["http_status"] == 401
    assert any("credentials" in each for each in ending.outcome.warnings)


def test_94_a_page_for_others_may_be_a_failure(endure: Endure) -> None:
    assert endure("/private", fail_on_status=[401]).code == "http_error"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/proxy-auth", "connection_failed"),
        ("/hang-up", "connection_failed"),
        ("/reset", "connection_failed"),
        ("/cut-short", "connection_failed"),
        ("/loop", "too_many_redirects"),
    ],
)
def test_82_a_server_that_breaks_the_rules_is_named_as_the_cause(
    endure: Endure, path: str, code: str
) -> None:
    assert endure(path).code == code


def test_96_a_host_that_is_not_there_is_no_picture(endure: Endure) -> None:
    assert endure(f"http://127.0.0.1:{free_port()}/").code == "connection_failed"
    assert endure("http://nowhere.invalid/").code == "dns_error"


@pytest.mark.parametrize("flaw", ["self-signed", "expired", "wrong-host"])
def test_83_a_certificate_that_does_not_hold_is_a_tls_error_that_names_it(
    endure: Endure, flaw: Flaw
) -> None:
    with serving_tls(flaw) as secret:
        ending = endure(secret.url("/colours"))
    assert ending.code == "tls_error", ending.message
    assert "ERR_CERT_" in ending.message


def test_the_wrong_protocol_on_a_port_is_no_picture(endure: Endure, site: Site) -> None:
    with serving_tls() as secret:
        assert endure(secret.url("/colours").replace("https", "http")).code == "connection_failed"
    assert endure(site.url("/colours").replace("http", "https")).code == "tls_error"


@pytest.mark.parametrize(
    ("path", "wait_ms"),
    [
        ("/bomb", 0),
        ("/endless", 0),
        ("/endless.png", 0),
        ("/endless-image", 0),
        ("/endless-fetch", 30_000),  # It holds no load event: only who waits sees that much.
    ],
)
def test_88_a_body_without_an_end_is_too_large_long_before_the_deadline(
    endure: Endure, path: str, wait_ms: int
) -> None:
    ending = endure(path, timeout_s=60, wait_for_timeout=wait_ms)
    assert ending.code == "response_too_large", ending.message
    assert ending.took_s < 25


@pytest.mark.parametrize("best_effort", [False, True])
def test_a_body_that_cannot_be_unpacked_is_never_pictured(
    endure: Endure, best_effort: bool
) -> None:
    ending = endure("/garbled", timeout_s=3, best_effort=best_effort)
    assert ending.code in {"timeout", "connection_failed"}, ending.message
