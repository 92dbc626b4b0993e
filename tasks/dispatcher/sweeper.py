"""Give back the jobs of vanished workers, and announce again what got lost on the way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from farm.jobs.errors import QueueTimedOut
from farm.jobs.models import ANNOUNCE_GRACE_S, Job
from farm.jobs.service import JobService
from farm.jobs.specs.requests import Queue
from farm.jobs.states import JobState
from farm.jobs.workers import Worker

_BATCH = 500
"""Jobs that one sweep looks at; the next ones wait for the next sweep."""
GONE_AFTER_S = 10
"""For how long a worker must have been missing. It beats every five seconds; a beat that
expired while Redis was away comes again within them."""

_log = structlog.get_logger(__name__)


@dataclass
class Sweeper:
    """Heals what a crash left between the ledger, the queue and the workers."""

    farm: JobService
    _missing_since: dict[str, datetime] = field(default_factory=dict, init=False)

    def sweep(self) -> None:
        """Look once at every open job whose time has come, and at every running one.

        Doing it twice, or beside another sweeper, does no harm: the revision
        decides each move, and a job announced twice runs once.
        """
        due = self.farm.ledger.due(self.farm.clock.now(), _BATCH)
        for job in due:
            if job.state is JobState.RUNNING:
                self._give_back(job, "lease_over")
        self._sweep_queued([job for job in due if job.state is JobState.QUEUED])
        self._sweep_running()
        self.farm.ledger.tidy(self.farm.clock.now(), _BATCH)

    def _sweep_queued(self, jobs: Sequence[Job]) -> None:
        announced: dict[Queue, Mapping[str, bool]] = {}
        helped: set[Queue] = set()
        for job in jobs:
            if job.take_until is not None and job.take_until <= self.farm.clock.now():
                self._expire(job)
                continue
            if job.queue not in announced:
                announced[job.queue] = self.farm.queue.announced(job.queue)
            ahead = announced[job.queue].get(job.id)
            if ahead is None:
                _log.warning("announced_again", job_id=job.id)
                self.farm.queue.announce(job)
            elif not ahead and job.queue not in helped:
                # Others overtook it all the time: one of them at a time goes ahead, so that
                # low priority is slow and not never. Its other announcement will do nothing.
                helped.add(job.queue)
                self.farm.queue.announce(job, ahead=True)
            self._look_again_later(job)

    def _sweep_running(self) -> None:
        # In this order: a worker beats before it claims.
        running = self.farm.running()
        workers = self.farm.workers.alive()
        alive = {worker.id for worker in workers}
        lost = [job for job in running if _owner(job) not in alive]
        now = self.farm.clock.now()
        self._missing_since = {
            owner: self._missing_since.get(owner, now) for owner in map(_owner, lost)
        }
        for job in lost:
            missing_for = now - self._missing_since[_owner(job)]
            if missing_for >= timedelta(seconds=GONE_AFTER_S) or _is_replaced(job, workers):
                self._give_back(job, "worker_gone")

    def _give_back(self, job: Job, why: str) -> None:
        after = job.after_loss(self.farm.clock.now())
        if not self.farm.ledger.swap(after):
            return
        state = after.state.value
        _log.warning("given_back", job_id=job.id, attempt=job.attempt, state=state, why=why)
        if after.state is JobState.QUEUED:
            self.farm.queue.announce(after)

    def _expire(self, job: Job) -> None:
        error = QueueTimedOut(f"No worker was free within {job.spec.expires_in} s.")
        if self.farm.ledger.swap(job.failed(error, self.farm.clock.now())):
            _log.info("expired", job_id=job.id)

    def _look_again_later(self, job: Job) -> None:
        later = self.farm.clock.now() + timedelta(seconds=ANNOUNCE_GRACE_S)
        self.farm.ledger.postpone(job.id, min(later, job.take_until or later))


def _owner(job: Job) -> str:
    """Return the id of the worker whose child holds the job's claim."""
    return (job.worker or "").rpartition("/")[0]


def _is_replaced(job: Job, workers: Sequence[Worker]) -> bool:
    """Return whether a worker has started since in the place of the job's own."""
    host = _host(_owner(job))
    return any(
        _host(worker.id) == host
        and job.queue in worker.queues
        and job.started_at is not None
        and worker.started_at > job.started_at
        for worker in workers
    )


def _host(worker_id: str) -> str:
    return worker_id.rsplit(".", 2)[0]
