"""Keep readiness resting on a browser that really opened a page lately."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from farm.jobs.service import JobService

CHECK_EVERY = timedelta(seconds=60)
"""Costs one worker some 100 ms; a broken browser shows within three of these."""
_ASK_AGAIN_AFTER = timedelta(seconds=10)


@dataclass
class BrowserChecker:
    """Asks a worker for a check when no page has been opened for a while."""

    farm: JobService
    _asked_at: datetime | None = field(default=None, init=False)

    def check(self) -> None:
        """Ask if it is time to, and if there is a worker that could answer."""
        now = self.farm.clock.now()
        last = self.farm.workers.last_browser_check()
        if last is not None and now - last.at < CHECK_EVERY:
            return
        if self._asked_at is not None and now - self._asked_at < _ASK_AGAIN_AFTER:
            return
        if any("pages" in worker.queues for worker in self.farm.workers.alive()):
            self.farm.queue.check_browser()
            self._asked_at = now
