"""What Playwright raises, in the farm's words."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from farm.jobs.errors import (
    BrowserCrashed,
    CaptureFailed,
    ConnectionFailed,
    DnsError,
    EmptyResponse,
    HttpError,
    JobError,
    PageCrashed,
    TlsError,
    TooManyRedirects,
    UnsupportedContent,
)
from tasks.deadline import Deadline

# Names from Chromium's net_error_list.h. What is not here is a failed connection.
_BY_NAME: Mapping[str, JobError] = {
    "ERR_NAME_NOT_RESOLVED": DnsError("The host name does not resolve."),
    "ERR_NAME_RESOLUTION_FAILED": DnsError("The host name does not resolve."),
    "ERR_DNS_TIMED_OUT": DnsError("The host name's servers do not answer."),
    "ERR_ICANN_NAME_COLLISION": DnsError("The host name does not resolve."),
    "ERR_CONNECTION_REFUSED": ConnectionFailed("The host refused the connection."),
    "ERR_CONNECTION_RESET": ConnectionFailed("The host reset the connection."),
    "ERR_CONNECTION_CLOSED": ConnectionFailed("The host closed the connection."),
    "ERR_CONNECTION_TIMED_OUT": ConnectionFailed("The host did not answer."),
    "ERR_EMPTY_RESPONSE": ConnectionFailed("The server hung up without an answer."),
    "ERR_TOO_MANY_REDIRECTS": TooManyRedirects("The server redirects without end."),
    "ERR_ABORTED": EmptyResponse("The server sent no page."),
    # For these two the full Chromium, unlike the headless shell, has pages of its own.
    "ERR_HTTP_RESPONSE_CODE_FAILURE": EmptyResponse("The server sent no page."),
    "ERR_INVALID_AUTH_CREDENTIALS": HttpError("The page asks for credentials (HTTP 401)."),
    "ERR_SSL_PROTOCOL_ERROR": TlsError("The server does not speak TLS on this port."),
    "ERR_SSL_VERSION_OR_CIPHER_MISMATCH": TlsError("The server's TLS is too old."),
    "ERR_CERT_AUTHORITY_INVALID": TlsError("The certificate's issuer is not trusted."),
    "ERR_CERT_COMMON_NAME_INVALID": TlsError("The certificate is for another host."),
    "ERR_CERT_DATE_INVALID": TlsError("The certificate has expired or is not valid yet."),
}
_GONE = ("has been closed", "onnection closed", "rowser closed", "arget closed", "disconnected")
_SAID = {
    "Page range exceeds page count": "page_ranges names pages that the document does not have.",
    "Unable to capture screenshot": "The page is too much for the browser to paint.",
    "Invalid cookie fields": "The browser does not take one of the cookies.",
    "content area is empty": "The margins leave no room on the paper.",
    "Clipped area is either empty or outside": "The clip lies outside of the page.",
}
"""Refusals that a caller can do something about."""
_NET_ERROR = re.compile(r"net::(ERR_[A-Z0-9_]+)")


def is_gone(message: str) -> bool:
    """Return whether ``message`` is about a browser or driver that is not there any more."""
    return any(sign in message for sign in _GONE)


def translate(message: str) -> JobError:
    """Return the error for ``message``, the text of an error of Playwright's.

    Timeouts are not its matter: who set them knows what they mean.
    """
    if "Download is starting" in message:
        return UnsupportedContent("The address is a download, not a page.")
    if "crashed" in message:
        return PageCrashed("The page made its renderer crash.")
    found = _NET_ERROR.search(message)
    if found:
        return _from_net_error(found[1])
    if is_gone(message):
        return BrowserCrashed("The browser went away under the job.")
    for sign, meaning in _SAID.items():
        if sign in message:
            return CaptureFailed(meaning)
    # What else there is, as "Execution context was destroyed", comes of the page itself,
    # often of one that goes on to another address under our hands.
    return CaptureFailed("The browser could not make a picture of this page.")


@contextmanager
def page_errors(step: str, deadline: Deadline) -> Iterator[None]:
    """Turn what Playwright raises in the block into the farm's errors."""
    try:
        yield
    except PlaywrightTimeout as error:
        raise deadline.passed(step) from error
    except PlaywrightError as error:
        raise translate(error.message) from error


def _from_net_error(name: str) -> JobError:
    known = _BY_NAME.get(name)
    if known is not None:
        return type(known)(f"{known.message} ({name})")
    if name.startswith(("ERR_CERT_", "ERR_SSL_")):
        return TlsError(f"The server's certificate or TLS is not acceptable. ({name})")
    return ConnectionFailed(f"No page came from the host. ({name})")
