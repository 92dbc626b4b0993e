"""Bare browsers inside the rig, behind the gate or not, without the farm around them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from playwright.sync_api import Page, Playwright

from tasks.egress.client import Gate, Limits, Session
from tests.support.neighbours import need

NO_NAMES = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
"""Without it both browsers look up the names of TURN servers and of ICE candidates."""
SHELL_WEBRTC = "--force-webrtc-ip-handling-policy=disable_non_proxied_udp"
"""The switch that the headless shell obeys; the full browser does not know it."""
FULL_WEBRTC = "--webrtc-ip-handling-policy=disable_non_proxied_udp"
"""The switch that the full browser obeys; the headless shell does not know it."""
SWITCHES = (NO_NAMES, SHELL_WEBRTC, FULL_WEBRTC)
"""With a proxy for all of the browser these close every way around it, in both browsers."""

_LIMITS = Limits(max_bytes=100_000_000, max_requests=10_000, max_seconds=60)


@contextmanager
def opened(
    playwright: Playwright,
    browser: str,
    switches: Sequence[str] = (),
    proxy_port: int | None = None,
) -> Iterator[Page]:
    """Give a page of a browser that takes any certificate; it ends with the block.

    ``proxy_port`` is that of a proxy on loopback; ``None``: none.
    """
    running = playwright.chromium.launch(
        executable_path=need(browser),
        args=["--disable-gpu", *switches],
        chromium_sandbox=False,
        # For all of the browser: one for a context leaves the browser's own requests out.
        proxy={"server": f"http://127.0.0.1:{proxy_port}"} if proxy_port else None,
    )
    try:
        yield running.new_context(ignore_https_errors=True).new_page()
    finally:
        running.close()


@contextmanager
def behind(
    gate: Gate,
    playwright: Playwright,
    browser: str,
    url: str,
    switches: Sequence[str] = SWITCHES,
) -> Iterator[tuple[Page, Session]]:
    """Give a page behind the gate, where a job about ``url`` in the public zone has begun."""
    with (
        opened(playwright, browser, switches, gate.port) as page,
        gate.session("a job", zones=("public",), url=url, limits=_LIMITS) as session,
    ):
        yield page, session
