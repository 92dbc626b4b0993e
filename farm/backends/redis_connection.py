"""One way to reach Redis, and the translation of its errors."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self, TypeVar, cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry
from redis.sentinel import Sentinel

from farm.backends.sentinels import Sentinels
from farm.jobs.errors import BackendUnavailable

TIMEOUT_S = 2
"""For a connection and for each reply: a web thread must answer 503 within seconds."""

_PAUSE_S = 2.0
"""How long a server that failed is not asked again: who comes meanwhile need not wait too."""

SENTINEL_LIMITS: Mapping[str, Any] = {
    "socket_timeout": 0.5,
    "socket_connect_timeout": 0.5,
    "retry": Retry(NoBackoff(), 0),
}
"""One of several: the next is asked soon."""

T = TypeVar("T")


def connect(url: str) -> Redis:
    """Return a client with explicit limits; redis-py's own defaults retry ten times.

    A command fails ``TIMEOUT_S`` after the server fell silent, and at once if another
    one of this client failed a moment ago. The client connects at the first command; over
    Sentinel always to the master of the moment.
    """
    limits: dict[str, Any] = {
        "socket_timeout": TIMEOUT_S,
        "socket_connect_timeout": TIMEOUT_S,
        "socket_keepalive": True,
        "health_check_interval": 10,
        "retry": _Breaker(),
        "client_name": "farm",
    }
    sentinels = Sentinels.of(url)
    if sentinels is None:
        return Redis.from_url(url, **limits)
    watching = cast("Any", Sentinel)  # It has no types.
    watchers = watching(sentinels.hosts, sentinel_kwargs=SENTINEL_LIMITS)
    who = {"username": sentinels.username, "password": sentinels.password}
    return cast("Redis", watchers.master_for(sentinels.name, db=sentinels.db, **who, **limits))


class _Breaker(Retry):
    """Sends once more what a lost connection lost, and leaves a failed server in peace for a while.

    One retry is safe for all that the farm sends: each command may be applied twice. A
    timeout is no reason for it: a server that is silent would only be silent again.
    """

    def __init__(self) -> None:
        super().__init__(NoBackoff(), 1, (RedisConnectionError,))
        self._open_until = 0.0

    def __deepcopy__(self, _memo: object) -> Self:
        # redis-py copies it for each connection; all those of a client are to know.
        return self

    def call_with_retry(
        self,
        do: Callable[[], T],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,  # noqa: FBT001, FBT002 - redis-py's own
    ) -> T:
        """See ``Retry``; connecting and each command come through here."""
        if time.monotonic() < self._open_until:
            raise RedisConnectionError("it did not answer a moment ago")
        try:
            return super().call_with_retry(do, fail, is_retryable, with_failure_count)
        except (RedisConnectionError, RedisTimeoutError):
            self._open_until = time.monotonic() + _PAUSE_S
            raise


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
