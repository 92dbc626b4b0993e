"""The asynchronous client: the same requests, awaited."""

import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from farm.client.async_batches import AsyncBatch
from farm.client.async_http import AsyncFarmClient
from farm.client.batches import Batch
from farm.client.errors import (
    DamagedArtifact,
    FarmUnreachable,
    JobNotSucceeded,
    RequestInvalid,
    WaitTimedOut,
)
from farm.client.http import FarmClient
from farm.jobs.states import JobState
from tests.support.awaiting import awaited
from tests.support.blocked_loop import BlockedLoop
from tests.support.fake_farm import (
    CONTENT,
    DNS_ERROR,
    DOCUMENT,
    PICTURE,
    REPORT,
    BrokenOff,
    FakeFarm,
    problem,
)

SPEC = {"kind": "screenshot", "url": "https://example.com/"}
OF_THE_SYNC_CLIENT_ALONE = {
    "url", "key_in_clear", "create_key", "keys", "revoke_key", "workers", "link", "deliver_again",
    "metrics", "clock",
}  # fmt: skip


@pytest.fixture
def farm() -> FakeFarm:
    return FakeFarm()


@pytest.fixture
def client(farm: FakeFarm) -> Iterator[FarmClient]:
    """On the loop that can start no process, as on Windows: it needs none."""
    with asyncio.Runner(loop_factory=BlockedLoop) as loop:
        yield awaited(farm.async_client(), loop)


def public(kind: type) -> dict[str, str]:
    """Return the methods of ``kind`` with their parameters."""
    return {
        name: str(inspect.signature(member).replace(return_annotation=None))
        for name, member in inspect.getmembers(kind, callable)
        if not name.startswith("_")
    }


@pytest.mark.parametrize(
    ("plain", "asynchronous"), [(FarmClient, AsyncFarmClient), (Batch, AsyncBatch)]
)
def test_it_has_the_methods_of_the_other_with_their_parameters(
    plain: type, asynchronous: type
) -> None:
    expected = public(plain)
    for name in OF_THE_SYNC_CLIENT_ALONE:
        expected.pop(name, None)
    assert public(asynchronous) == expected


def test_it_asks_what_the_other_asks(farm: FakeFarm, client: FarmClient, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"bytes")
    other = FakeFarm()

    def use(each: FarmClient) -> None:
        each.screenshot("https://example.com/", full_page=True)
        each.pdf(html="<p>Hello</p>")
        each.content("https://example.com/")
        each.probe(path)
        each.probe("https://example.com/a.mp4")
        each.wait(each.submit(SPEC, wait_s=2))
        each.cancel("job-1")
        list(each.all_jobs(state="succeeded"))
        each.pressure()
        each.ready()
        list(each.batch(["https://example.com/"], kind="pdf"))

    use(client)
    use(other.client())
    told = [
        [(each.method, str(each.url), each.headers.get("Prefer"), each.content) for each in seen]
        for seen in (farm.requests, other.requests)
    ]
    assert told[0] == told[1]
    assert len(told[0]) == 20


def test_whole_jobs_return_what_they_made(
    client: FarmClient, farm: FakeFarm, tmp_path: Path
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(PICTURE)
    assert client.screenshot("https://example.com/") == PICTURE
    assert client.pdf("https://example.com/") == DOCUMENT
    assert client.content("https://example.com/") == CONTENT
    assert client.probe(path) == REPORT
    assert farm.uploads == {}


def test_a_file_is_sent_in_pieces_and_again_where_it_was_turned_away(
    farm: FakeFarm, client: FarmClient, tmp_path: Path
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(PICTURE)
    farm.troubles = [problem(503, "backend_unavailable", "x", headers={"Retry-After": "1"})]
    steps: list[tuple[int, int]] = []
    client.upload(path, on_progress=lambda *step: steps.append(step))
    assert farm.uploads == {"upload-1": PICTURE}
    assert steps[-1] == (len(PICTURE), len(PICTURE))
    assert farm.requests[0].headers["Content-Length"] == str(len(PICTURE))


def test_an_artifact_is_saved_even_if_the_first_try_breaks_off(
    farm: FakeFarm, client: FarmClient, tmp_path: Path
) -> None:
    job = client.job(farm.add_job())
    farm.troubles = [httpx.Response(200, stream=BrokenOff())]
    client.save_artifact(job, "screenshot.png", tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes() == PICTURE
    assert len(list(tmp_path.iterdir())) == 1


def test_damaged_bytes_are_refused(farm: FakeFarm, client: FarmClient, tmp_path: Path) -> None:
    job_id = farm.add_job()
    farm.damaged = True
    with pytest.raises(DamagedArtifact):
        client.result(job_id)
    with pytest.raises(DamagedArtifact):
        client.save_artifact(job_id, "screenshot.png", tmp_path / "x.png")
    assert list(tmp_path.iterdir()) == []


def test_it_raises_what_the_other_raises(farm: FakeFarm, client: FarmClient) -> None:
    farm.failure = DNS_ERROR
    with pytest.raises(JobNotSucceeded):
        client.run(SPEC)
    with pytest.raises(RequestInvalid):
        client.job("nope")
    farm.troubles = [httpx.ConnectError("refused") for _ in range(4)]
    with pytest.raises(FarmUnreachable):
        client.pressure()
    job_id = farm.add_job()
    farm.answers_before_the_end = 10**9
    with pytest.raises(WaitTimedOut):
        client.wait(job_id, timeout_s=0.01)


def test_others_go_on_while_one_waits(farm: FakeFarm) -> None:
    async def both() -> list[JobState]:
        async with farm.async_client() as client:
            jobs = await asyncio.gather(client.run(SPEC), client.run(SPEC))
            return [job.state for job in jobs]

    assert asyncio.run(both()) == [JobState.SUCCEEDED] * 2


def test_whoever_gives_up_waiting_leaves_no_upload_behind(farm: FakeFarm, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"bytes")
    farm.answers_before_the_end = 10**9

    async def given_up() -> None:
        async with farm.async_client() as client:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.probe(path), 0.1)

    asyncio.run(given_up())
    assert "POST /v1/uploads" in farm.asked
    assert farm.uploads == {}
