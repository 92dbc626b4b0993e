"""Who is alive, in Redis.

Keys::

    farm:workers             set: names that beat once
    farm:worker:{name}       the worker's last beat, JSON; expires when no new one comes
    farm:children:{id}       set: pids of a worker's children that beat once; expires
    farm:child:{id}/{pid}    the child's last beat, JSON; expires when no new one comes
    farm:browser             the newest successful opening of a page, JSON
"""

from collections.abc import Callable
from typing import cast

from redis import Redis

from farm.backends.redis_connection import redis_errors
from farm.jobs.workers import BrowserCheck, Child, Worker

_NAMES = "farm:workers"
_BROWSER = "farm:browser"
_PIDS_TTL_S = 24 * 3600
"""No worker's id comes twice, so its keys must end; this is longer than any beat holds."""


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
    def child_beat(self, worker_id: str, child: Child, *, ttl_s: int) -> None:
        """See ``WorkerDirectory.child_beat``."""
        with self._client.pipeline() as pipe:
            pipe.sadd(_pids_key(worker_id), child.pid)
            pipe.expire(_pids_key(worker_id), _PIDS_TTL_S)
            pipe.set(_child_key(worker_id, child.pid), child.model_dump_json(), ex=ttl_s)
            pipe.execute()

    @redis_errors()
    def child_left(self, worker_id: str, pid: int) -> None:
        """See ``WorkerDirectory.child_left``."""
        with self._client.pipeline() as pipe:
            pipe.srem(_pids_key(worker_id), pid)
            pipe.delete(_child_key(worker_id, pid))
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
        workers = [Worker.model_validate_json(beat) for beat in self._beats(_NAMES, _key)]
        return [
            worker.model_copy(update={"children": self._children(worker.id)}) for worker in workers
        ]

    @redis_errors()
    def browser_opened(self, check: BrowserCheck) -> None:
        """See ``WorkerDirectory.browser_opened``."""
        self._client.set(_BROWSER, check.model_dump_json())

    @redis_errors()
    def last_browser_check(self) -> BrowserCheck | None:
        """See ``WorkerDirectory.last_browser_check``."""
        stored = cast("bytes | None", self._client.get(_BROWSER))
        return None if stored is None else BrowserCheck.model_validate_json(stored)

    def _children(self, worker_id: str) -> tuple[Child, ...]:
        beats = self._beats(_pids_key(worker_id), lambda pid: _child_key(worker_id, int(pid)))
        children = [Child.model_validate_json(beat) for beat in beats]
        return tuple(sorted(children, key=lambda child: child.pid))

    def _beats(self, index: str, key: Callable[[str], str]) -> list[bytes]:
        """Return the beats that still hold, and drop from ``index`` who fell silent."""
        names = sorted(cast("set[bytes]", self._client.smembers(index)))
        if not names:
            return []
        beats = cast("list[bytes | None]", self._client.mget([key(n.decode()) for n in names]))
        silent = [name for name, beat in zip(names, beats, strict=True) if beat is None]
        if silent:
            self._client.srem(index, *silent)
        return [beat for beat in beats if beat is not None]


def _key(name: str) -> str:
    return f"farm:worker:{name}"


def _pids_key(worker_id: str) -> str:
    return f"farm:children:{worker_id}"


def _child_key(worker_id: str, pid: int) -> str:
    return f"farm:child:{worker_id}/{pid}"
