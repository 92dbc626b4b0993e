"""One farm for the whole session, as `make run` starts it, on free ports."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from dev.stack import Stack, running
from farm.client.http import FarmClient
from tests.support.neighbours import need
from tests.support.stacks import a_stack


@pytest.fixture(scope="session")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    for program in ("redis-server", "ffprobe", "chromium-headless-shell"):
        need(program)
    run_dir: Path = tmp_path_factory.mktemp("farm")
    with (
        (run_dir / "farm.log").open("wb") as log,
        running(a_stack(run_dir, log)) as stack,
    ):
        stack.wait_ready()
        yield stack
        with Redis.from_url(stack.redis_url) as redis:
            denied = [entry for entry in redis.acl_log() if "farm" in str(entry["client-info"])]
        assert denied == [], "a part was refused what docker/redis-users.acl does not let it do"


@pytest.fixture
def client(farm: Stack) -> Iterator[FarmClient]:
    with FarmClient(farm.url) as client:
        yield client
