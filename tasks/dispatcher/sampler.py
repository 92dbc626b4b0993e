"""Note how the farm stands, so that people see the last hour of it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from farm.jobs.metrics.history import EVERY_S, Sample, counted
from farm.jobs.service import JobService


@dataclass
class Sampler:
    """Keeps a sample of the farm every few seconds."""

    farm: JobService
    _sampled_at: datetime | None = field(default=None, init=False)

    def sample(self) -> None:
        """Keep one if it is time to."""
        now = self.farm.clock.now()
        if self._sampled_at is not None and now - self._sampled_at < timedelta(seconds=EVERY_S):
            return
        self._sampled_at = now
        pressures = self.farm.pressure().items()
        since = {queue: each.oldest_queued_at or now for queue, each in pressures}
        sample = Sample(
            at=now,
            queued={queue: each.queued for queue, each in pressures},
            oldest_wait_s={
                queue: max(0.0, (now - at).total_seconds()) for queue, at in since.items()
            },
            **counted(self.farm.statistics.counts()),
        )
        self.farm.statistics.keep(sample)
