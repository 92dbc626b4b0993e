"""Remove uploads and artifacts whose time is over, where they do not go by themselves."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from farm.jobs.service import JobService

SWEEP_EVERY = timedelta(seconds=60)
"""A sweep of a folder reads each upload's manifest; uploads are kept for a day."""


@dataclass
class StoreSweeper:
    """Has the stores of uploads and of artifacts swept, once a minute."""

    farm: JobService
    _swept_at: datetime | None = field(default=None, init=False)

    def sweep(self) -> None:
        """Sweep if it is time to."""
        now = self.farm.clock.now()
        if self._swept_at is None or now - self._swept_at >= SWEEP_EVERY:
            self._swept_at = now
            self.farm.uploads.sweep()
            if self.farm.artifacts is not self.farm.uploads:
                self.farm.artifacts.sweep()
