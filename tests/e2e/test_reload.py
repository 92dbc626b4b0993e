"""`make dev`: code changes under a working farm, and neither jobs nor callers notice."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from dev.stack import ROOT, Ports
from farm.client.errors import ClientError
from farm.client.http import FarmClient
from farm.jobs.states import JobState
from tests.support.gate import THIS_MACHINE
from tests.support.processes import Family, family, is_browser, lives
from tests.support.site import Site
from tests.support.waiting import until

ENDED_WITHIN_S = 90

pytestmark = pytest.mark.timeout(240)


@dataclass(frozen=True)
class ReloadingFarm:
    """A farm that runs from sources of its own, which may be changed."""

    sources: Path
    client: FarmClient
    processes: Family

    def running(self, word: str) -> set[psutil.Process]:
        """Return the processes with ``word`` in their command line."""
        found = set()
        for process in self.processes.alive():
            with suppress(psutil.NoSuchProcess):
                if word in process.cmdline():
                    found.add(process)
        return found

    def change(self, file: str, old: str, new: str) -> None:
        """Replace ``old`` in a source file once it is watched."""
        path = self.sources / file
        until(lambda: self._is_watched(path.parent), f"{file} is watched")
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def _is_watched(self, folder: Path) -> bool:
        # proc_pid_fdinfo(5): each watch is a line that names the inode.
        watch = f"ino:{folder.stat().st_ino:x} "
        with suppress(OSError):
            return any(
                watch in descriptor.read_text()
                for process in self.running("dev.reload")
                for descriptor in Path(f"/proc/{process.pid}/fdinfo").iterdir()
            )
        return False


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReloadingFarm]:
    folder = tmp_path_factory.mktemp("dev")
    sources, mark, ports = folder / "sources", folder / "tmp", Ports.free()
    mark.mkdir()
    for room in ("api", "dev", "docker", "farm", "tasks"):
        shutil.copytree(ROOT / room, sources / room, ignore=shutil.ignore_patterns("__pycache__"))
    environment = {
        **os.environ,
        "PYTHONPATH": str(sources),
        "TMPDIR": str(mark),
        "FARM_API_PORT": str(ports.api),
        "FARM_FLOWER_PORT": str(ports.flower),
        "FARM_REDIS_PORT": str(ports.redis),
        "FARM_EGRESS_ALLOW": THIS_MACHINE,
        "FARM_PAGES_CONCURRENCY": "2",
        "FARM_MEDIA_CONCURRENCY": "1",
    }
    with (
        family(str(mark)) as processes,
        (folder / "farm.log").open("wb") as log,
        FarmClient(f"http://127.0.0.1:{ports.api}") as client,
    ):
        command = [sys.executable, "-m", "dev.stack", "--reload"]
        with subprocess.Popen(
            command, cwd=sources, env=environment, stdout=log, stderr=log
        ) as process:
            try:
                until(lambda: _is_ready(client), "the farm is ready", 90)
                yield ReloadingFarm(sources, client, processes)
            finally:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(60)
                process.kill()
        assert processes.alive() == []


def _is_ready(client: FarmClient) -> bool:
    with suppress(ClientError):
        return client.ready().ready
    return False


def test_jobs_in_flight_end_and_no_browser_is_left_of_the_old_workers(
    dev: ReloadingFarm, site: Site
) -> None:
    spec = {"kind": "screenshot", "url": site.url("/slow?1")}
    jobs = [dev.client.submit(spec) for _ in range(10)]
    until(lambda: dev.client.job(jobs[0].id).state is JobState.RUNNING, "a job runs")
    old = dev.running("pages@%h")
    dev.change("tasks/pages/page.py", '"""', '# Changed.\n"""')
    until(lambda: not any(map(lives, old)), "the old workers are gone", ENDED_WITHIN_S)
    assert not dev.client.job(jobs[-1].id).state.is_terminal
    until(lambda: dev.running("pages@%h"), "there are new workers", ENDED_WITHIN_S)
    ended = [dev.client.wait(job, timeout_s=ENDED_WITHIN_S) for job in jobs]
    assert [(job.state, job.attempt) for job in ended] == [(JobState.SUCCEEDED, 1)] * 10
    assert any(map(is_browser, dev.processes.alive()))
    until(lambda: not dev.processes.orphans(), "no browser is without its worker", 10)


def test_the_api_takes_up_new_code_and_refuses_nobody_meanwhile(dev: ReloadingFarm) -> None:
    old = dev.running("api.wsgi:create()")
    dev.change("api/routes/health.py", '"ok"', '"new"')

    def only_new_code_answers() -> bool:
        answers = {_health(dev.client.url) for _ in range(20)}
        # The main process stays: it holds the door open.
        return answers == {"new"} and sum(map(lives, old)) == 1

    until(only_new_code_answers, "only the new code answers", 90)


def _health(url: str) -> str:
    answer = httpx.get(f"{url}/healthz", trust_env=False, timeout=30)
    status: str = answer.raise_for_status().json()["status"]
    return status
