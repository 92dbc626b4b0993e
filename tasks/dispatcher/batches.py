"""Go on with what was begun with batches, and drop those that are over."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from farm.jobs.batches.control import Control, Place
from farm.jobs.errors import UnknownBatch
from farm.jobs.service import JobService

_BATCHES = 20
"""Batches that one turn looks at, of each sort."""
_CHUNKS = 4
"""Chunks of one batch that a turn files; the API files nearly all of them itself."""
_GRACE = timedelta(seconds=1)
"""The expiry of the records of its jobs is counted from when they were written."""

_log = structlog.get_logger(__name__)


@dataclass
class BatchKeeper:
    """Does the steps that no request is there to do."""

    farm: JobService
    _retried_to: dict[str, Place] = field(default_factory=dict, init=False)
    """How far each batch's failed jobs were gone through; lost with the process, which only
    means to go through them again."""

    def step(self) -> None:
        """Do one bounded step for each batch that has something left to do."""
        for batch_id in self.farm.batches.unfiled(_BATCHES):
            filed = [self.farm.batches.file(batch_id) for _ in range(_CHUNKS)]
            _log.warning("filed", batch_id=batch_id, chunks=sum(filed))
        control = Control(self.farm)
        for batch_id in self.farm.batches.cancelling(_BATCHES):
            with suppress(UnknownBatch):  # It was over in this moment.
                control.cancel_step(batch_id)
        for batch_id in self.farm.batches.retrying(_BATCHES):
            with suppress(UnknownBatch):
                place = control.retry_step(batch_id, self._retried_to.pop(batch_id, None))
                if place is not None:
                    self._retried_to[batch_id] = place

    def tidy(self) -> None:
        """Drop the batches whose last job is no longer kept."""
        over_at = self.farm.clock.now() - _GRACE
        over = self.farm.batches.over(over_at, _BATCHES)
        for batch_id in over:
            # Its idempotency key must not make it anew.
            self.farm.reservations.spend(batch_id)
        if over:
            self.farm.batches.forget(over, over_at)
