"""A Redis that fails over in the middle of the farm's work."""

from collections.abc import Callable
from pathlib import Path

import pytest

from farm.jobs.errors import BackendUnavailable
from farm.jobs.states import JobState
from tasks.dispatcher.sweeper import Sweeper
from tests.support.neighbours import need
from tests.support.sentinels import watched
from tests.support.site import Site
from tests.support.waiting import until
from tests.support.workers import working

pytestmark = [pytest.mark.redis, pytest.mark.timeout(240)]


def test_a_failover_with_jobs_in_flight_loses_none_that_was_replicated(
    site: Site, tmp_path: Path
) -> None:
    need("chromium-headless-shell")
    servers, farm = tmp_path / "servers", tmp_path / "farm"
    servers.mkdir()
    farm.mkdir()
    with watched(servers) as redis, working(redis.url, farm) as worker:
        running = worker.submit(site.url("/slow?5"))
        worker.job(running, lambda found: found.state is JobState.RUNNING, "the job runs")
        waiting = [worker.submit(site.url("/colours"), full_page=each) for each in (True, False)]
        redis.replicated()
        redis.kill_the_master()
        until(lambda: _answers(worker.farm.ledger.ping), "the new master is found", 30)
        sweeper = Sweeper(worker.farm)

        def all_ended() -> bool:
            if not _answers(sweeper.sweep):
                return False
            found = [worker.farm.get(job.id) for job in (running, *waiting)]
            return all(job.state is JobState.SUCCEEDED for job in found)

        until(all_ended, "every job has succeeded", 120)
        later = worker.submit(site.url("/colours"), omit_background=True)
        assert worker.ended(later).state is JobState.SUCCEEDED


def _answers(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except BackendUnavailable:
        return False
    return True
