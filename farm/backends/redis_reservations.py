"""Reservations in Redis.

Keys of Redis::

    farm:reserved:{owner}:{hash}   the id and the fingerprint, with a space between them;
                                   {hash} is the SHA-256 of the idempotency key
    farm:spent:{id}                beside a reservation whose job was forgotten; outlives it
"""

import hashlib
from typing import cast

from redis import Redis

from farm.backends.redis_connection import redis_errors
from farm.jobs.ports import RESERVED_S, Reserved


class RedisReservations:
    """``Reservations`` over one Redis."""

    def __init__(self, client: Redis) -> None:
        """Keep reservations with ``client``."""
        self._client = client

    @redis_errors()
    def reserve(self, owner: str, key: str, mine: Reserved) -> Reserved:
        """See ``Reservations.reserve``.

        May be sent twice: the second time finds the caller's own.
        """
        written = f"{mine.id} {mine.fingerprint}"
        while True:
            if self._client.set(_key(owner, key), written, nx=True, ex=RESERVED_S):
                return mine
            found = self.find(owner, key)
            if found is not None:
                return found  # Else it has expired since.

    @redis_errors()
    def find(self, owner: str, key: str) -> Reserved | None:
        """See ``Reservations.find``."""
        stored = cast("bytes | None", self._client.get(_key(owner, key)))
        return None if stored is None else Reserved(*stored.decode().split(" "))

    @redis_errors()
    def spend(self, reserved_id: str) -> None:
        """See ``Reservations.spend``."""
        self._client.set(_spent_key(reserved_id), b"", ex=RESERVED_S)

    @redis_errors()
    def is_spent(self, reserved_id: str) -> bool:
        """See ``Reservations.is_spent``."""
        return bool(self._client.exists(_spent_key(reserved_id)))


def _key(owner: str, key: str) -> str:
    return f"farm:reserved:{owner}:{hashlib.sha256(key.encode()).hexdigest()}"


def _spent_key(reserved_id: str) -> str:
    return f"farm:spent:{reserved_id}"
