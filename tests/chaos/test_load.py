"""Many jobs at once, and jobs that mean harm, beside the faults."""

import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
import pytest
from redis.exceptions import RedisError

from farm.jobs.states import JobState
from tests.support.chaos_farm import ChaosFarm, kill
from tests.support.chaos_trial import Trial, Trials
from tests.support.chaos_works import Works
from tests.support.waiting import until

_MEMORY = frozenset({"page_crashed", "out_of_memory", "page_unresponsive", "timeout"})


@pytest.mark.timeout(600)
def test_90_120_poison_among_healthy_jobs_ends_and_harms_none_of_them(
    trial: Trials, works: Works
) -> None:
    with trial("poison: a child killed at each run, memory bombs, 20 healthy jobs") as during:
        poison = works.silence("poison", frozenset({"worker_lost"}))
        (poisoned,) = during.submit([poison])
        during.submit(works.mixed(10))
        bombs = [works.page(f"/memory-{sort}", _MEMORY) for sort in ("nodes", "buffers", "later")]
        during.submit([*bombs, *works.mixed(10)])
        for _ in range(3):
            kill(until(lambda: during.farm.prober_of("/silent?poison"), "the poison runs", 120))
        during.wait_ended()
        # Nobody else met its fate.
        assert max(job.attempt for job in during.ended() if job.id != poisoned) == 1


@pytest.mark.long
@pytest.mark.timeout(900)
def test_redis_is_killed_while_two_thousand_jobs_are_published(
    trial: Trials, works: Works, tones: Sequence[Path]
) -> None:
    with trial(
        "2,000 jobs, Redis killed while they are published",
        replaced=frozenset({"redis"}),
        within_s=600,
    ) as during:
        uploads = [during.farm.client.upload(tone).id for tone in tones]
        some = works.of_uploads(2000, uploads, priority="low")
        with ThreadPoolExecutor(1) as thread:
            submitting = thread.submit(during.submit_from_threads, some)
            during.wait_taken(len(some) // 2)
            kill(during.farm.part("redis"))
            submitting.result()


RANDOM_VICTIMS: Mapping[str, Callable[[ChaosFarm], Sequence[psutil.Process]]] = {
    "a child of the worker for pages": lambda farm: farm.children("farm:pages"),
    "a child of the worker for media": lambda farm: farm.children("farm:media"),
    "a driver": ChaosFarm.drivers,
    "a browser": ChaosFarm.browsers,
    "the worker for pages": lambda farm: [farm.part("farm:pages")],
    "the worker for media": lambda farm: [farm.part("farm:media")],
    "the dispatcher": lambda farm: [farm.part("farm:dispatcher")],
    "a process that answers for the API": lambda farm: farm.children("farm:api"),
    "Redis": lambda farm: [farm.part("redis")],
}
"""No renderer: the farm takes its death for the page's fault, and does not try again."""

_ANY = frozenset({"farm:pages", "farm:media", "farm:dispatcher", "redis"})
_KILLS = 20


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_five_hundred_mixed_jobs_outlive_twenty_random_kills(trial: Trials, works: Works) -> None:
    with trial("500 mixed jobs, 20 random kills", replaced=_ANY, within_s=600) as during:
        some = works.mixed(500, 0.2)
        chance = random.Random(5)  # The same faults each time.
        with ThreadPoolExecutor(1) as thread:
            submitting = thread.submit(during.submit, some)
            for number in range(_KILLS):
                enough = number * len(some) // (_KILLS + 1)
                during.wait_ended(enough)
                until(partial(is_time_to_kill, during), "no job is at its last attempt", 120)
                victim = chance.choice(list(RANDOM_VICTIMS))
                kill(chance.choice(until(partial(found, during.farm, victim), victim, 120)))
            submitting.result()


def found(farm: ChaosFarm, victim: str) -> Sequence[psutil.Process]:
    """Return the processes there are now; none while the one above them is down."""
    with suppress(KeyError, psutil.NoSuchProcess):
        return RANDOM_VICTIMS[victim](farm)
    return []


def is_time_to_kill(during: Trial) -> bool:
    """Return whether jobs run, none of which was given back twice already.

    A job whose third worker is killed fails, rightly, and would prove nothing here.
    """
    with suppress(RedisError):
        jobs = during.open_jobs()
        last = any(job.attempt >= job.spec.max_attempts - 1 for job in jobs)
        return not last and any(job.state is JobState.RUNNING for job in jobs)
    return False
