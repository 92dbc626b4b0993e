"""The farm's counts, in Redis, and how full Redis is.

Key::

    farm:metrics    hash: counts by field; most are kept by the scripts that do what is counted
    farm:samples    list: how the farm stood over the last hour (JSON), the oldest first
"""

from collections.abc import Mapping
from typing import cast

from redis import Redis
from redis.exceptions import NoPermissionError

from farm.backends.redis_connection import redis_errors
from farm.jobs.metrics.history import KEPT_S, SAMPLES_MAX, Sample
from farm.jobs.metrics.ports import Store
from farm.jobs.metrics.tallies import Tally

_COUNTS = "farm:metrics"
_SAMPLES = "farm:samples"


class RedisStatistics:
    """``Statistics`` over one Redis, or over several that hold different things."""

    def __init__(self, client: Redis, others: Mapping[str, Redis]) -> None:
        """Count with ``client``, which has the records; ``others`` by what they hold."""
        self._client = client
        self._stores = {"records": client, **others}

    @redis_errors()
    def add(self, tally: Tally) -> None:
        """See ``Statistics.add``."""
        with self._client.pipeline() as pipe:
            for field, count in tally.items():
                pipe.hincrby(_COUNTS, field, count)
            pipe.execute()

    @redis_errors()
    def counts(self) -> Tally:
        """See ``Statistics.counts``."""
        found = cast("dict[bytes, bytes]", self._client.hgetall(_COUNTS))
        return {field.decode(): int(count) for field, count in found.items()}

    @redis_errors()
    def keep(self, sample: Sample) -> None:
        """See ``Statistics.keep``."""
        with self._client.pipeline() as pipe:
            pipe.rpush(_SAMPLES, sample.model_dump_json())
            pipe.ltrim(_SAMPLES, -SAMPLES_MAX, -1)
            pipe.expire(_SAMPLES, KEPT_S)
            pipe.execute()

    @redis_errors()
    def kept(self) -> list[Sample]:
        """See ``Statistics.kept``."""
        found = cast("list[bytes]", self._client.lrange(_SAMPLES, 0, -1))
        return [Sample.model_validate_json(each) for each in found]

    @redis_errors()
    def stores(self) -> Mapping[str, Store]:
        """See ``Statistics.stores``."""
        found = {name: _store(client) for name, client in self._stores.items()}
        return {name: store for name, store in found.items() if store is not None}


def _store(client: Redis) -> Store | None:
    """Return how full it is; ``None``: the farm's user there may not ask."""
    try:
        told = cast("dict[str, int]", client.info("memory"))
    except NoPermissionError:
        return None
    return Store(used_bytes=told["used_memory"], limit_bytes=told["maxmemory"] or None)
