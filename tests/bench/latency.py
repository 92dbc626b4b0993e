"""What a caller waits for who waits: alone, and beside a batch."""

import statistics
import time
from collections.abc import Callable, Iterator

from farm.client.http import FarmClient
from tasks.pages.browser import BrowserHolder
from tests.bench.figures import Figure
from tests.bench.pages import real_pages
from tests.bench.support import farm, seconds
from tests.support.gate import gate, gate_to_this_machine
from tests.support.pages import shoot

_GOAL_MS = 15.0
_SLOTS = 2
_PAUSE_S = 0.25
"""Several times what a slot takes between two jobs."""
_SETTINGS = {"STACK_PAGES_CONCURRENCY": str(_SLOTS), "STACK_MEDIA_CONCURRENCY": "1"}
_PAGE = "article.html"


def added(quick: bool) -> Iterator[Figure]:
    """Measure item 2: ``Prefer: wait`` against the same capture in this process."""
    rounds, shots = (2, 3) if quick else (12, 15)
    ours, here = [], []
    with (
        gate_to_this_machine(),
        real_pages() as site,
        farm(_SETTINGS) as stack,
        FarmClient(stack.url) as client,
    ):
        url = f"{site.address}/{_PAGE}"
        browser = BrowserHolder(None, "auto", gate())

        def in_process() -> None:
            shoot(browser, url)

        try:
            for number in range(rounds + 1):
                through_farm = _median_ms(shots, lambda: _through(client, url), rest=_pause)
                alone = _median_ms(shots, in_process, rest=browser.rest)
                if number:  # The first round has warmed both.
                    ours.append(through_farm)
                    here.append(alone)
        finally:
            browser.close()
    yield Figure(
        f"round trip of a screenshot with `Prefer: wait`, median of {shots}",
        "ms",
        ours,
        here,
        "the same capture by the worker's code, in one process, without queue and records",
        "less",
    )
    more = [one - other for one, other in zip(ours, here, strict=True)]
    yield Figure("what of it is added", "ms", more, [_GOAL_MS] * rounds, "the goal", "less")


def beside_a_batch(quick: bool) -> Iterator[Figure]:
    """Measure item 3: single jobs of high priority while a batch has all slots."""
    rounds, shots, pages = (2, 4, 40) if quick else (5, 40, 2000)
    loaded, bound = [], []
    with real_pages() as site, farm(_SETTINGS) as stack, FarmClient(stack.url) as client:
        urls = site.urls(pages)
        single = f"{site.address}/{_PAGE}?single"
        _p95_ms(client, single, shots)
        for _ in range(rounds):
            alone = _p95_ms(client, single, shots)
            batch = client.batch(urls, kind="screenshot", per_host_concurrency=10 * _SLOTS)
            while not batch.progress().running:
                time.sleep(0.05)
            loaded.append(_p95_ms(client, single, shots))
            if batch.progress().finished_at is not None:
                raise RuntimeError("the batch was over before the single jobs were")
            batch.cancel()
            bound.append(alone + _longest_ms(client, batch.id))
            while batch.progress().finished_at is None:
                time.sleep(0.05)
    yield Figure(
        f"p95 of {shots} screenshots of high priority, while a batch of {pages} pages runs",
        "ms",
        loaded,
        bound,
        "p95 of the same without the batch, and the longest run of a job of the batch",
        "less",
    )


def _through(client: FarmClient, url: str) -> None:
    job = client.submit(
        {"kind": "screenshot", "url": url, "retry_blank": 0, "priority": "high"}, wait_s=60
    )
    if not job.artifacts:
        raise RuntimeError(f"the job did not succeed: {job.failure}")


def _pause() -> None:
    """Let the slot get ready for its next job, which the other side does off the clock too."""
    time.sleep(_PAUSE_S)


def _median_ms(
    count: int, work: Callable[[], object], *, rest: Callable[[], object] | None = None
) -> float:
    found = []
    for _ in range(count):
        found.append(seconds(work) * 1000)
        if rest is not None:
            rest()
    return statistics.median(found)


def _p95_ms(client: FarmClient, url: str, count: int) -> float:
    found = [seconds(lambda: _through(client, url)) * 1000 for _ in range(count)]
    return statistics.quantiles(found, n=20, method="inclusive")[-1]


def _longest_ms(client: FarmClient, batch_id: str) -> float:
    jobs = client.jobs(batch=batch_id, state="succeeded", limit=200).items
    runs = [
        (job.finished_at - job.started_at).total_seconds() * 1000
        for job in jobs
        if job.finished_at and job.started_at
    ]
    return max(runs)
