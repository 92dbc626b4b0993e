"""Whatever process of the local farm is killed, the farm goes on and loses nothing."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TypeVar

import httpx
import psutil
import pytest
from redis import Redis

from dev.stack import Stack, running
from farm.client.errors import ClientError
from farm.client.http import FarmClient
from farm.jobs.states import JobState
from farm.jobs.views import JobView
from tests.support.processes import Family, family, lives, workers_children
from tests.support.site import Site
from tests.support.stacks import a_stack
from tests.support.waiting import until

BACK_WITHIN_S = 90
T = TypeVar("T")

pytestmark = pytest.mark.timeout(240)

WORDS: Mapping[str, str] = {
    "api": "api.wsgi:create()",
    "pages": "pages@%h",
    "media": "media@%h",
    "dispatcher": "tasks.dispatcher",
    "flower": "flower",
    "redis": "redis-server",
}
"""What only that part's command line has."""

WHOLE: Mapping[str, int] = {
    "api": 2,
    "pages": 2,
    "media": 1,
    "dispatcher": 0,
    "flower": 0,
    "redis": 0,
}
"""How many processes each part starts itself."""


@dataclass(frozen=True)
class Supervised:
    """The farm of these tests, and its end."""

    stack: Stack
    client: FarmClient
    processes: Family
    ending: ExitStack

    def part(self, name: str) -> psutil.Process | None:
        """Return the process that supervisord started as this part, if there is one now."""
        with suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self.stack.pid).children():
                if WORDS[name] in " ".join(process.cmdline()) and lives(process):
                    return process
        return None

    def children(self, name: str) -> list[psutil.Process]:
        """Return the processes that this part started, but for a worker's gate."""
        part = self.part(name)
        return workers_children(part) if part else []

    def child(self, name: str) -> psutil.Process | None:
        return next(iter(self.children(name)), None)

    def is_whole(self) -> bool:
        """Return whether every part is there with all its processes."""
        return all(
            self.part(name) is not None and len(self.children(name)) == count
            for name, count in WHOLE.items()
        )

    def supervisord(self) -> psutil.Process | None:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.stack.pid)
            return process if lives(process) else None
        return None

    def submit(self, kind: str, url: str) -> JobView:
        """Hand in a job as soon as somebody takes it."""
        # The lease of a job that dies with all of the farm is over 25 s after this.
        spec = {"kind": kind, "url": url, "timeout": 10_000}
        return until(
            lambda: _or_none(lambda: self.client.submit(spec)), "a job is taken", BACK_WITHIN_S
        )

    def ended(self, job: JobView) -> JobView:
        """Return the job once it has ended, however often the API goes away meanwhile."""

        def look() -> JobView | None:
            view = _or_none(lambda: self.client.job(job.id, wait_s=5))
            return view if view and view.state.is_terminal else None

        return until(look, f"job {job.id} has ended", BACK_WITHIN_S)

    def is_ready(self) -> bool:
        readiness = _or_none(self.client.ready)
        return readiness is not None and readiness.ready

    def flower(self, path: str) -> int:
        """Return the status with which Flower answers; 0 if it does not."""
        login = ("farm", self.stack.flower_password)
        with suppress(httpx.HTTPError), httpx.Client(trust_env=False, auth=login) as client:
            return client.get(f"{self.stack.flower_url}{path}").status_code
        return 0


def _or_none(call: Callable[[], T]) -> T | None:
    with suppress(ClientError):
        return call()
    return None


VICTIMS: Mapping[str, Callable[[Supervised], psutil.Process | None]] = {
    "the API's main process": lambda farm: farm.part("api"),
    "a process that answers for the API": lambda farm: farm.child("api"),
    "the worker for pages": lambda farm: farm.part("pages"),
    "a child of the worker for pages": lambda farm: farm.child("pages"),
    "the worker for media": lambda farm: farm.part("media"),
    "the dispatcher": lambda farm: farm.part("dispatcher"),
    "Flower": lambda farm: farm.part("flower"),
    "Redis": lambda farm: farm.part("redis"),
    "supervisord": Supervised.supervisord,
}


@pytest.fixture(scope="module")
def supervised(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervised]:
    folder = tmp_path_factory.mktemp("supervised")
    mark = folder / "tmp"
    mark.mkdir()
    settings = {
        "TMPDIR": str(mark),
        "STACK_PAGES_CONCURRENCY": str(WHOLE["pages"]),
        "STACK_MEDIA_CONCURRENCY": str(WHOLE["media"]),
    }
    with (
        family(str(mark)) as processes,
        (folder / "farm.log").open("wb") as log,
        ExitStack() as ending,
    ):
        stack = a_stack(folder / "a run", log, settings)
        ending.enter_context(running(stack))
        stack.wait_ready()
        with FarmClient(stack.url) as client:
            yield Supervised(stack, client, processes, ending)


@pytest.mark.parametrize("victim", VICTIMS)
def test_the_farm_outlives(supervised: Supervised, site: Site, victim: str) -> None:
    until(supervised.is_whole, "the farm is whole")
    killed = VICTIMS[victim](supervised)
    assert killed is not None
    killed.kill()
    until(lambda: not lives(killed), f"{victim} is dead")
    jobs = [
        supervised.submit("screenshot", site.url("/colours")),
        supervised.submit("probe", site.url("/video.mp4")),
    ]
    for job in map(supervised.ended, jobs):
        assert job.state is JobState.SUCCEEDED, job.failure
    until(supervised.is_whole, "the farm is whole again", BACK_WITHIN_S)
    until(supervised.is_ready, "the farm is ready", BACK_WITHIN_S)
    until(lambda: supervised.flower("/") == 200, "Flower answers", BACK_WITHIN_S)


def test_another_dispatcher_takes_over(supervised: Supervised) -> None:
    with Redis.from_url(supervised.stack.redis_url) as redis:
        before = until(lambda: redis.get("farm:leader:dispatcher"), "a dispatcher leads")
        killed = until(lambda: supervised.part("dispatcher"), "the dispatcher is there")
        killed.kill()
        until(
            lambda: redis.get("farm:leader:dispatcher") not in {None, before},
            "another one leads",
            BACK_WITHIN_S,
        )


def test_what_was_accepted_outlives_redis(supervised: Supervised, site: Site) -> None:
    done = supervised.ended(supervised.submit("screenshot", site.url("/colours")))
    picture = supervised.client.result(done.id)
    jobs = [supervised.submit("screenshot", site.url("/slow?2")) for _ in range(4)]
    with Redis.from_url(supervised.stack.redis_url) as redis:
        # What is handed to the kernel outlives the process.
        until(lambda: redis.info("persistence")["aof_buffer_length"] == 0, "all is written")
    killed = until(lambda: supervised.part("redis"), "Redis is there")
    killed.kill()
    until(lambda: not lives(killed), "Redis is dead")
    ended = [supervised.ended(job) for job in jobs]
    assert [job.state for job in ended] == [JobState.SUCCEEDED] * 4
    assert supervised.client.result(done.id) == picture
    after = supervised.ended(supervised.submit("screenshot", site.url("/colours")))
    until(lambda: supervised.flower(f"/api/task/info/{after.id}") == 200, "Flower still watches")


def test_stopped_it_leaves_no_process(supervised: Supervised) -> None:
    assert supervised.processes.alive()
    supervised.ending.close()
    assert supervised.processes.alive() == []
