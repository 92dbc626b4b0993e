"""All that a Redis holds, to look for what it must not hold."""

from typing import Any

from redis import Redis


def everything_in(client: Redis) -> str:
    """Return every key with its value, as Python writes them."""
    found: dict[bytes, Any] = {}
    for key in client.scan_iter(count=1000):
        match client.type(key):
            case b"string":
                found[key] = client.get(key)
            case b"hash":
                found[key] = client.hgetall(key)
            case b"list":
                found[key] = client.lrange(key, 0, -1)
            case b"set":
                found[key] = client.smembers(key)
            case b"zset":
                found[key] = client.zrange(key, 0, -1, withscores=True)
            case other:
                raise NotImplementedError(f"{key!r} is a {other!r}")
    return str(found)
