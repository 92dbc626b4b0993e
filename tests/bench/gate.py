"""What the gate adds to the loading of a page with many small images.

One page is loaded in two browsers of the same kind, of which one goes through the gate,
in turns, so that both see the same machine. The server does next to nothing, so that
nothing of the gate's share is hidden behind it.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from PIL import Image
from playwright.sync_api import Browser, Playwright, sync_playwright

from tasks.egress.client import Gate, Limits
from tasks.egress.keeper import Keeper
from tasks.pages.chromium import find_chromium
from tests.bench.figures import Figure
from tests.bench.support import is_open
from tests.support.neighbours import free_port
from tests.support.waiting import until

_WARM_UP = 5
_IMAGES = 150
_LIMITS = Limits(max_bytes=10**12, max_requests=10**9, max_seconds=3600)


def figures(quick: bool) -> Iterator[Figure]:
    """Measure item 9."""
    rounds = 3 if quick else 40
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    keeper = Keeper(allow=f"127.0.0.1:{port}")
    gate = Gate(keeper.control)
    keeper.start()
    plain, gated = [], []
    try:
        with (
            _serving(port),
            gate.session("bench", zones={"internal"}, url=url, limits=_LIMITS) as session,
            sync_playwright() as playwright,
        ):
            direct = _browser(playwright, None)
            through = _browser(playwright, f"http://127.0.0.1:{gate.port}")
            for _ in range(_WARM_UP + rounds):
                plain.append(_load(direct, url))
                gated.append(_load(through, url))
            if session.denied:
                raise RuntimeError("the gate refused something")
    finally:
        keeper.stop()
    yield Figure(
        f"loading a page of {_IMAGES} small images",
        "ms",
        gated[_WARM_UP:],
        plain[_WARM_UP:],
        "the same browser without the gate",
        "less",
    )


def _browser(playwright: Playwright, proxy: str | None) -> Browser:
    return playwright.chromium.launch(
        executable_path=find_chromium(None).path, proxy={"server": proxy} if proxy else None
    )


def _load(browser: Browser, url: str) -> float:
    """Return the milliseconds from the request to the last picture."""
    context = browser.new_context()
    page = context.new_page()
    start = time.monotonic()
    page.goto(url)
    took_ms = (time.monotonic() - start) * 1000
    if page.evaluate("[...document.images].filter(each => each.naturalWidth).length") != _IMAGES:
        raise RuntimeError("not all pictures came")
    context.close()
    return took_ms


class _Server(asyncio.Protocol):
    """Answers every request with the page or the picture, and keeps connections."""

    def __init__(self, answers: dict[bytes, bytes]) -> None:
        self._answers = answers
        self._held = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *heads, self._held = (self._held + data).split(b"\r\n\r\n")
        for head in heads:
            kind = b"picture" if b" /picture" in head.partition(b"\r\n")[0] else b"page"
            self._transport.write(self._answers[kind])


def serve(port: int) -> None:
    """Serve the page until killed."""
    picture = BytesIO()
    Image.new("RGB", (16, 16), "red").save(picture, "PNG")
    tags = "".join(f'<img src="/picture?{number}">' for number in range(_IMAGES))
    answers = {
        b"page": _answer(f"<!doctype html><title>Pictures</title>{tags}".encode(), b"text/html"),
        b"picture": _answer(picture.getvalue(), b"image/png"),
    }

    async def listen() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Server(answers), "127.0.0.1", port)
        await server.serve_forever()

    asyncio.run(listen())


def _answer(body: bytes, media_type: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n"
        b"Cache-Control: no-store\r\n\r\n%s" % (media_type, len(body), body)
    )


@contextmanager
def _serving(port: int) -> Iterator[None]:
    """Serve from a process of its own, which shares no lock with the browser's driver."""
    server = subprocess.Popen([sys.executable, "-m", "tests.bench.gate", str(port)])
    try:
        until(lambda: is_open(port), "the page is served")
        yield
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
