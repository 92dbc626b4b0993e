"""Whether jobs of every queue would run now, and what stands in the way."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from farm.jobs.errors import BackendUnavailable
from farm.jobs.ports import ArtifactStore, JobLedger, JobQueue, WorkerDirectory
from farm.jobs.specs.requests import ALL_QUEUES
from farm.jobs.workers import Readiness, Worker

# Three of the dispatcher's checks, which come once a minute.
_BROWSER_CHECK_MAX_AGE = timedelta(minutes=3)


def readiness(
    ledger: JobLedger,
    queue: JobQueue,
    workers: WorkerDirectory,
    artifacts: ArtifactStore,
    now: datetime,
) -> Readiness:
    """Return what every check says; none of them raises."""
    try:
        ledger.ping()
        there = workers.alive()
        served = {queue for worker in there for queue in worker.queues}
        checks = {"redis": "ok"}
        for each in ALL_QUEUES:
            checks[each] = "ok" if each in served else f"no worker is alive on the queue {each}"
        checks["browser"] = _browser_check(workers, now)
        checks["gate"] = _gate_check(there)
    except BackendUnavailable as error:
        checks = {"redis": error.message}
    checks["broker"] = _answers(queue)
    checks["artifacts"] = _answers(artifacts)
    return Readiness(ready=all(check == "ok" for check in checks.values()), checks=checks)


def _answers(part: JobQueue | ArtifactStore) -> str:
    try:
        part.ping()
    except BackendUnavailable as error:
        return error.message
    return "ok"


def _gate_check(workers: Sequence[Worker]) -> str:
    if not workers:
        return "no worker is alive, and so no gate"
    open_queues = {queue for worker in workers if worker.gate for queue in worker.queues}
    for worker in workers:
        for queue in worker.queues:
            if queue not in open_queues:
                return f"no worker on the queue {queue} has its gate"
    return "ok"


def _browser_check(workers: WorkerDirectory, now: datetime) -> str:
    last = workers.last_browser_check()
    if last is None:
        return "no browser has opened a page yet"
    if now - last.at > _BROWSER_CHECK_MAX_AGE:
        return f"no browser has opened a page since {last.at.isoformat()}"
    return "ok"
