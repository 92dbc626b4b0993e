"""Whatever process is killed or hangs while it works, each job ends once, and rightly."""

import signal
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psutil
import pytest

from farm.backends.clock import SystemClock
from farm.backends.redis_changes import ChangeListener
from farm.backends.redis_ledger import RedisLedger
from farm.jobs.models import Job
from farm.jobs.specs.requests import JobRequest
from tests.support.chaos_farm import ChaosFarm, kill
from tests.support.chaos_trial import Trial, Trials
from tests.support.chaos_works import Work, Works
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(600)

_SLOW_S = 3
_LOADING_WITHIN_S = 60


def submit_and_load(during: Trial, works: Works, some: Sequence[Work], count: int = 2) -> None:
    """Hand the works in; return once the site is asked for the first ``count`` of them."""
    during.submit(some)
    until(
        lambda: all(map(works.is_asked_for, some[:count])), "pages are loading", _LOADING_WITHIN_S
    )


UNDER_A_PAGE: Mapping[str, Callable[[ChaosFarm], Sequence[psutil.Process]]] = {
    "SIGKILL of a worker's child": lambda farm: farm.children("farm:pages")[:1],
    "SIGKILL of a driver": ChaosFarm.drivers,
    "SIGKILL of a browser": ChaosFarm.browsers,
}


@pytest.mark.parametrize(
    "fault",
    [
        "SIGKILL of a worker's child",
        "SIGKILL of a browser",
        pytest.param("SIGKILL of a driver", marks=pytest.mark.long),
    ],
)
def test_a_process_under_a_page_is_killed(fault: str, trial: Trials, works: Works) -> None:
    with trial(fault) as during:
        submit_and_load(during, works, works.pictures(4, _SLOW_S))
        kill(UNDER_A_PAGE[fault](during.farm)[0])


@pytest.mark.long
def test_a_renderer_is_killed(trial: Trials, works: Works) -> None:
    with trial("SIGKILL of a renderer") as during:
        # The page has crashed, as far as anybody can tell. That is not tried again.
        slow = works.page(f"/colours?renderer&wait={_SLOW_S}", frozenset({"page_crashed"}))
        submit_and_load(during, works, [slow, *works.pictures(3)], 1)
        for renderer in during.farm.renderers():
            kill(renderer)


@pytest.mark.parametrize("part", ["pages", pytest.param("media", marks=pytest.mark.long)])
def test_120_the_main_process_of_a_worker_is_killed(part: str, trial: Trials, works: Works) -> None:
    name = f"farm:{part}"
    with trial(f"SIGKILL of the worker for {part}", replaced=frozenset({name})) as during:
        submit_and_load(during, works, works.mixed(8, _SLOW_S))
        kill(during.farm.part(name))


TIMED_OUT = frozenset({"timeout", "page_unresponsive"})
HUNG: Mapping[str, Callable[[ChaosFarm], Sequence[psutil.Process]]] = {
    "SIGSTOP of a browser": ChaosFarm.browsers,
    "SIGSTOP of a driver": ChaosFarm.drivers,
}


@pytest.mark.long
@pytest.mark.parametrize("fault", HUNG)
def test_a_process_under_a_page_hangs_for_good(fault: str, trial: Trials, works: Works) -> None:
    """Nobody wakes it: the worker must get rid of it by itself."""
    with trial(fault) as during:
        # Whichever of them meets the hung one cannot be done in time.
        some = [
            works.page(f"/colours?{fault.replace(' ', '-')}-{number}&wait={_SLOW_S}", TIMED_OUT)
            for number in range(2)
        ]
        submit_and_load(during, works, some)
        hung = HUNG[fault](during.farm)[0]
        hung.send_signal(signal.SIGSTOP)
        during.wait_ended()
        during.submit(works.pictures(4))


@pytest.mark.long
def test_the_dispatcher_is_killed(trial: Trials, works: Works) -> None:
    with trial("SIGKILL of the dispatcher", replaced=frozenset({"farm:dispatcher"})) as during:
        # Its child dies as well, so that there is something to be given back.
        submit_and_load(during, works, works.mixed(8, _SLOW_S))
        kill(during.farm.part("farm:dispatcher"))
        kill(during.farm.children("farm:pages")[0])


def test_the_api_is_killed_between_the_record_and_the_announcement(
    trial: Trials, works: Works
) -> None:
    with trial("API killed between record and announcement") as during:
        redis = during.farm.redis
        # What it leaves behind then is the record and nothing else.
        ledger = RedisLedger(redis, ChangeListener(redis, waiters_max=1))
        for number, work in enumerate(works.mixed(6)):
            spec = JobRequest.model_validate(work.spec).root
            now = SystemClock().now()
            job = Job(id=f"{number:032x}", spec=spec, created_at=now, queued_at=now)
            assert ledger.swap(job)
            during.taken[job.id] = work


@pytest.mark.long
def test_processes_of_the_api_are_killed_while_jobs_are_handed_in(
    trial: Trials, works: Works
) -> None:
    with trial("SIGKILL of the API's children under load") as during:
        some = works.probes(60)
        with ThreadPoolExecutor(1) as thread:
            submitting = thread.submit(during.submit_from_threads, some)
            for taken in (10, 20, 30):
                during.wait_taken(taken)
                kill(during.farm.children("farm:api")[0])
            submitting.result()


def test_workers_are_restarted_one_after_the_other_under_load(trial: Trials, works: Works) -> None:
    workers = ("farm:pages", "farm:media")
    with trial("rolling restart of the workers under load", replaced=frozenset(workers)) as during:
        submit_and_load(during, works, works.mixed(24, 1))
        for name in workers:
            old = during.farm.part(name)
            old.terminate()
            until(partial(during.farm.is_replaced, name, old), f"{name} is a new process", 60)
        during.wait_ended()
        # A job in flight when a worker stops ends first, or is given back uncounted.
        assert {job.attempt for job in during.ended()} == {1}
