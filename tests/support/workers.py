"""A real worker of Celery's, over a real Redis."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from dev.stack import ROOT
from farm.backends.assembly import assemble
from farm.jobs.models import Job
from farm.jobs.service import JobService
from farm.jobs.workers import Worker
from tasks.settings import WorkerSettings
from tests.support.builders import a_spec
from tests.support.gate import THIS_MACHINE
from tests.support.processes import Family, family, workers_children
from tests.support.waiting import until


@dataclass(frozen=True)
class RunningWorker:
    """The worker, and the farm that it works for."""

    farm: JobService
    process: "subprocess.Popen[bytes]"
    processes: Family
    folder: Path
    """Where it keeps what is temporary."""

    def homes(self) -> list[str]:
        return sorted(home.name for home in self.folder.glob("farm-child-*"))

    def children(self) -> list[int]:
        return sorted(child.pid for child in workers_children(psutil.Process(self.process.pid)))

    def alive(self) -> Worker | None:
        """Return what the worker says of itself."""
        return next(iter(self.farm.workers.alive()), None)

    def submit(self, url: str, **fields: Any) -> Job:
        return self.farm.submit(a_spec(url=url, **fields))

    def job(self, job: Job, fact: Callable[[Job], bool], what: str) -> Job:
        """Return the job once ``fact`` is true of it."""

        def look() -> Job | None:
            found = self.farm.get(job.id)
            return found if fact(found) else None

        return until(look, what, 60)

    def ended(self, job: Job) -> Job:
        return self.job(job, lambda found: found.state.is_terminal, "the job has ended")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def working(redis_url: str, folder: Path, **settings: str) -> Iterator[RunningWorker]:
    """Run a worker with one child for the block; ``settings`` are variables without prefix."""
    mark = folder / "tmp"
    mark.mkdir()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("FARM_")},
        "TMPDIR": str(mark),
        "FARM_REDIS_URL": redis_url,
        "FARM_CONCURRENCY": "1",
        "FARM_EGRESS_ALLOW": THIS_MACHINE,
        "FARM_HEARTBEAT_FILE": str(folder / "heartbeat"),
        **{f"FARM_{name}": value for name, value in settings.items()},
    }
    argv = [sys.executable, "-m", "celery", "-A", "tasks.worker", "worker", "-P", "prefork"]
    argv += ["-Q", "pages,media", "-n", "w@test", "--without-gossip", "--without-mingle"]
    with family(str(mark)) as processes, (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=log, stderr=log)
        own = WorkerSettings.from_environment(environment)
        farm = assemble(
            redis_url,
            None,
            broker_url=own.broker_url,
            artifacts=own.artifacts,
            waiters_max=0,
        )
        worker = RunningWorker(farm, process, processes, mark)
        try:
            until(lambda: worker.alive() or process.poll() is not None, "the worker beats", 60)
            assert process.poll() is None
            yield worker
        finally:
            process.kill()
            process.wait()
            sys.stdout.write((folder / "worker.log").read_text())
