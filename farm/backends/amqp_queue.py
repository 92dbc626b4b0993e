"""Celery over RabbitMQ: quorum queues, which outlive the loss of a node.

RabbitMQ does not say which messages wait. So what was announced is noted in Redis::

    farm:announced:{queue}:{priority}   sorted set: job id by when it was announced, in
                                        milliseconds since 1970

A note is believed until the queue is empty, for then all that was announced before has
been taken or lost; or for an hour, should the queue never be empty.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from amqp.exceptions import AMQPError
from celery import Celery
from kombu import Exchange
from kombu import Queue as AmqpQueueOf
from kombu.exceptions import OperationalError
from redis import Redis

from farm.backends.celery_queue import (
    BROKER_SETTINGS,
    CHECK_BROWSER,
    CHECK_EXPIRES_S,
    CONNECTIONS_MAX,
    PRIORITIES,
    announcement,
)
from farm.backends.redis_connection import TIMEOUT_S, redis_errors
from farm.jobs.errors import BackendUnavailable
from farm.jobs.models import Job
from farm.jobs.ports import Clock
from farm.jobs.specs.base import Priority
from farm.jobs.specs.requests import ALL_QUEUES, Queue

_AHEAD, _BEHIND = 9, 1
"""RabbitMQ knows two from version 4 on: up to 4, and above. Older ones take none."""
_BELIEVED_MS = 3600 * 1000
_CLOCKS_MS = 5000
"""By how much the clocks of those who announce may differ."""
_PAUSE_S = 2.0
"""How long a broker that failed is not asked again: who comes meanwhile need not wait too."""

_EXCHANGE = Exchange("farm", type="topic")  # Celery's delays take a topic.
QUEUES = [
    AmqpQueueOf(name, _EXCHANGE, routing_key=name, queue_arguments={"x-queue-type": "quorum"})
    for name in ALL_QUEUES
]

AMQP_SETTINGS: Mapping[str, Any] = {
    **BROKER_SETTINGS,
    "task_queues": QUEUES,
    "broker_heartbeat": 20,  # A broker that fell silent is given up after two of them.
    "broker_connection_timeout": TIMEOUT_S,
}
"""What both ends of the channel must agree on, or do alike."""


class AmqpQueue:
    """``JobQueue`` over Celery on RabbitMQ."""

    def __init__(self, broker_url: str, client: Redis, clock: Clock) -> None:
        """Publish to ``broker_url``; note with ``client`` what was announced, and when.

        Nothing connects before the first call, so the object may be made before a fork.
        """
        self._client = client
        self._clock = clock
        self._open_until = 0.0
        self._app = Celery("farm", broker=broker_url, set_as_current=False)
        self._app.conf.update(AMQP_SETTINGS)
        self._app.conf.update(
            broker_transport_options={
                "confirm_publish": True,
                "read_timeout": TIMEOUT_S,
                "write_timeout": TIMEOUT_S,
                "max_retries": 0,
            },
            task_publish_retry=False,
            broker_pool_limit=CONNECTIONS_MAX,
        )

    def announce(self, job: Job, *, ahead: bool = False) -> None:
        """See ``JobQueue.announce``."""
        priority: Priority = "high" if ahead else job.spec.priority
        with redis_errors():
            # Before: a note of a message that failed would keep the job from being announced.
            self._client.zrem(_key(job.queue, priority), job.id)
        self._send(priority=_AHEAD if priority == "high" else _BEHIND, **announcement(job))
        with redis_errors():
            self._client.zadd(_key(job.queue, priority), {job.id: self._now_ms()})

    def announced(self, queue: Queue) -> Mapping[str, bool]:
        """See ``JobQueue.announced``; some of them may have been taken or lost."""
        asked_at = self._now_ms()
        is_empty = self._waiting(queue) == 0
        over = asked_at - (_CLOCKS_MS if is_empty else _BELIEVED_MS)
        with redis_errors(), self._client.pipeline() as pipe:
            for priority in PRIORITIES:
                pipe.zremrangebyscore(_key(queue, priority), "-inf", over)
                pipe.zrange(_key(queue, priority), 0, -1)
            noted = cast("list[list[bytes]]", pipe.execute()[1::2])
        found: dict[str, bool] = {}
        for priority, ids in zip(PRIORITIES, noted, strict=True):
            for job_id in ids:
                found.setdefault(job_id.decode(), priority == "high")
        return found

    def length(self, queue: Queue, priority: Priority) -> int:
        """See ``JobQueue.length``; rather too many than too few, as while the broker is away."""
        with redis_errors():
            noted = self._client.zcard(_key(queue, priority))
        if noted == 0:
            return 0
        try:
            return min(noted, self._waiting(queue))
        except BackendUnavailable:
            return noted  # Jobs are accepted meanwhile.

    def check_browser(self) -> None:
        """See ``JobQueue.check_browser``."""
        self._send(name=CHECK_BROWSER, queue="pages", priority=_AHEAD, expires=CHECK_EXPIRES_S)

    def ping(self) -> None:
        """See ``JobQueue.ping``."""
        self._waiting("pages")

    def _waiting(self, queue: Queue) -> int:
        """Return how many messages no worker has been sent yet; make the queue if need be."""
        (wanted,) = (each for each in QUEUES if each.name == queue)
        pool = cast("Any", self._app.pool)  # celery-types takes it for one of producers.
        with self._broker_errors(), pool.acquire(block=True) as connection:
            try:
                return _declared(wanted, connection)
            except connection.recoverable_connection_errors:
                # As after a restart of the broker: this one is of before.
                connection.collect()
                return _declared(wanted, connection)

    def _send(self, **options: Any) -> None:  # noqa: ANN401 - Celery's own options
        send = self._app.send_task
        with self._broker_errors():
            try:
                send(ignore_result=True, confirm_timeout=TIMEOUT_S, **options)
            except OperationalError:
                # Likewise. Who is told twice does no harm.
                send(ignore_result=True, confirm_timeout=TIMEOUT_S, **options)

    @contextmanager
    def _broker_errors(self) -> Iterator[None]:
        if time.monotonic() < self._open_until:
            raise BackendUnavailable("The broker did not answer a moment ago.")
        try:
            yield
        except (OperationalError, AMQPError, OSError) as error:
            self._open_until = time.monotonic() + _PAUSE_S
            raise BackendUnavailable("The broker cannot be reached.") from error

    def _now_ms(self) -> int:
        return round(self._clock.now().timestamp() * 1000)


def _declared(queue: Any, connection: Any) -> int:  # noqa: ANN401 - kombu has no types
    return int(queue(connection.default_channel).queue_declare().message_count)


def _key(queue: Queue, priority: Priority) -> str:
    return f"farm:announced:{queue}:{priority}"
