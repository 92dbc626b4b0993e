"""Many pages as one batch, against the bare loop in as many processes as the farm has slots."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from farm.client.http import FarmClient
from tests.bench.bare import bare_loop
from tests.bench.figures import Figure
from tests.bench.pages import real_pages
from tests.bench.support import farm, per_second

SLOTS = 2
Isolation = Literal["job", "batch"]
ISOLATIONS: Sequence[Isolation] = ("job", "batch")
_LOOK_EVERY_S = 0.25
"""Seldom: a look costs the farm something, and the end is known from what it records."""
_AGAINST = "bare Playwright, {} processes, a fresh context for each page"


def figures(quick: bool) -> Iterator[Figure]:
    """Measure item 1: submitted, until every artifact is stored."""
    for isolation in ISOLATIONS:
        yield compared(
            SLOTS, pages=6 if quick else 200, rounds=2 if quick else 5, isolation=isolation
        )


def compared(slots: int, *, pages: int, rounds: int, isolation: Isolation = "job") -> Figure:
    """Have the same pages captured both ways, in turn; nothing of the farm's is off."""
    settings = {"STACK_PAGES_CONCURRENCY": str(slots), "STACK_MEDIA_CONCURRENCY": "1"}
    ours, bare = [], []
    with (
        tempfile.TemporaryDirectory(prefix="farm-bench-") as folder,
        real_pages() as site,
        bare_loop(slots, Path(folder)) as loop,
        farm(settings) as stack,
        FarmClient(stack.url) as client,
    ):
        urls = site.urls(pages)
        # Both are warm then: processes, browsers, connections.
        warm = urls[: 4 * slots]
        loop.capture(warm)
        captured(client, warm, slots, isolation)
        for _ in range(rounds):
            bare.append(per_second(pages, lambda: loop.capture(urls)))
            ours.append(pages / captured(client, urls, slots, isolation))
        shared = "isolation batch; " if isolation == "batch" else ""
        what = f"{pages} pages, {slots} slots; {shared}{site.kind}"
    return Figure(what, "pages/s", ours, bare, _AGAINST.format(slots))


def captured(
    client: FarmClient, urls: Sequence[str], slots: int, isolation: Isolation = "job"
) -> float:
    """Have the farm capture the pages as one batch; return the seconds until the last has ended.

    Raises:
        RuntimeError: One failed.
    """
    began = datetime.now(UTC)
    # All pages are of one host here, which the farm would spare.
    batch = client.batch(
        urls, kind="screenshot", per_host_concurrency=10 * slots, isolation=isolation
    )
    while (now := batch.progress()).finished_at is None:
        time.sleep(_LOOK_EVERY_S)
    if now.succeeded != len(urls):
        raise RuntimeError(f"not all jobs succeeded: {now.failures_by_code}")
    return (now.finished_at - began).total_seconds()
