"""Whatever happens to Redis while jobs run, each ends once, and rightly."""

from pathlib import Path

import pytest

from tests.support.chaos_farm import frozen, kill, lasting
from tests.support.chaos_history import log_of
from tests.support.chaos_trial import Trials
from tests.support.chaos_works import Works

pytestmark = pytest.mark.timeout(600)

_REDIS = frozenset({"redis"})
_SLOW_S = 3
_MARK = b"chaos:mark"


@pytest.mark.parametrize(("jobs", "load"), [(12, "busy"), (2, "half idle")])
def test_redis_is_killed_and_away_for_two_seconds(
    jobs: int, load: str, trial: Trials, works: Works
) -> None:
    with trial(f"Redis: SIGKILL, back after 2 s, workers {load}", replaced=_REDIS) as during:
        during.submit(works.mixed(jobs, _SLOW_S))
        during.wait_running(min(jobs, 4))
        during.farm.wait_written()
        redis = during.farm.part("redis")
        # Frozen itself, supervisord does not start it again at once.
        with frozen(during.farm.supervisord):
            kill(redis)
            lasting(2)


@pytest.mark.long
def test_redis_is_killed_while_nothing_runs(trial: Trials, works: Works) -> None:
    with trial("Redis: SIGKILL of an idle farm's, restart from AOF", replaced=_REDIS) as during:
        done = during.submit(works.mixed(4))
        during.wait_ended()
        results = [during.farm.client.result(job_id) for job_id in done]
        during.farm.wait_written()
        kill(during.farm.part("redis"))
        during.submit(works.mixed(8))
        assert [during.farm.client.result(job_id) for job_id in done] == results


@pytest.mark.long
@pytest.mark.parametrize("seconds", [6, 30], ids="{} s".format)
def test_redis_hangs(seconds: int, trial: Trials, works: Works) -> None:
    with trial(f"Redis: SIGSTOP for {seconds} s") as during:
        during.submit(works.mixed(12, _SLOW_S))
        during.wait_running(4)
        with frozen(during.farm.part("redis")):
            lasting(seconds)


def test_redis_drops_every_connection(trial: Trials, works: Works) -> None:
    with trial("Redis: CLIENT KILL, 3 times") as during:
        during.submit(works.mixed(12, _SLOW_S))
        for ended in (0, 3, 6):
            during.wait_ended(ended)
            during.wait_running(2)
            for kind in ("normal", "pubsub"):
                during.farm.redis.client_kill_filter(_type=kind)
        during.wait_ended()
        assert max(job.claims for job in during.ended()) <= 2


@pytest.mark.long
def test_redis_is_slow(trial: Trials, works: Works) -> None:
    with trial("Redis: no answer for 3 s, 3 times") as during:
        during.submit(works.mixed(12, _SLOW_S))
        for ended in (0, 3, 6):
            during.wait_ended(ended)
            during.farm.redis.client_pause(3000)  # As DEBUG SLEEP, which is not allowed.


@pytest.mark.long
def test_redis_is_full(trial: Trials, works: Works) -> None:
    with trial("Redis: memory full for 5 s") as during:
        during.submit(works.mixed(12, _SLOW_S))
        during.wait_running(4)
        during.farm.redis.config_set("maxmemory", 1)
        lasting(5)
        during.farm.redis.config_set("maxmemory", 0)


@pytest.mark.long
def test_the_end_of_redis_s_log_is_lost(trial: Trials, works: Works) -> None:
    with trial("Redis: AOF cut off in the middle of a command", replaced=_REDIS) as during:
        during.submit(works.mixed(12, _SLOW_S))
        during.wait_running(4)
        during.farm.redis.set(_MARK, "x")  # What comes now is lost: runs, never whole jobs.
        during.wait_ended(2)
        during.farm.wait_written()
        redis = during.farm.part("redis")
        with frozen(during.farm.supervisord):
            kill(redis)
            cut_off(log_of(during.farm.redis_folder))


def cut_off(log: Path) -> None:
    """Cut the log off within the command that has the mark."""
    with log.open("r+b") as file:
        file.truncate(file.read().rindex(_MARK) + 3)
