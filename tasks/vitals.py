"""What a child of a worker says of itself while it lives."""

import os
import signal
from dataclasses import dataclass

import psutil
import structlog

from farm.jobs.workers import Child
from tasks.heartbeat import TTL_S
from tasks.memory import tree_bytes
from tasks.pages.browser import BrowserHolder
from tasks.runner import JobRunner
from tasks.tallies import Tallies

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Vitals:
    """Looks after one child, from a thread beside its jobs."""

    runner: JobRunner
    browser: BrowserHolder
    tallies: Tallies

    def beat(self) -> None:
        """Tell the farm how the child is; end it if it is of no more use.

        Raises:
            BackendUnavailable: The farm cannot be told.
        """
        # Between two jobs, and kept: what comes now finds nobody to claim it, and
        # Celery sends its message to the child that it starts instead.
        if self.browser.is_beyond_help and self.runner.busy.acquire(blocking=False):
            _log.error("child_ended", why="no browser can be had, whatever is renewed")
            os.kill(os.getpid(), signal.SIGTERM)
        farm = self.runner.farm
        self.browser.weigh()
        version = self.browser.version
        child = Child(
            pid=os.getpid(),
            beat_at=farm.clock.now(),
            browser_version=version,
            sandbox=None if version is None else self.browser.has_sandbox,
            jobs_done=self.runner.jobs_done,
            memory_bytes=tree_bytes(psutil.Process()),
        )
        farm.workers.child_beat(self.runner.worker, child, ttl_s=TTL_S)
        self.tallies.hand_over(farm.statistics)
