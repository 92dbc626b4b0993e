"""One way to reach Redis, and the translation of its errors."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from farm.jobs.errors import BackendUnavailable

TIMEOUT_S = 2
"""For a connection and for each reply: a web thread must answer 503 within seconds."""


def connect(url: str) -> Redis:
    """Return a client with explicit limits; redis-py's own defaults retry ten times.

    One retry is safe for all that the farm sends: each command may be applied twice.
    The client connects at the first command.
    """
    return Redis.from_url(
        url,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        socket_keepalive=True,
        health_check_interval=10,
        retry=Retry(NoBackoff(), 1),
        client_name="farm",
    )


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turn what redis-py raises while Redis is away or full into ``BackendUnavailable``."""
    try:
        yield
    except (RedisConnectionError, RedisTimeoutError) as error:
        raise BackendUnavailable("Redis cannot be reached.") from error
    except OutOfMemoryError as error:
        raise BackendUnavailable("Redis has no memory left.") from error
    except RedisError as error:
        raise BackendUnavailable("Redis refused a command.") from error
