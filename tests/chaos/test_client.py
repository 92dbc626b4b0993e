"""A batch that is followed from Python while the farm goes away and comes back."""

import threading
from collections import Counter
from pathlib import Path

import pytest

from farm.jobs.states import JobState
from tests.support.chaos_farm import WHOLE_WITHIN_S, Farms, frozen, kill, lasting
from tests.support.chaos_works import Works
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(600)

_JOBS = 30


@pytest.mark.parametrize("away_s", [3, pytest.param(30, marks=pytest.mark.long)], ids="{} s".format)
def test_each_job_is_told_once_though_api_and_redis_go_away(
    away_s: int, farms: Farms, works: Works, tmp_path: Path
) -> None:
    farm = farms.current()
    until(farm.is_ready, "the farm is ready", WHOLE_WITHIN_S)
    told_5, told_15 = threading.Event(), threading.Event()

    def hurt() -> None:
        told_5.wait(120)
        api = farm.part("farm:api")
        # Frozen itself, supervisord does not start it again at once.
        with frozen(farm.supervisord):
            kill(api)
            lasting(away_s)
        told_15.wait(300)
        farm.wait_written()
        redis = farm.part("redis")
        with frozen(farm.supervisord):
            kill(redis)
            lasting(2)

    urls = [works.site.url(f"/colours?{away_s}&number={number}") for number in range(_JOBS)]
    batch = farm.client.batch(urls, kind="screenshot", per_host_concurrency=4, timeout=60_000)
    hurting = threading.Thread(target=hurt)
    hurting.start()
    told: Counter[str] = Counter()
    try:
        for job in batch:
            told[job.id] += 1
            assert job.state is JobState.SUCCEEDED
            path = tmp_path / f"{job.id}.png"
            farm.client.save_artifact(job, "screenshot.png", path, patience_s=60)
            if len(told) == 5:
                told_5.set()
            if len(told) == 15:
                told_15.set()
    finally:
        told_5.set()
        told_15.set()
        hurting.join()
    assert len(told) == _JOBS
    assert set(told.values()) == {1}
    assert len(list(tmp_path.iterdir())) == _JOBS
    # All may have been told before Redis is back.
    until(farm.is_ready, "the farm is ready again", WHOLE_WITHIN_S)
    assert batch.progress().succeeded == _JOBS
