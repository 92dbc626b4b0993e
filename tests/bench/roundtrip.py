"""What the farm adds to the bare browser, for the smallest job there is.

``make bench-roundtrip`` submits screenshots of an empty page with ``Prefer: wait``, one
after the other, and takes the same picture with a bare browser of the same kind in
between, so that both see the same machine. It prints medians; nothing is asserted, for
times say little about another machine.
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from farm.client.http import FarmClient
from tasks.pages.chromium import find_chromium
from tests.bench.support import farm
from tests.support.site import serving

_ROUNDS = 60
_WARM_UP = 6
_STAGES = ("queue", "browser", "load", "settle", "capture", "store")


def main() -> None:
    """Measure and print."""
    samples: defaultdict[str, list[float]] = defaultdict(list)
    with (
        serving() as site,
        farm() as stack,
        FarmClient(stack.url) as client,
        _bare_browser() as browser,
    ):
        url = site.url("/empty")
        for number in range(_WARM_UP + _ROUNDS):
            farm_ms, stages = _through_the_farm(client, url)
            bare_ms = _bare(browser, url)
            if number < _WARM_UP:
                continue
            samples["farm"].append(farm_ms)
            samples["bare"].append(bare_ms)
            for stage in _STAGES:
                samples[stage].append(stages[stage])
            samples["rest"].append(farm_ms - sum(stages.values()))
    _print(samples)


@contextmanager
def _bare_browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(None).path)
        yield browser
        browser.close()


def _through_the_farm(client: FarmClient, url: str) -> tuple[float, dict[str, float]]:
    start = time.monotonic()
    job = client.submit({"kind": "screenshot", "url": url, "retry_blank": 0}, wait_s=60)
    took_ms = (time.monotonic() - start) * 1000
    if job.report is None:
        raise RuntimeError(f"the job did not succeed: {job.failure}")
    return took_ms, job.report["timings_ms"]


def _bare(browser: Browser, url: str) -> float:
    start = time.monotonic()
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(url)
    page.screenshot()
    context.close()
    return (time.monotonic() - start) * 1000


def _print(samples: dict[str, list[float]]) -> None:
    print(f"{_ROUNDS} screenshots of an empty page; milliseconds")
    print(f"{'':24}{'median':>8}{'p95':>8}")
    for name, label in (
        ("farm", "farm, round trip"),
        *((stage, f"  {stage}") for stage in _STAGES),
        ("rest", "  rest (HTTP, messages)"),
        ("bare", "bare browser"),
    ):
        p95 = statistics.quantiles(samples[name], n=20)[-1]
        print(f"{label:24}{statistics.median(samples[name]):8.1f}{p95:8.1f}")
    ratio = statistics.median(samples["farm"]) / statistics.median(samples["bare"])
    print(f"The farm takes {ratio:.2f} times as long as the bare browser.")


if __name__ == "__main__":
    main()
