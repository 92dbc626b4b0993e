"""Webhooks that were given up, in Redis: a set of each owner's, by when (``record_delivery.lua``).

What lies there may have been forgotten since, or queued again: the record says so, and
each entry goes by itself once no record can be that old.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar, cast

from redis import Redis

from farm.jobs.deliveries import GivenUp

KEPT_S = 31 * 24 * 3600
"""Longer than any record."""

T = TypeVar("T")


def read_given_up(
    client: Redis,
    key: str,
    before: datetime | None,
    limit: int,
    look_up: Callable[[Sequence[bytes]], list[GivenUp[T]]],
) -> list[GivenUp[T]]:
    """Return up to ``limit`` of those given up before then, the latest first.

    ``look_up`` returns those of some members that still stand as the set says, in their order.
    """
    found: list[GivenUp[T]] = []
    top: str | float = "+inf" if before is None else f"({before.timestamp()!r}"
    skip = 0
    while len(found) < limit:
        members = cast(
            "list[bytes]", client.zrevrangebyscore(key, top, "-inf", start=skip, num=limit)
        )
        found += look_up(members)
        skip += len(members)
        if len(members) < limit:
            break
    return found[:limit]
