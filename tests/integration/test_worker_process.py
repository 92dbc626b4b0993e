"""A worker as Celery runs it: what it says of itself, how it stops, what it leaves behind."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from farm.jobs.states import JobState
from farm.jobs.workers import Worker
from tests.support.gate import THIS_MACHINE
from tests.support.gate_alone import SECRET, gate_alone
from tests.support.neighbours import need
from tests.support.processes import is_browser
from tests.support.site import Site
from tests.support.waiting import until
from tests.support.workers import RunningWorker, working

pytestmark = [pytest.mark.redis, pytest.mark.timeout(180)]


def running(worker: RunningWorker, site: Site, **fields: object) -> str:
    """Return the id of a job that runs, on a page that never comes."""
    job = worker.submit(site.url("/silent"), timeout=60_000, **fields)
    worker.job(job, lambda found: found.state is JobState.RUNNING, "the job runs")
    until(lambda: any(map(is_browser, worker.processes.alive())), "it has a browser")
    return job.id


def test_it_says_who_its_children_are_and_what_they_do(
    redis_url: str, site: Site, tmp_path: Path
) -> None:
    need("chromium-headless-shell")
    with working(redis_url, tmp_path) as worker:
        until(lambda: worker.farm.workers.alive()[0].children, "a child that did nothing beats")
        (said,) = worker.farm.workers.alive()
        (child,) = said.children
        assert [child.pid] == worker.children()
        assert (child.jobs_done, child.browser_version, child.sandbox) == (0, None, None)
        assert child.memory_bytes > 1_000_000
        done = worker.ended(worker.submit(site.url("/colours")))
        assert done.state is JobState.SUCCEEDED
        assert done.worker == f"{said.id}/{child.pid}"
        until(lambda: worker.farm.workers.alive()[0].children[0].jobs_done, "it counts the job")
        (after,) = worker.farm.workers.alive()[0].children
        assert done.report is not None
        assert after.browser_version == done.report["browser_version"]
        assert after.memory_bytes > child.memory_bytes + 50_000_000
        assert worker.stop() == 0
        assert worker.farm.workers.alive() == []


def test_a_job_that_runs_on_after_the_grace_is_given_back_uncounted(
    redis_url: str, site: Site, tmp_path: Path
) -> None:
    need("chromium-headless-shell")
    with working(redis_url, tmp_path, STOP_GRACE_S="1") as worker:
        job_id = running(worker, site)
        worker.stop()
        given_back = worker.farm.get(job_id)
        assert (given_back.state, given_back.attempt) == (JobState.QUEUED, 0)
        assert job_id in worker.farm.queue.announced("pages")
        until(lambda: not worker.processes.alive(), "no process is left")
        assert worker.homes() == []


def test_a_job_that_ends_in_the_grace_is_done(redis_url: str, site: Site, tmp_path: Path) -> None:
    need("chromium-headless-shell")
    with working(redis_url, tmp_path) as worker:
        job = worker.submit(site.url("/slow?2"))
        worker.job(job, lambda found: found.state is JobState.RUNNING, "the job runs")
        assert worker.stop() == 0
        assert worker.farm.get(job.id).state is JobState.SUCCEEDED


def test_a_cancelled_run_costs_neither_the_child_nor_the_next_job(
    redis_url: str, site: Site, tmp_path: Path
) -> None:
    need("chromium-headless-shell")
    with working(redis_url, tmp_path) as worker:
        job_id = running(worker, site)
        children = worker.children()
        worker.farm.cancel_or_forget(job_id)
        assert worker.ended(worker.submit(site.url("/colours"))).state is JobState.SUCCEEDED
        assert worker.children() == children
        assert worker.farm.get(job_id).state is JobState.CANCELLED


def test_a_child_that_is_killed_leaves_no_process_and_no_folder(
    redis_url: str, site: Site, tmp_path: Path
) -> None:
    need("chromium-headless-shell")
    with working(redis_url, tmp_path) as worker:
        worker.ended(worker.submit(site.url("/colours")))
        (child,) = worker.children()
        (home,) = worker.homes()
        browsers = [each for each in worker.processes.alive() if is_browser(each)]
        assert browsers
        # Stopped ones do not notice that nobody is there for them.
        for browser in browsers:
            browser.suspend()
        os.kill(child, signal.SIGKILL)
        until(lambda: worker.homes() not in ([], [home]), "another child has moved in", 60)
        until(lambda: home not in worker.homes(), "the folder is gone")
        until(
            lambda: (
                not any(
                    each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in browsers
                )
            ),
            "driver and browser are gone",
        )
        assert worker.ended(worker.submit(site.url("/colours"))).state is JobState.SUCCEEDED


def test_a_child_that_can_have_no_browser_is_replaced(
    redis_url: str, site: Site, tmp_path: Path
) -> None:
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    with working(redis_url, tmp_path, CHROMIUM=str(broken)) as worker:
        children = worker.children()
        failed = worker.ended(worker.submit(site.url("/colours"), max_attempts=1))
        assert failed.failure is not None
        assert failed.failure.code == "browser_crashed"
        until(lambda: worker.children() not in ([], children), "another child is there", 60)


def test_without_its_gate_a_worker_runs_no_job_and_says_so(
    redis_url: str, site: Site, tmp_path: Path
) -> None:
    need("chromium-headless-shell")
    with working(redis_url, tmp_path) as worker:
        assert worker.ended(worker.submit(site.url("/colours"))).state is JobState.SUCCEEDED
        gate = gate_of(worker)
        assert gate is not None
        # Dead, it would be followed by another one within a second.
        waits_for_its_gate(worker, site, gate.suspend, gate.resume)


def test_a_worker_that_is_told_of_a_gate_starts_none_and_waits_for_that_one(
    redis_url: str, site: Site, tmp_path: Path
) -> None:
    need("chromium-headless-shell")
    with gate_alone(EGRESS_ALLOW=THIS_MACHINE) as alone:
        # Its own rules count for nothing: those of the gate do.
        told_of_it = {"GATE": alone.address, "GATE_SECRET": SECRET, "EGRESS_ALLOW": ""}
        with working(redis_url, tmp_path, **told_of_it) as worker:
            assert worker.ended(worker.submit(site.url("/colours"))).state is JobState.SUCCEEDED
            assert gate_of(worker) is None
            waits_for_its_gate(worker, site, alone.kill, alone.start)


def waits_for_its_gate(
    worker: RunningWorker, site: Site, take_away: Callable[[], None], bring_back: Callable[[], None]
) -> None:
    before = site.seen("/colours?shut")
    take_away()
    until(lambda: not told(worker).gate, "it says that its gate is away", 30)
    job = worker.submit(site.url("/colours?shut"))

    def is_given_back() -> bool:
        found = worker.farm.get(job.id)
        return found.claims > 0 and (found.state, found.attempt) == (JobState.QUEUED, 0)

    until(is_given_back, "the job waits, and no attempt of it is counted", 60)
    assert site.seen("/colours?shut") == before
    bring_back()
    until(lambda: told(worker).gate, "it says that its gate is back", 30)
    worker.farm.queue.announce(worker.farm.get(job.id))
    assert worker.ended(job).state is JobState.SUCCEEDED


def gate_of(worker: RunningWorker) -> psutil.Process | None:
    running = worker.processes.alive()
    return next((each for each in running if "tasks.egress" in each.cmdline()), None)


def told(worker: RunningWorker) -> Worker:
    return until(worker.alive, "the worker is alive")
