"""Artifacts in a memory of their own: full, it forgets the oldest; no job and no record is lost."""

import hashlib
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import psutil
import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from dev.stack import ArtifactsRedis, Stack, running
from farm.client.errors import ApiError
from farm.client.http import FarmClient
from farm.jobs.states import JobState
from farm.jobs.views import JobView
from tests.support.neighbours import need
from tests.support.processes import lives
from tests.support.stacks import a_stack
from tests.support.waiting import until

MEMORY_BYTES = 40 << 20
RECORDS_MAX_BYTES = 2 << 20
NOISE = """<!doctype html><title>Noise</title><style>body{margin:0}</style>
<canvas width=1600 height=1600></canvas><script>
const pen = document.querySelector("canvas").getContext("2d");
const noise = pen.createImageData(1600, 1600);
for (let at = 0; at < noise.data.length; at += 65536)
  crypto.getRandomValues(noise.data.subarray(at, Math.min(at + 65536, noise.data.length)));
for (let at = 3; at < noise.data.length; at += 4) noise.data[at] = 255;
pen.putImageData(noise, 0, 0);
</script>"""
"""A picture that no format makes smaller: some 8 MB."""
SPEC = {"kind": "screenshot", "html": NOISE, "viewport": {"width": 1600, "height": 1600}}

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    for program in ("redis-server", "chromium-headless-shell"):
        need(program)
    run_dir: Path = tmp_path_factory.mktemp("artifacts")
    with (run_dir / "farm.log").open("wb") as log:
        stack = a_stack(run_dir, log, artifacts=ArtifactsRedis.free("40mb"))
        with running(stack):
            stack.wait_ready()
            yield stack


@pytest.fixture
def client(stack: Stack) -> Iterator[FarmClient]:
    with FarmClient(stack.url) as client:
        yield client


def is_evicted(client: FarmClient, job: JobView) -> bool:
    try:
        content = client.result(job.id)
    except ApiError as error:
        if (error.status, error.code) != (HTTPStatus.GONE, "artifact_evicted"):
            raise
        return True
    assert hashlib.sha256(content).hexdigest() == job.artifacts[0].sha256
    return False


def test_three_times_the_memory_fails_no_job(stack: Stack, client: FarmClient) -> None:
    jobs: list[JobView] = []
    stored_bytes = 0
    with Redis.from_url(stack.redis_url) as records:
        before = records.info("memory")["used_memory"]
        while stored_bytes < 3 * MEMORY_BYTES:
            pair = [client.submit(SPEC), client.submit(SPEC)]
            jobs += [client.wait(job, timeout_s=60) for job in pair]
            assert {job.state for job in jobs} == {JobState.SUCCEEDED}
            stored_bytes = sum(job.artifacts[0].size_bytes for job in jobs)
        assert records.info("memory")["used_memory"] - before < RECORDS_MAX_BYTES
        assert list(records.scan_iter("farm:artifact:*")) == []
    evicted = [is_evicted(client, job) for job in jobs]
    assert all(evicted[: len(jobs) // 2])
    assert not evicted[-1]
    assert {client.job(job.id).state for job in jobs} == {JobState.SUCCEEDED}


def test_its_end_costs_what_it_held_and_nothing_else(stack: Stack, client: FarmClient) -> None:
    assert stack.artifacts
    before = client.wait(client.submit(SPEC), timeout_s=60)
    killed = next(
        process
        for process in psutil.Process(stack.pid).children()
        if f":{stack.artifacts.port}" in " ".join(process.cmdline())
    )
    killed.kill()
    until(lambda: not lives(killed), "it is dead")
    with Redis.from_url(stack.redis_users.url("default", stack.artifacts.port)) as artifacts:
        until(lambda: _answers(artifacts), "another one answers")
    after = client.wait(client.submit(SPEC), timeout_s=60)
    assert after.state is JobState.SUCCEEDED
    assert is_evicted(client, before)
    assert not is_evicted(client, after)


def _answers(redis: Redis) -> bool:
    try:
        return bool(redis.ping())
    except RedisConnectionError:
        return False
