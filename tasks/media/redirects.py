"""Where a URL leads to, and which headers may go there."""

import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from farm.jobs.errors import (
    ConnectionFailed,
    DnsError,
    HttpError,
    JobError,
    TlsError,
    TooManyRedirects,
)
from farm.jobs.urls import normalise_url
from tasks.deadline import Deadline

_HOPS_MAX = 8
"""As many as FFmpeg follows by itself."""
_LOOK_EVERY_S = 0.2


@dataclass(frozen=True)
class Way:
    """How a server is asked."""

    proxy: str
    agent: str
    """Who asks, as the ``User-Agent``."""
    silence_s: float
    """For how long it may say nothing."""


def follow(
    url: str, headers: Mapping[str, str], way: Way, deadline: Deadline
) -> tuple[str, Mapping[str, str]]:
    """Return where ``url`` leads to, and those of ``headers`` that may be sent there.

    FFmpeg would send them along to wherever it is redirected, also to other origins.

    Raises:
        TargetError: There is no way; which error says why.
        JobTimedOut: The deadline passed.
    """
    home = urlsplit(url)[:2]
    try:
        with (
            _ending_at(deadline) as trace,
            httpx.HTTPTransport(trust_env=False, proxy=httpx.Proxy(way.proxy)) as transport,
        ):
            for _ in range(_HOPS_MAX):
                allowed = headers if urlsplit(url)[:2] == home else {}
                limit = httpx.Timeout(min(way.silence_s, deadline.left_ms("load") / 1000))
                request = httpx.Request(
                    "GET",
                    url,
                    headers=_encoded({"User-Agent": way.agent, "Range": "bytes=0-0", **allowed}),
                    extensions={"timeout": limit.as_dict(), "trace": trace},
                )
                # Not by a client, which looks at where it is sent even if it may not go.
                answer = transport.handle_request(request)
                answer.close()
                if not answer.has_redirect_location:
                    return url, allowed
                url = _target(url, answer.headers["Location"])
    except httpx.HTTPError as error:
        if deadline.left_s == 0:
            raise deadline.passed("load") from error
        raise _translated(error) from error
    raise TooManyRedirects("The server redirects without end.")


def _encoded(headers: Mapping[str, str]) -> dict[bytes, bytes]:
    # As FFmpeg has them from its arguments; httpx by itself takes ASCII alone.
    return {name.encode(): value.encode() for name, value in headers.items()}


def _target(url: str, location: str) -> str:
    try:
        return normalise_url(urljoin(url, location))
    except ValueError as error:
        raise HttpError("The server redirects to what is no http or https URL.") from error


@contextmanager
def _ending_at(deadline: Deadline) -> Iterator[Callable[[str, Mapping[str, Any]], None]]:
    """Give a trace for httpx by which no exchange of the block outlives ``deadline``.

    A server that sends a byte now and then passes any limit on a single read.
    """
    streams: list[Any] = []

    def note(event: str, info: Mapping[str, Any]) -> None:
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            streams.append(info["return_value"])

    def end_in_time() -> None:
        while not done.wait(_LOOK_EVERY_S):  # The deadline may be cut.
            for stream in streams if deadline.left_s == 0 else ():
                with suppress(OSError):
                    stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    done = Event()
    Thread(target=end_in_time, name="redirects", daemon=True).start()
    try:
        yield note
    finally:
        done.set()


def _translated(error: httpx.HTTPError) -> JobError:
    causes: list[BaseException | None] = [error]
    while causes[-1] is not None:
        causes.append(causes[-1].__cause__ or causes[-1].__context__)
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return DnsError("The host name does not resolve.")
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return TlsError("The server's TLS or its certificate is not acceptable.")
    if isinstance(error, httpx.TimeoutException):
        return ConnectionFailed("The host did not answer.")
    return ConnectionFailed("No answer came from the host.")
