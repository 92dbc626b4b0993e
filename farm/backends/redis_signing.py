"""What webhooks are signed with, in Redis.

Keys of Redis::

    sign:{owner}  the owner's secrets (JSON); no part of the farm but the API and the
                  dispatcher may read it
"""

from typing import cast

from redis import Redis
from redis.exceptions import WatchError

from farm.backends.redis_connection import redis_errors
from farm.jobs.signing import SigningSecrets


class RedisSigning:
    """``SigningRing`` over one Redis."""

    def __init__(self, client: Redis) -> None:
        """Keep secrets with ``client``."""
        self._client = client

    @redis_errors()
    def get(self, owner: str) -> SigningSecrets:
        """See ``SigningRing.get``."""
        return _read(cast("bytes | None", self._client.get(_key(owner))))

    @redis_errors()
    def swap(self, owner: str, before: SigningSecrets, after: SigningSecrets) -> bool:
        """See ``SigningRing.swap``."""
        with self._client.pipeline() as pipe:
            pipe.watch(_key(owner))  # type: ignore[no-untyped-call]
            if _read(cast("bytes | None", pipe.get(_key(owner)))) != before:
                return False
            pipe.multi()
            pipe.set(_key(owner), after.model_dump_json())
            try:
                pipe.execute()
            except WatchError:
                return False
        return True


def _key(owner: str) -> str:
    return f"sign:{owner}"


def _read(stored: bytes | None) -> SigningSecrets:
    return SigningSecrets() if stored is None else SigningSecrets.model_validate_json(stored)
