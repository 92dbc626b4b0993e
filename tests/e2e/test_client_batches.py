"""Batches from Python, on a whole farm."""

import asyncio
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from dev.stack import Stack
from farm.client.async_http import AsyncFarmClient
from farm.client.errors import RequestInvalid
from farm.client.http import FarmClient
from farm.jobs.batches.models import BatchState
from farm.jobs.batches.views import BatchView
from farm.jobs.states import JobState
from tests.support.blocked_loop import BlockedLoop
from tests.support.held import held
from tests.support.site import Site

pytestmark = pytest.mark.timeout(240)


def pages(site: Site, mark: str, count: int) -> list[str]:
    return [site.url(f"/article?{mark}&number={number}") for number in range(count)]


def test_each_job_is_told_once_as_it_ends_and_all_at_the_end(
    client: FarmClient, site: Site
) -> None:
    urls = pages(site, "told", 12)
    looks: list[BatchView] = []
    batch = client.batch(
        [*urls, "http://nowhere.invalid/", urls[0], "gopher://a"],
        kind="content",
        per_host_concurrency=4,
    )
    assert [each.line for each in batch.rejected] == [15]
    assert batch.duplicates == 1
    told = list(batch.ended(looks.append))
    assert Counter(job.spec["url"] for job in told) == Counter([*urls, "http://nowhere.invalid/"])
    assert [job.failure.code for job in told if job.failure] == ["dns_error"]
    assert all(job.batch_id == batch.id for job in told)
    assert batch.view.state is BatchState.FINISHED
    assert (looks[-1].succeeded, looks[-1].failed) == (12, 1)
    assert batch.view.failures_by_code == {"dns_error": 1}
    again = client.existing_batch(batch.id)
    assert {job.id for job in again} == {job.id for job in told}


def test_it_is_paused_resumed_retried_and_cancelled(client: FarmClient, site: Site) -> None:
    with held(site.url("/article")) as (page, release):
        urls = [f"{page}?{number}" for number in range(4)]
        batch = client.batch(urls, kind="content", per_host_concurrency=1, timeout=60_000)
        assert batch.pause().state is BatchState.PAUSED
        assert batch.resume().state is BatchState.RUNNING
        cancelled = batch.cancel()
        assert cancelled.state is BatchState.CANCELLED
        release.set()
    assert {job.state for job in batch} == {JobState.CANCELLED}
    with pytest.raises(RequestInvalid) as over:
        batch.pause()
    assert over.value.code == "batch_over"


def test_what_failed_is_queued_again_and_ends_again(client: FarmClient) -> None:
    batch = client.batch(["http://nowhere.invalid/"], kind="content")
    first = list(batch)
    batch.retry_failed()
    second = list(batch)
    assert [job.id for job in first] == [job.id for job in second]
    assert [job.retries for job in (*first, *second)] == [0, 1]
    with pytest.raises(RequestInvalid) as nothing:
        client.batch(["http://127.0.0.1:1"], kind="content").retry_failed()
    assert nothing.value.code == "nothing_to_retry"


def test_it_is_awaited_on_a_loop_that_can_start_no_process(
    farm: Stack, site: Site, tmp_path: Path
) -> None:
    urls = pages(site, "awaited", 6)

    async def run() -> list[str]:
        async with AsyncFarmClient(farm.url) as client:
            batch = await client.batch(urls, kind="screenshot", per_host_concurrency=4)
            found = []
            async for job in batch:
                await client.save_artifact(job, "screenshot.png", tmp_path / f"{job.id}.png")
                found.append(job.spec["url"])
            return found

    with asyncio.Runner(loop_factory=BlockedLoop) as loop:
        assert sorted(loop.run(run())) == urls
    assert len(list(tmp_path.iterdir())) == 6


def test_a_whole_upload_and_probe_are_awaited_too(farm: Stack, media_folder: Path) -> None:
    async def run() -> str:
        async with AsyncFarmClient(farm.url) as client:
            report = await client.probe(media_folder / "video.mp4")
            codec: str = report["summary"]["video"]["codec_name"]
            return codec

    with asyncio.Runner(loop_factory=BlockedLoop) as loop:
        assert loop.run(run()) == "h264"


def test_all_results_are_read_and_saved_in_one(
    client: FarmClient, site: Site, tmp_path: Path
) -> None:
    batch = client.batch(pages(site, "results", 4), kind="content", per_host_concurrency=4)
    told = {job.id for job in batch}
    assert {job.id for job in batch.results()} == told
    batch.save_results("archive.zip", tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.testzip() is None
        assert sum(name.endswith(".json") for name in archive.namelist()) >= len(told)
    assert [path.name for path in tmp_path.iterdir()] == ["all.zip"]
