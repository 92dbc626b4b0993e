"""Celery as the wake-up channel: messages that carry a job's id and nothing else."""

import json
from collections.abc import Mapping
from typing import Any, cast

from celery import Celery
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from farm.backends.redis_connection import SENTINEL_LIMITS, TIMEOUT_S, redis_errors
from farm.backends.sentinels import Sentinels
from farm.jobs.errors import BackendUnavailable
from farm.jobs.ladder import VISIBILITY_TIMEOUT_S
from farm.jobs.models import Job
from farm.jobs.specs.base import Priority
from farm.jobs.specs.requests import Queue

CHECK_BROWSER = "check_browser"
"""Name of the task that opens a page for readiness."""

_FIRST = 0
_PRIORITY_STEPS = [_FIRST, 3, 6, 9]
PRIORITIES: Mapping[Priority, int] = {"high": _FIRST, "normal": 3, "low": 6}
"""On Redis 0 is the highest, and each of these has a list of its own."""

CONNECTIONS_MAX = 64
"""As many as a process of the API has threads: who waits for a connection of another
thread waits for that one's timeout, and then for its own."""
_SEPARATOR = "\x06\x16"  # kombu's own, between a queue's name and the priority
CHECK_EXPIRES_S = 50
"""A check that nobody took before the next one comes is worth nothing."""

BROKER_SETTINGS: Mapping[str, Any] = {
    "task_serializer": "json",
    "result_serializer": "json",
    "accept_content": ["json"],
    "result_accept_content": ["json"],
    # The ledger is the only truth; a result of Celery's would be a second one.
    "task_ignore_result": True,
    "task_store_errors_even_if_ignored": False,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "visibility_timeout": VISIBILITY_TIMEOUT_S,
}
"""What both ends of the channel must agree on, or do alike."""


def redis_settings(
    redis_url: str, *, socket_timeout_s: float, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return how Celery reaches Redis; ``options`` are further ones of kombu's transport."""
    sentinels = Sentinels.of(redis_url)
    if sentinels is not None:
        watched = {"master_name": sentinels.name, "sentinel_kwargs": dict(SENTINEL_LIMITS)}
        options = {**options, **watched}
    return {
        "broker_url": sentinels.broker_url if sentinels else redis_url,
        "broker_transport_options": {**_transport_options(socket_timeout_s), **options},
    }


def _transport_options(socket_timeout_s: float) -> dict[str, Any]:
    # kombu's own default waits for ever.
    return {
        "visibility_timeout": VISIBILITY_TIMEOUT_S,
        "socket_timeout": socket_timeout_s,
        "socket_connect_timeout": min(socket_timeout_s, 5),
        "socket_keepalive": True,
        "health_check_interval": 10,
        "queue_order_strategy": "priority",
        "priority_steps": _PRIORITY_STEPS,
        "client_name": "farm-celery",
    }


def announcement(job: Job) -> dict[str, Any]:
    """Return what Celery is told of a job, but for how urgent it is."""
    return {
        "name": job.kind,
        "args": [job.id],
        "task_id": job.id,
        "queue": job.queue,
        "soft_time_limit": job.ladder.soft_limit_s,
        "time_limit": job.ladder.hard_limit_s,
    }


class CeleryQueue:
    """``JobQueue`` over Celery on Redis."""

    def __init__(self, redis_url: str, client: Redis) -> None:
        """Publish to ``redis_url``; read what is waiting there with ``client``.

        Nothing connects before the first call, so the object may be made before a fork.
        """
        self._client = client
        self._app = Celery("farm", set_as_current=False)
        self._app.conf.update(BROKER_SETTINGS)
        self._app.conf.update(
            # kombu would try to connect again and again, and a silent broker costs a
            # timeout each time; `_send` knows when another try is of use.
            redis_settings(redis_url, socket_timeout_s=TIMEOUT_S, options={"max_retries": 0}),
            task_publish_retry=False,
            broker_pool_limit=CONNECTIONS_MAX,
        )

    def announce(self, job: Job, *, ahead: bool = False) -> None:
        """See ``JobQueue.announce``."""
        self._send(priority=_FIRST if ahead else PRIORITIES[job.spec.priority], **announcement(job))

    @redis_errors()
    def announced(self, queue: Queue) -> Mapping[str, bool]:
        """See ``JobQueue.announced``."""
        with self._client.pipeline(transaction=False) as pipe:
            for step in _PRIORITY_STEPS:
                pipe.lrange(_list(queue, step), 0, -1)
            lists = cast("list[list[bytes]]", pipe.execute())
        found: dict[str, bool] = {}
        for step, messages in zip(_PRIORITY_STEPS, lists, strict=True):
            for message in messages:
                found.setdefault(json.loads(message)["headers"]["id"], step == _FIRST)
        return found

    @redis_errors()
    def length(self, queue: Queue, priority: Priority) -> int:
        """See ``JobQueue.length``."""
        return self._client.llen(_list(queue, PRIORITIES[priority]))

    def check_browser(self) -> None:
        """See ``JobQueue.check_browser``."""
        self._send(name=CHECK_BROWSER, queue="pages", priority=0, expires=CHECK_EXPIRES_S)

    @redis_errors()
    def ping(self) -> None:
        """See ``JobQueue.ping``."""
        self._client.ping()

    def _send(self, **options: Any) -> None:  # noqa: ANN401 - Celery's own options
        try:
            try:
                self._app.send_task(ignore_result=True, **options)
            except RedisConnectionError:
                # As after a restart of Redis: the next connection is a new one. Who is
                # told twice does no harm.
                self._app.send_task(ignore_result=True, **options)
        except (OperationalError, RedisError) as error:
            raise BackendUnavailable("The broker cannot be reached.") from error


def _list(queue: Queue, step: int) -> str:
    """Return the key of the queue's list of this priority."""
    return f"{queue}{_SEPARATOR}{step}" if step else queue
