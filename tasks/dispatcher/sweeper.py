"""Give back the jobs of vanished workers, and announce again what got lost on the way."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from farm.jobs.models import ANNOUNCE_GRACE_S, Job
from farm.jobs.service import JobService
from farm.jobs.specs.requests import QUEUES, Queue
from farm.jobs.states import JobState

_BATCH = 500
"""Jobs that one sweep looks at; the next ones wait for the next sweep."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Sweeper:
    """Heals what a crash left between the ledger and the queue."""

    farm: JobService

    def sweep(self) -> None:
        """Look once at every open job whose time has come.

        Doing it twice, or beside another sweeper, does no harm: the revision
        decides each move, and a job announced twice runs once.
        """
        due = self.farm.ledger.due(self.farm.clock.now(), _BATCH)
        announced: dict[Queue, frozenset[str]] = {}
        if any(job.state is JobState.QUEUED for job in due):
            announced = {queue: self.farm.queue.announced(queue) for queue in set(QUEUES.values())}
        for job in due:
            if job.state is JobState.RUNNING:
                self._give_back(job)
            elif job.id in announced[job.queue]:
                self._look_again_later(job)
            else:
                _log.warning("announced_again", job_id=job.id)
                self.farm.queue.announce(job)
                self._look_again_later(job)

    def _give_back(self, job: Job) -> None:
        after = job.after_loss(self.farm.clock.now())
        if not self.farm.ledger.swap(after):
            return
        _log.warning("given_back", job_id=job.id, attempt=job.attempt, state=after.state.value)
        if after.state is JobState.QUEUED:
            self.farm.queue.announce(after)

    def _look_again_later(self, job: Job) -> None:
        later = self.farm.clock.now() + timedelta(seconds=ANNOUNCE_GRACE_S)
        self.farm.ledger.postpone(job.id, later)
