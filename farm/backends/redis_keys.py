"""Keys in Redis.

Keys of Redis::

    door:keys     hash: each key's id -> its record (JSON), without its secret
    door:secret   what links are signed with; made once, kept for ever
"""

import secrets
from datetime import datetime
from typing import cast

from redis import Redis

from farm.backends.redis_connection import redis_errors
from farm.jobs.keys import ApiKey

_KEYS = "door:keys"
_SECRET = "door:secret"  # noqa: S105 - where it lies, not what it is
_SECRET_BYTES = 32


class RedisKeys:
    """``KeyRing`` over one Redis."""

    def __init__(self, client: Redis) -> None:
        """Keep keys with ``client``."""
        self._client = client

    @redis_errors()
    def add(self, key: ApiKey) -> bool:
        """See ``KeyRing.add``."""
        return bool(self._client.hsetnx(_KEYS, key.id, _written(key)))

    @redis_errors()
    def get(self, key_id: str) -> ApiKey | None:
        """See ``KeyRing.get``."""
        stored = cast("bytes | None", self._client.hget(_KEYS, key_id))
        return None if stored is None else ApiKey.model_validate_json(stored)

    @redis_errors()
    def all(self) -> list[ApiKey]:
        """See ``KeyRing.all``."""
        stored = cast("dict[bytes, bytes]", self._client.hgetall(_KEYS))
        found = map(ApiKey.model_validate_json, stored.values())
        return sorted(found, key=lambda key: (key.created_at, key.id))

    @redis_errors()
    def revoke(self, key_id: str, at: datetime) -> ApiKey | None:
        """See ``KeyRing.revoke``."""
        key = self.get(key_id)
        if key is None or key.revoked_at is not None:
            return key
        # Nothing else of a key ever changes, so there is nobody to overtake.
        revoked = key.model_copy(update={"revoked_at": at})
        self._client.hset(_KEYS, key_id, _written(revoked))
        return revoked

    @redis_errors()
    def exists(self) -> bool:
        """See ``KeyRing.exists``."""
        return bool(self._client.exists(_KEYS))

    @redis_errors()
    def signing_secret(self) -> bytes:
        """See ``KeyRing.signing_secret``."""
        stored = self._secret()
        if stored is None:
            self._client.set(_SECRET, secrets.token_bytes(_SECRET_BYTES), nx=True)
            stored = self._secret()
        return stored or b""

    def _secret(self) -> bytes | None:
        return cast("bytes | None", self._client.get(_SECRET))


def _written(key: ApiKey) -> str:
    return key.model_dump_json(exclude_unset=True)
