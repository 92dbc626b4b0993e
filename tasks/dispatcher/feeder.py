"""Announce the jobs that wait for their turn, a few more than there are free slots."""

from dataclasses import dataclass

import structlog

from farm.jobs.errors import BackendUnavailable
from farm.jobs.service import JobService
from farm.jobs.specs.requests import ALL_QUEUES, Queue

EVERY_S = 0.1
"""Costs a few milliseconds of CPU a second. What is announced must last that long."""
_AHEAD = 2
"""Announcements for each slot: the one that it takes next, and one for a short job."""
_SPARE = 2
"""So that a farm whose workers' beats got lost does not stand still."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Feeder:
    """Keeps few jobs announced that had to wait, so that an urgent one is never far behind.

    Those that need not wait do not count: they must not keep a low lane from moving.
    """

    farm: JobService

    def feed(self) -> None:
        """Announce as many jobs as there is room for now.

        What is taken and then not announced, as the broker or this process goes away,
        is announced by the sweep.
        """
        for queue in ALL_QUEUES:
            self._feed(queue)

    def _feed(self, queue: Queue) -> None:
        if not self.farm.ledger.has_lanes(queue):
            return
        room = self._room(queue)
        if room <= 0:
            return
        jobs = self.farm.ledger.take_turns(queue, room, self.farm.clock.now())
        for job in jobs:
            try:
                self.farm.queue.announce(job)
            except BackendUnavailable:
                _log.warning("not_announced", queue=queue, jobs=len(jobs))
                raise

    def _room(self, queue: Queue) -> int:
        workers = self.farm.workers.alive()
        slots = sum(worker.concurrency for worker in workers if queue in worker.queues)
        return _AHEAD * slots + _SPARE - self.farm.ledger.fed(queue)
