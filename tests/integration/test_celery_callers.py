"""`celery call` from within the farm's network: a real client, broker and worker."""

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from farm.jobs.errors import UnknownJob
from farm.jobs.states import JobState
from tests.support.neighbours import need
from tests.support.site import Site
from tests.support.waiting import until
from tests.support.workers import RunningWorker, working

pytestmark = [pytest.mark.redis, pytest.mark.timeout(180)]

SECRET = "a-token-that-nobody-may-see"


def call(redis_url: str, spec: Any, folder: Path) -> str:
    """Return what `celery call` says: the id."""
    argv = [sys.executable, "-m", "celery", "-b", redis_url, "call", "submit"]
    done = subprocess.run(
        [*argv, "--queue", "media", "--args", json.dumps([spec])],
        cwd=folder,  # Nothing of the farm's is there: a caller has Celery and no more.
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip()


def ended(worker: RunningWorker, job_id: str) -> Any:
    def look() -> Any:
        try:
            job = worker.farm.get(job_id)
        except UnknownJob:
            return None
        return job if job.state.is_terminal else None

    return until(look, "the job has ended", 60)


def test_a_call_becomes_a_job_of_the_same_ledger_and_shows_no_secret(
    redis_url: str, site: Site, tmp_path: Path
) -> None:
    need("ffprobe")
    with working(redis_url, tmp_path) as worker:
        events: list[dict[str, Any]] = []
        celery = Celery(broker=redis_url, set_as_current=False)
        headers = {"X-Token": SECRET}
        spec = {"kind": "probe", "url": site.url("/video.mp4"), "headers": headers}
        with (
            celery.connection() as connection,
            closing(
                celery.events.Receiver(connection, handlers={"*": events.append}).itercapture(
                    limit=None, timeout=20, wakeup=False
                )
            ) as capture,
        ):
            next(capture)
            job_id = call(redis_url, spec, tmp_path)
            job = ended(worker, job_id)
            assert job.state is JobState.SUCCEEDED, job.failure
            assert site.headers("/video.mp4")["x-token"] == SECRET
            # The second task is the run, of the same id.
            while [e["type"] for e in events if e.get("uuid") == job_id].count(
                "task-succeeded"
            ) < 2:
                next(capture)
        assert {event["name"] for event in events if event["type"] == "task-received"} == {
            "submit",
            "probe",
        }
        assert SECRET not in json.dumps(events, default=str)
    assert SECRET not in (tmp_path / "worker.log").read_text()


def test_addresses_within_the_network_and_files_stay_closed(redis_url: str, tmp_path: Path) -> None:
    need("ffprobe")
    with working(redis_url, tmp_path) as worker:
        inside = call(redis_url, {"kind": "probe", "url": "http://10.0.0.1/a.mp4"}, tmp_path)
        file = call(redis_url, {"kind": "probe", "url": "file:///etc/passwd"}, tmp_path)
        refused = ended(worker, inside)
        assert refused.failure.code == "target_forbidden"
        log = tmp_path / "worker.log"
        until(lambda: file in log.read_text() and "invalid_spec" in log.read_text(), "it is said")
        with pytest.raises(UnknownJob):
            worker.farm.get(file)
