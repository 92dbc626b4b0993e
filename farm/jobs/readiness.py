"""Whether jobs of every queue would run now, and what stands in the way."""

from datetime import datetime, timedelta

from farm.jobs.errors import BackendUnavailable
from farm.jobs.ports import ArtifactStore, JobLedger, WorkerDirectory
from farm.jobs.specs.requests import ALL_QUEUES
from farm.jobs.workers import Readiness

# Three of the dispatcher's checks, which come once a minute.
_BROWSER_CHECK_MAX_AGE = timedelta(minutes=3)


def readiness(
    ledger: JobLedger, workers: WorkerDirectory, artifacts: ArtifactStore, now: datetime
) -> Readiness:
    """Return what every check says; none of them raises."""
    try:
        ledger.ping()
        served = {queue for worker in workers.alive() for queue in worker.queues}
        checks = {"redis": "ok"}
        for queue in ALL_QUEUES:
            alive = queue in served
            checks[queue] = "ok" if alive else f"no worker is alive on the queue {queue}"
        checks["browser"] = _browser_check(workers, now)
    except BackendUnavailable as error:
        checks = {"redis": error.message}
    try:
        artifacts.ping()
        checks["artifacts"] = "ok"
    except BackendUnavailable as error:
        checks["artifacts"] = error.message
    return Readiness(ready=all(check == "ok" for check in checks.values()), checks=checks)


def _browser_check(workers: WorkerDirectory, now: datetime) -> str:
    last = workers.last_browser_check()
    if last is None:
        return "no browser has opened a page yet"
    if now - last.at > _BROWSER_CHECK_MAX_AGE:
        return f"no browser has opened a page since {last.at.isoformat()}"
    return "ok"
