"""The real ports, put together; every process entry starts here."""

from pathlib import Path

from redis import Redis

from farm.backends.amqp_queue import AmqpQueue
from farm.backends.buckets import Bucket, artifacts_in
from farm.backends.celery_queue import CeleryQueue
from farm.backends.clock import SystemClock
from farm.backends.folder_artifacts import FolderArtifacts
from farm.backends.redis_artifacts import RedisArtifacts
from farm.backends.redis_batch_jobs import RedisBatchJobs
from farm.backends.redis_batches import RedisBatches
from farm.backends.redis_changes import ChangeListener
from farm.backends.redis_connection import connect
from farm.backends.redis_deliveries import RedisDeliveries
from farm.backends.redis_keys import RedisKeys
from farm.backends.redis_ledger import RedisLedger
from farm.backends.redis_notices import RedisNotices
from farm.backends.redis_reservations import RedisReservations
from farm.backends.redis_signing import RedisSigning
from farm.backends.redis_statistics import RedisStatistics
from farm.backends.redis_twins import RedisTwins
from farm.backends.redis_workers import RedisWorkers
from farm.backends.settings import Settings
from farm.jobs.ports import ArtifactStore
from farm.jobs.service import JobService


def assemble_from(
    settings: Settings, *, waiters_max: int, client: Redis | None = None
) -> JobService:
    """Return what ``assemble`` does, of the places that ``settings`` name."""
    return assemble(
        settings.redis_url,
        settings.uploads_dir,
        broker_url=settings.broker_url,
        artifacts=settings.artifacts,
        waiters_max=waiters_max,
        client=client,
    )


def assemble(
    redis_url: str,
    uploads_dir: Path | None,
    *,
    broker_url: str | None = None,
    artifacts: str | Bucket | None = None,
    waiters_max: int,
    client: Redis | None = None,
) -> JobService:
    """Return the farm's rules over Redis, Celery and perhaps a folder.

    Nothing connects before the first call, so it may be done before a fork.

    Args:
        redis_url: Where records are kept.
        uploads_dir: Where uploads are kept; ``None``: where artifacts are.
        broker_url: RabbitMQ with Celery's queues; ``None``: they are beside the records.
        artifacts: Where artifacts are kept, a Redis by its URL or a bucket; ``None``: beside
            the records.
        waiters_max: How many threads of this process may wait for a job at once;
            0 for a process in which none does.
        client: What reaches ``redis_url``, where the process has a use for it besides.

    Raises:
        ConfigError: What the bucket takes is not installed.
    """
    client = client or connect(redis_url)
    clock = SystemClock()
    apart = {"artifacts": connect(artifacts)} if isinstance(artifacts, str) else {}
    store: ArtifactStore = (
        artifacts_in(artifacts, client, clock)
        if isinstance(artifacts, Bucket)
        else RedisArtifacts(apart.get("artifacts", client))
    )
    changes = ChangeListener(client, waiters_max=waiters_max)
    ledger = RedisLedger(client, changes)
    return JobService(
        ledger=ledger,
        batches=RedisBatches(client, changes, clock),
        batch_jobs=RedisBatchJobs(client, changes),
        queue=(
            AmqpQueue(broker_url, client, clock) if broker_url else CeleryQueue(redis_url, client)
        ),
        artifacts=store,
        uploads=FolderArtifacts(uploads_dir, clock) if uploads_dir else store,
        workers=RedisWorkers(client),
        keys=RedisKeys(client),
        reservations=RedisReservations(client),
        deliveries=RedisDeliveries(client),
        notices=RedisNotices(client, clock),
        signing=RedisSigning(client),
        twins=RedisTwins(client, ledger),
        statistics=RedisStatistics(client, apart),
        clock=clock,
    )
