"""A list through ``farm batch`` and a real farm: interrupted, killed, and gone on with."""

import json
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dev.stack import Stack
from farm.client.cli import cli
from farm.client.http import FarmClient
from tests.support.batch_command import Command
from tests.support.blocked_loop import BlockedLoop
from tests.support.chaos_works import Work, Works
from tests.support.disks import a_disk
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


def test_it_runs_in_a_loop_that_can_start_no_process(
    farm: Stack, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    works = Works(site).pictures(3)
    command = Command.of(farm.url, tmp_path, works)
    monkeypatch.chdir(tmp_path)

    async def inside() -> Result:
        arguments = ["--url", farm.url, "batch", "urls.txt", "-o", "shots", "--name", "{number}"]
        return CliRunner().invoke(cli, arguments)

    loop = BlockedLoop()
    try:
        done = loop.run_until_complete(inside())
    finally:
        loop.close()
    assert done.exit_code == 0, done.output
    assert command.right() == 3


NOWHERE = "http://nowhere.invalid/"


@pytest.mark.parametrize(
    ("option", "said"), [(["--fail-fast"], "cancelled"), (["--max-failures", "1"], "paused")]
)
def test_what_stops_at_a_failure_is_gone_on_with(
    farm: Stack, site: Site, tmp_path: Path, option: Sequence[str], said: str
) -> None:
    command = Command.of(farm.url, tmp_path, Works(site).pictures(12, 0.5))
    listed = tmp_path / "urls.txt"
    # Last, so that the files of the others keep their numbers.
    listed.write_text(f"{listed.read_text()}{NOWHERE}\n")
    code, _, told = command.ended(*option)
    assert code == 1
    assert said in told
    code, _, told = command.ended()
    assert (code, command.right()) == (1, 12), told
    assert "1 failed" in told


def test_pages_of_ones_own_and_those_that_differ_by_a_secret_are_told_apart(
    farm: Stack, client: FarmClient, site: Site, tmp_path: Path
) -> None:
    address = site.url("/colours")
    shots: list[dict[str, object]] = [
        {"html": f"<h1>{'x' * 20_000}</h1>{number}", "tags": ["apart"]} for number in range(3)
    ]
    shots += [
        {"url": address, "extra_http_headers": {"X-Who": who}, "tags": ["apart"]} for who in "ab"
    ]
    (tmp_path / "list.ndjson").write_text("".join(f"{json.dumps(shot)}\n" for shot in shots))
    arguments = ["--url", farm.url, "batch", str(tmp_path / "list.ndjson"), "-o", str(tmp_path)]
    done = CliRunner().invoke(cli, arguments)
    assert (done.exit_code, done.stderr) == (0, "5 done\n")
    assert len(list(tmp_path.glob("*.png"))) == 5
    (tmp_path / "manifest.jsonl").write_bytes(
        b"".join(
            line
            for line in (tmp_path / "manifest.jsonl").read_bytes().splitlines(keepends=True)
            if b'"type": "item"' not in line
        )
    )
    done = CliRunner().invoke(cli, arguments)
    assert (done.exit_code, done.stderr) == (0, "5 done\n")
    assert len(list(client.all_jobs(tag="apart"))) == 5


@pytest.mark.parametrize("kib", [0, 12, 60])
def test_a_disk_that_is_full_ends_it_and_the_rest_is_done_once_there_is_room(
    farm: Stack, client: FarmClient, works: Sequence[Work], tmp_path: Path, kib: int
) -> None:
    """0: there is no room for the manifest itself, so nothing is handed in."""
    some, tag = works[:12], f"full-{kib}"
    command = Command.of(farm.url, tmp_path, some)
    with a_disk(command.shots, f"size={max(kib, 4)}k") as disk:
        filler = command.shots / "filler"
        filler.write_bytes(bytes(0 if kib else 4096))
        code, _, said = command.ended("--tags", tag)
        assert code == 2
        assert "No space left on device" in said
        assert command.half_written() == []
        before = command.right()
        assert before < len(some)
        assert len(list(client.all_jobs(tag=tag))) == (len(some) if kib else 0)
        filler.unlink()
        disk.resize(4096)
        code, _, said = command.ended("--tags", tag)
        assert (code, command.right()) == (0, len(some)), said
        assert command.half_written() == []
        assert len(list(client.all_jobs(tag=tag))) == len(some)


def test_a_folder_that_may_not_be_written_is_told_and_nothing_is_handed_in(
    farm: Stack, client: FarmClient, works: Sequence[Work], tmp_path: Path
) -> None:
    command = Command.of(farm.url, tmp_path, works[:3])
    with a_disk(command.shots, "size=1m") as disk:
        disk.forbid_writing()
        code, _, said = command.ended("--tags", "forbidden")
        assert code == 2
        assert "Read-only file system" in said
        assert str(Path("shots", "manifest.jsonl")) in said
        assert list(client.all_jobs(tag="forbidden")) == []
        disk.allow_writing()
        assert command.ended("--tags", "forbidden")[::2] == (0, "3 done\n")
