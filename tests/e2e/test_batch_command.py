"""A list through ``farm batch`` and a real farm: interrupted, killed, and gone on with."""

import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from dev.stack import Stack
from farm.client.http import FarmClient
from tests.support.batch_command import Command
from tests.support.chaos_works import Work, Works
from tests.support.site import Site, serving

COUNT = 40


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


@pytest.fixture
def works(site: Site) -> Sequence[Work]:
    return Works(site).pictures(COUNT)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_list_that_is_ended_in_its_midst_is_gone_on_with(
    farm: Stack, client: FarmClient, works: Sequence[Work], tmp_path: Path, number: signal.Signals
) -> None:
    tag = f"list-{number}"
    command = Command.of(farm.url, tmp_path, works)
    with command.until_done(5, "--tags", tag) as process:
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode == (130 if number == signal.SIGINT else -number)
    assert command.done() < COUNT
    code, _, said = command.ended("--tags", tag)
    assert code == 0, said
    assert command.right() == COUNT
    assert command.half_written() == []
    jobs = list(client.all_jobs(tag=tag))
    assert len(jobs) == COUNT
    assert {(job.state, job.attempt, job.retries) for job in jobs} == {("succeeded", 1, 0)}
    assert command.ended("--tags", tag)[::2] == (0, f"0 done, {COUNT} there before\n")
