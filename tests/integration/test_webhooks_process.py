"""The dispatcher's process and the webhooks of a real Redis."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from dev.stack import ROOT
from farm.backends.assembly import assemble
from farm.jobs.models import Job
from farm.jobs.service import JobService
from farm.jobs.webhooks import Webhooks
from tests.support.builders import a_spec
from tests.support.gate import THIS_MACHINE
from tests.support.gate_alone import SECRET, gate_alone
from tests.support.processes import family
from tests.support.receivers import Receiver, receiving
from tests.support.waiting import until

pytestmark = pytest.mark.redis

TOKEN = "hunter2"
"""In the address: many a receiver knows its senders by that alone."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: that of a socket in it may have 107 characters."""
    with TemporaryDirectory(prefix="dispatcher-") as path:
        yield Path(path)


@contextmanager
def dispatching(
    redis_url: str, folder: Path, **settings: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a dispatcher for the block; ``settings`` are variables without prefix."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("FARM_")},
        "TMPDIR": str(folder),
        "FARM_REDIS_URL": redis_url,
        "FARM_EGRESS_ALLOW": THIS_MACHINE,
        "FARM_HEARTBEAT_FILE": str(folder / "heartbeat"),
        **{f"FARM_{name}": value for name, value in settings.items()},
    }
    argv = [sys.executable, "-m", "tasks.dispatcher"]
    with family(str(folder)), (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            sys.stdout.write((folder / "log").read_text())


def ended(farm: JobService, receiver: Receiver) -> Job:
    url = f"http://127.0.0.1:{receiver.port}/{TOKEN}"
    job = farm.submit(a_spec(priority="low", webhook_url=url))
    cancelled = farm.cancel_or_forget(job.id)
    assert cancelled is not None
    return cancelled


def state(farm: JobService, job: Job) -> str:
    return Webhooks(farm).of([job])[job.id].state


def test_it_delivers_what_ended_while_it_was_away_and_stops_without_a_trace(
    redis_url: str, folder: Path
) -> None:
    farm = assemble(redis_url, None, waiters_max=0)
    with receiving() as receiver:
        jobs = [ended(farm, receiver) for _ in range(12)]
        with dispatching(redis_url, folder) as process:
            until(
                lambda: {state(farm, job) for job in jobs} == {"delivered"},
                "all are delivered",
                60,
            )
            process.terminate()
            assert process.wait(30) == 0
            assert list(folder.glob("farm-gate-*")) == []
    log = (folder / "log").read_text()
    assert log.count('"webhook_delivered"') == len(jobs)
    assert TOKEN not in log
    told = [message.headers["webhook-id"] for message in receiver.messages]
    assert sorted(told) == sorted(f"{job.id}-{job.revision}" for job in jobs)


def test_what_a_killed_one_had_tried_in_vain_the_next_delivers(
    redis_url: str, folder: Path
) -> None:
    farm = assemble(redis_url, None, waiters_max=0)
    with receiving() as receiver:
        receiver.status = 503
        job = ended(farm, receiver)
        with dispatching(redis_url, folder) as process:
            until(lambda: Webhooks(farm).of([job])[job.id].attempts == 1, "it was tried", 60)
            process.kill()
        receiver.status = 200
        with dispatching(redis_url, folder):
            until(lambda: state(farm, job) == "delivered", "it is delivered", 60)
    assert Webhooks(farm).of([job])[job.id].attempts == 2


def test_it_delivers_through_the_gate_that_it_is_told_of_and_waits_while_that_is_away(
    redis_url: str, folder: Path
) -> None:
    farm = assemble(redis_url, None, waiters_max=0)
    with receiving() as receiver, gate_alone(EGRESS_ALLOW=THIS_MACHINE) as alone:
        told_of_it = {"GATE": alone.address, "GATE_SECRET": SECRET, "EGRESS_ALLOW": ""}
        with dispatching(redis_url, folder, **told_of_it):
            first = ended(farm, receiver)
            until(lambda: state(farm, first) == "delivered", "the first is delivered", 60)
            alone.kill()
            second = ended(farm, receiver)
            log = folder / "log"
            until(lambda: "delivery_postponed" in log.read_text(), "the gate is missed", 60)
            alone.start()
            until(lambda: state(farm, second) == "delivered", "the second is delivered", 60)
    assert len(receiver.messages) == 2
