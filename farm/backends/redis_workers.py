"""Who is alive, in Redis.

Keys::

    farm:workers          set: names that beat once
    farm:worker:{name}    the worker's last beat, JSON; expires when no new one comes
    farm:browser          the newest successful opening of a page, JSON
"""

from typing import cast

from redis import Redis

from farm.backends.redis_connection import redis_errors
from farm.jobs.workers import BrowserCheck, Worker

_NAMES = "farm:workers"
_BROWSER = "farm:browser"


class RedisWorkers:
    """``WorkerDirectory`` over one Redis."""

    def __init__(self, client: Redis) -> None:
        """Keep beats with ``client``."""
        self._client = client

    @redis_errors()
    def beat(self, worker: Worker, *, ttl_s: int) -> None:
        """See ``WorkerDirectory.beat``."""
        with self._client.pipeline() as pipe:
            pipe.sadd(_NAMES, worker.name)
            pipe.set(_key(worker.name), worker.model_dump_json(), ex=ttl_s)
            pipe.execute()

    @redis_errors()
    def leave(self, name: str) -> None:
        """See ``WorkerDirectory.leave``."""
        with self._client.pipeline() as pipe:
            pipe.srem(_NAMES, name)
            pipe.delete(_key(name))
            pipe.execute()

    @redis_errors()
    def alive(self) -> list[Worker]:
        """See ``WorkerDirectory.alive``."""
        names = sorted(cast("set[bytes]", self._client.smembers(_NAMES)))
        if not names:
            return []
        beats = cast("list[bytes | None]", self._client.mget([_key(n.decode()) for n in names]))
        silent = [name for name, beat in zip(names, beats, strict=True) if beat is None]
        if silent:
            self._client.srem(_NAMES, *silent)
        return [Worker.model_validate_json(beat) for beat in beats if beat is not None]

    @redis_errors()
    def browser_opened(self, check: BrowserCheck) -> None:
        """See ``WorkerDirectory.browser_opened``."""
        self._client.set(_BROWSER, check.model_dump_json())

    @redis_errors()
    def last_browser_check(self) -> BrowserCheck | None:
        """See ``WorkerDirectory.last_browser_check``."""
        stored = cast("bytes | None", self._client.get(_BROWSER))
        return None if stored is None else BrowserCheck.model_validate_json(stored)


def _key(name: str) -> str:
    return f"farm:worker:{name}"
