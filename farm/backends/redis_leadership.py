"""One active process among several that stand by.

Keys::

    farm:leader:{role}   who leads; expires when the leader stops renewing it
"""

import secrets

from redis import Redis

from farm.backends.redis_connection import redis_errors

_RENEW = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
"""
_RESIGN = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
"""


class RedisLeadership:
    """A lease on a role, held while it is renewed in time."""

    def __init__(self, client: Redis, role: str, *, ttl_s: float) -> None:
        """Contend for ``role``; another may take it ``ttl_s`` seconds after the last renewal."""
        self._client = client
        self._key = f"farm:leader:{role}"
        self._me = secrets.token_hex(8)
        self._ttl_ms = round(ttl_s * 1000)
        self._renew = client.register_script(_RENEW)
        self._resign = client.register_script(_RESIGN)

    @redis_errors()
    def hold(self) -> bool:
        """Take the role if it is free, renew it if it is ours; say whether it is ours now."""
        if self._renew(keys=[self._key], args=[self._me, self._ttl_ms]):
            return True
        return bool(self._client.set(self._key, self._me, nx=True, px=self._ttl_ms))

    @redis_errors()
    def resign(self) -> None:
        """Give the role up if it is ours, so that another may take it at once."""
        self._resign(keys=[self._key], args=[self._me])
