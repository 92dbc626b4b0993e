"""What a screenshot costs, in time of the CPU, and which process has it.

``make bench-page-cpu`` has pages captured by a farm, as ``make bench ONLY=throughput`` has them,
and by the bare loop, in turns, and reads from the kernel how long each process had a core.
Then it has one bare browser after the other do the same in other ways: without a capture, with
one by Chromium's own protocol, with this flag or that, with somebody who listens to what is loaded,
with one page for all. It prints medians, of those browsers each round; nothing is asserted.
"""

import base64
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page, Request, Response, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from dev.stack import Stack
from farm.client.http import FarmClient
from tasks.pages.chromium import find_chromium
from tasks.pages.traffic import Traffic
from tests.bench.bare import bare_loop, processes
from tests.bench.pages import real_pages
from tests.bench.spending import between, part_of, show, spent
from tests.bench.support import farm, seconds
from tests.bench.throughput import ISOLATIONS, SLOTS, Isolation, captured
from tests.support.bare import bare_capture

_ROUNDS = 3
_PAGES = 30
_WARM_UP = 8
_Side = tuple[Callable[[], list[psutil.Process]], Callable[[Sequence[str]], object]]
"""Whose processes count, and what has them capture pages."""
_TYPES = {
    "zygote": "renderers",
    "renderer": "renderers",
    "gpu-process": "compositor",
    "utility": "network",
}
"""Chromium's types of processes. The zygote is what renderers that ended are counted with."""


def main(rounds: int = _ROUNDS, pages: int = _PAGES) -> None:
    """Measure and print."""
    settings = {"STACK_PAGES_CONCURRENCY": str(SLOTS), "STACK_MEDIA_CONCURRENCY": "1"}
    with real_pages() as site:
        urls = site.urls(pages)
        with (
            tempfile.TemporaryDirectory(prefix="farm-bench-") as folder,
            bare_loop(SLOTS, Path(folder)) as loop,
            farm(settings) as stack,
            FarmClient(stack.url) as client,
        ):
            ways: dict[str, _Side] = {"the bare loop": (processes, loop.capture)}
            for isolation in ISOLATIONS:
                ways[f"the farm, isolation {isolation}"] = _through(stack, client, isolation)
            _compare(ways, urls, rounds)
        _compare_browsers(urls, rounds)


def _through(stack: Stack, client: FarmClient, isolation: Isolation) -> _Side:
    return (
        lambda: [psutil.Process(stack.pid)],
        lambda urls: captured(client, urls, SLOTS, isolation),
    )


def _compare(ways: Mapping[str, _Side], urls: Sequence[str], rounds: int) -> None:
    found: dict[str, list[Mapping[str, float]]] = {label: [] for label in ways}
    busy: dict[str, list[float]] = {label: [] for label in ways}
    for _, work in ways.values():
        work(urls[:_WARM_UP])
    for _ in range(rounds):
        for label, (roots, work) in ways.items():
            before = spent(roots(), _part_of, {})
            took_ms = 1000 * seconds(partial(work, urls))
            cost = between(before, spent(roots(), _part_of, {}), len(urls))
            found[label].append(cost)
            busy[label].append(cost["all"] * len(urls) / took_ms / (os.cpu_count() or 1))
    for label, costs in found.items():
        show(f"{label}: milliseconds of CPU for one page", costs)
        print(f"  the cores were busy for {statistics.median(busy[label]):.0%} of the time")


@dataclass(frozen=True)
class _Way:
    """How a bare browser is launched, and what it does with a page."""

    capture: Callable[[Browser, str], object]
    flags: Sequence[str] = ()
    without: Sequence[str] = ()
    """Flags of Playwright's that are left out."""


def _protocol(*, speed: bool) -> Callable[[Page], bytes]:
    def shoot(page: Page) -> bytes:
        session = page.context.new_cdp_session(page)
        how = {"format": "png", "captureBeyondViewport": False, "optimizeForSpeed": speed}
        return base64.b64decode(session.send("Page.captureScreenshot", how)["data"])

    return shoot


_for_speed = _protocol(speed=True)


def _by(
    shoot: Callable[[Page], bytes], listen: Callable[[Page], object] = lambda _: None
) -> Callable[[Browser, str], object]:
    return lambda browser, url: bare_capture(browser, url, shoot, listen)


