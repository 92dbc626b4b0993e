"""What Playwright says, in the farm's words."""

import pytest

from tasks.pages.failures import translate

GOTO = "Page.goto: net::{} at http://page.test/\nCall log:\n  - navigating"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (GOTO.format("ERR_NAME_NOT_RESOLVED"), "dns_error"),
        (GOTO.format("ERR_CONNECTION_REFUSED"), "connection_failed"),
        (GOTO.format("ERR_ADDRESS_UNREACHABLE"), "connection_failed"),
        (GOTO.format("ERR_UNSAFE_PORT"), "connection_failed"),
        (GOTO.format("ERR_CERT_AUTHORITY_INVALID"), "tls_error"),
        (GOTO.format("ERR_CERT_SYMANTEC_LEGACY"), "tls_error"),
        (GOTO.format("ERR_SSL_UNRECOGNIZED_NAME_ALERT"), "tls_error"),
        (GOTO.format("ERR_TOO_MANY_REDIRECTS"), "too_many_redirects"),
        (GOTO.format("ERR_ABORTED"), "empty_response"),
        (GOTO.format("ERR_EMPTY_RESPONSE"), "connection_failed"),
        (GOTO.format("ERR_A_NAME_OF_A_LATER_CHROMIUM"), "connection_failed"),
        ("Page.goto: Download is starting", "unsupported_content"),
        ("Page.goto: Page crashed", "page_crashed"),
        ("Page.screenshot: Target crashed", "page_crashed"),
        (
            "Protocol error (Page.captureScreenshot): Unable to capture screenshot",
            "capture_failed",
        ),
        ("Page.pdf: Protocol error: Page range exceeds page count", "capture_failed"),
        ("Page.screenshot: Clipped area is either empty or outside", "capture_failed"),
        ("Page.goto: Target page, context or browser has been closed", "browser_crashed"),
        ("Playwright connection closed", "browser_crashed"),
        ("Connection closed while reading from the driver", "browser_crashed"),
        ("Page.evaluate: Execution context was destroyed, most likely because", "capture_failed"),
        ("anything that nobody has seen yet", "capture_failed"),
    ],
)
def test_each_message_has_its_code(message: str, code: str) -> None:
    assert translate(message).code == code


def test_the_browser_s_own_name_of_the_error_is_kept_and_nothing_else_of_its_text() -> None:
    message = translate(GOTO.format("ERR_CERT_DATE_INVALID")).message
    assert "(ERR_CERT_DATE_INVALID)" in message
    assert "page.test" not in message


def test_two_failures_are_two_errors() -> None:
    once, again = (translate(GOTO.format("ERR_CONNECTION_REFUSED")) for _ in range(2))
    assert once is not again
