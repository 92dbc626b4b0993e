"""How far the receivers of batches' webhooks have been told, in Redis.

It lies in the batch's hash: ``news:{event}``, how often it has happened, with the time in
``at:{event}``, and ``webhook:{event}``, how it stands (JSON). What is due is a set of
``{id} {event}``: see ``counts.lua``.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import cast, get_args

from redis import Redis

from farm.backends.redis_connection import redis_errors
from farm.backends.redis_scripts import script
from farm.backends.redis_standing import batch_key, standing_of
from farm.jobs.batches.notices import Event, Notice
from farm.jobs.deliveries import Delivery
from farm.jobs.metrics.tallies import of_delivery
from farm.jobs.ports import Clock

_DUE = "farm:batches:webhooks"
_EVENTS = {event: event for event in get_args(Event)}


class RedisNotices:
    """``Deliveries`` of notices over one Redis; every change is one script and so atomic."""

    def __init__(self, client: Redis, clock: Clock) -> None:
        """Keep it with ``client``."""
        self._client = client
        self._clock = clock
        self._take = script(client, "take_due")
        self._record = script(client, "record_delivery", "tally")

    @redis_errors()
    def take(self, now: datetime, until: datetime, limit: int) -> list[Notice]:
        """See ``Deliveries.take``."""
        taken = self._take(keys=[_DUE], args=[now.timestamp(), until.timestamp(), limit])
        names = [member.decode().split(" ") for member in cast("list[bytes]", taken)]
        if not names:
            return []
        with self._client.pipeline(transaction=False) as pipe:
            for batch_id, _ in names:
                pipe.hgetall(batch_key(batch_id))
            hashes = cast("list[dict[bytes, bytes]]", pipe.execute())
        return [
            self._notice(_EVENTS[event], found)
            for (_, event), found in zip(names, hashes, strict=True)
            if found
        ]

    @redis_errors()
    def postpone(self, about: Notice, until: datetime) -> None:
        """See ``Deliveries.postpone``."""
        self._client.zadd(_DUE, {_member(about): until.timestamp()}, xx=True)

    @redis_errors()
    def of(self, about: Sequence[Notice]) -> Mapping[str, Delivery]:
        """See ``Deliveries.of``."""
        with self._client.pipeline(transaction=False) as pipe:
            for each in about:
                pipe.hget(batch_key(each.standing.batch.id), f"webhook:{each.event}")
            found = cast("list[bytes | None]", pipe.execute())
        return {each.id: _of(each, kept) for each, kept in zip(about, found, strict=True)}

    @redis_errors()
    def record(self, about: Notice, delivery: Delivery) -> bool:
        """See ``Deliveries.record``."""
        due = "" if delivery.due_at is None else delivery.due_at.timestamp()
        recorded = self._record(
            keys=[batch_key(about.standing.batch.id), _DUE],
            args=[
                _member(about),
                about.revision,
                delivery.model_dump_json(),
                due,
                f"news:{about.event}",
                f"webhook:{about.event}",
                json.dumps(of_delivery(delivery)),
            ],
        )
        return bool(recorded)

    def _notice(self, event: Event, found: Mapping[bytes, bytes]) -> Notice:
        at = float(found[f"at:{event}".encode()])
        return Notice(
            standing=standing_of(found, self._clock.now()),
            event=event,
            revision=int(found[f"news:{event}".encode()]),
            at=datetime.fromtimestamp(at, UTC),
        )


def _member(about: Notice) -> str:
    return f"{about.standing.batch.id} {about.event}"


def _of(about: Notice, kept: bytes | None) -> Delivery:
    delivery = None if kept is None else Delivery.model_validate_json(kept)
    if delivery is not None and delivery.revision == about.revision:
        return delivery
    return Delivery(revision=about.revision)