def _to_the_protocol(page: Page) -> None:
    """Listen to the events that the farm listens to."""
    session = page.context.new_cdp_session(page)
    for name, handler in Traffic("", lambda: None, lambda _: None).handlers():
        session.on(name, handler)
    session.send("Network.enable")


def _to_playwright(page: Page) -> None:
    """Listen to what of these Playwright has events for."""

    def ended(request: Request) -> None:
        _ = request.url, request.method, request.resource_type, request.timing

    def answered(response: Response) -> None:
        _ = response.status

    page.on("request", lambda _: None)
    page.on("response", answered)
    page.on("requestfinished", ended)
    page.on("requestfailed", ended)


def _again(*, by_blank: bool) -> Callable[[Browser, str], object]:
    """Have one page for all, which goes to a blank one in between, or does not."""

    def capture(browser: Browser, url: str) -> None:
        pages = [page for context in browser.contexts for page in context.pages]
        page = pages[0] if pages else browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(url)
        page.evaluate("0")  # Else, now and then, there is no picture yet of a page used again.
        _for_speed(page)
        if by_blank:
            page.goto("about:blank")

    return capture


_FAST = _by(_for_speed)
_BROWSERS: Mapping[str, _Way] = {
    "Playwright's screenshot": _Way(_by(Page.screenshot)),
    "no capture": _Way(_by(lambda _: b"")),
    "by the protocol": _Way(_by(_protocol(speed=False))),
    "for speed": _Way(_FAST),
    "and the protocol's events": _Way(_by(_for_speed, _to_the_protocol)),
    "and Playwright's events": _Way(_by(_for_speed, _to_playwright)),
    "one page for all": _Way(_again(by_blank=False)),
    "one page, blank in between": _Way(_again(by_blank=True)),
    "shared memory in /dev/shm": _Way(_FAST, without=["--disable-dev-shm-usage"]),
    "--disable-gpu": _Way(_FAST, ["--disable-gpu"]),
    "--in-process-gpu": _Way(_FAST, ["--disable-gpu", "--in-process-gpu"]),
    "--renderer-process-limit=1": _Way(_FAST, ["--renderer-process-limit=1"]),
    "--num-raster-threads=1": _Way(_FAST, ["--num-raster-threads=1"]),
    "--disable-threaded-compositing": _Way(_FAST, ["--disable-threaded-compositing"]),
    "--enable-low-end-device-mode": _Way(_FAST, ["--enable-low-end-device-mode"]),
    "V8 without TurboFan": _Way(_FAST, ["--js-flags=--no-opt"]),
    "V8 in one thread": _Way(_FAST, ["--js-flags=--single-threaded"]),
    "V8 without Sparkplug and Maglev": _Way(_FAST, ["--js-flags=--no-sparkplug --no-maglev"]),
}
"""The flags are those of a capture for speed."""


def _compare_browsers(urls: Sequence[str], rounds: int) -> None:
    executable = find_chromium(None).path
    found: dict[str, list[float]] = {label: [] for label in _BROWSERS}
    with sync_playwright() as playwright:
        for _ in range(rounds):
            for label, way in _BROWSERS.items():
                browser = playwright.chromium.launch(
                    executable_path=executable,
                    args=list(way.flags),
                    ignore_default_args=list(way.without),
                )
                try:
                    found[label].append(_of_a_browser(browser, way, urls))
                except PlaywrightError as error:
                    print(f"{label}: {error.message.splitlines()[0]}")
                browser.close()
    print("bare browsers: milliseconds of CPU for one page, of each round")
    for label, each in found.items():
        print(f"  {label:34}" + "".join(f"{number:8.0f}" for number in each))


def _of_a_browser(browser: Browser, way: _Way, urls: Sequence[str]) -> float:
    for url in urls[:_WARM_UP]:
        way.capture(browser, url)
    own = [psutil.Process(os.getpid())]
    before = spent(own, _part_of, {})
    for url in urls:
        way.capture(browser, url)
    return between(before, spent(own, _part_of, {}), len(urls))["all"]


def _part_of(process: psutil.Process) -> str:
    command = process.cmdline()
    types = (word.partition("=")[2] for word in command if word.startswith("--type="))
    kind = next(types, None)
    if kind is not None:
        return _TYPES.get(kind, "browser")
    if any("remote-debugging-pipe" in word for word in command):
        return "browser"
    if any(word == "run-driver" for word in command):
        return "driver"
    return "Python" if "spawn_main" in " ".join(command) else part_of(process)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
