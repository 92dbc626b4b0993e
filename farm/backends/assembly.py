"""The real ports, put together; every process entry starts here."""

from farm.backends.celery_queue import CeleryQueue
from farm.backends.clock import SystemClock
from farm.backends.redis_artifacts import RedisArtifacts
from farm.backends.redis_changes import ChangeListener
from farm.backends.redis_connection import connect
from farm.backends.redis_ledger import RedisLedger
from farm.backends.redis_workers import RedisWorkers
from farm.jobs.service import JobService


def assemble(redis_url: str, *, waiters_max: int) -> JobService:
    """Return the farm's rules over one Redis and Celery.

    Nothing connects before the first call, so it may be done before a fork.

    Args:
        redis_url: Where everything is kept.
        waiters_max: How many threads of this process may wait for a job at once;
            0 for a process in which none does.
    """
    client = connect(redis_url)
    return JobService(
        ledger=RedisLedger(client, ChangeListener(client, waiters_max=waiters_max)),
        queue=CeleryQueue(redis_url, client),
        artifacts=RedisArtifacts(client),
        workers=RedisWorkers(client),
        clock=SystemClock(),
    )
