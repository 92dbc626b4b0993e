"""How far the receivers of batches' webhooks have been told, in Redis.

It lies in the batch's hash: ``news:{event}``, how often it has happened, with the time in
``at:{event}``, and ``webhook:{event}``, how it stands (JSON). What is due is a set of
``{id} {event}``: see ``news.lua``.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import cast, get_args

from redis import Redis

from farm.backends.redis_connection import redis_errors
from farm.backends.redis_given_up import KEPT_S, read_given_up
from farm.backends.redis_scripts import script
from farm.backends.redis_standing import batch_key, standing_of
from farm.jobs.batches.models import Standing
from farm.jobs.batches.notices import Event, Notice
from farm.jobs.deliveries import Delivery, GivenUp
from farm.jobs.metrics.tallies import of_delivery
from farm.jobs.ports import Clock

_DUE = "farm:batches:webhooks"
_GIVEN_UP = "farm:batches:webhooks:failed:"
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
        return self._notices(cast("list[bytes]", taken))

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
        return {
            each.id: Delivery.kept(kept, each.revision)
            for each, kept in zip(about, found, strict=True)
        }

    @redis_errors()
    def record(self, about: Notice, delivery: Delivery) -> bool:
        """See ``Deliveries.record``."""
        due = "" if delivery.due_at is None else delivery.due_at.timestamp()
        recorded = self._record(
            keys=[batch_key(about.standing.batch.id), _DUE, f"{_GIVEN_UP}{about.owner}"],
            args=[
                _member(about),
                about.revision,
                delivery.model_dump_json(),
                due,
                f"news:{about.event}",
                f"webhook:{about.event}",
                json.dumps(of_delivery(delivery)),
                "" if delivery.failed_at is None else delivery.failed_at.timestamp(),
                KEPT_S,
            ],
        )
        return bool(recorded)

    @redis_errors()
    def given_up(self, owner: str, before: datetime | None, limit: int) -> list[GivenUp[Notice]]:
        """See ``Deliveries.given_up``."""

        def look_up(members: Sequence[bytes]) -> list[GivenUp[Notice]]:
            notices = self._notices(members)
            stands = self.of(notices)
            found = [(each, stands[each.id]) for each in notices]
            return [GivenUp(each, how, how.failed_at) for each, how in found if how.failed_at]

        return read_given_up(self._client, f"{_GIVEN_UP}{owner}", before, limit, look_up)

    @redis_errors()
    def latest(self, standings: Sequence[Standing]) -> Mapping[str, Notice]:
        """See ``Notices.latest``."""
        asked = [(each, event) for each in standings for event in _EVENTS.values()]
        with self._client.pipeline(transaction=False) as pipe:
            for each, event in asked:
                pipe.hmget(batch_key(each.batch.id), f"at:{event}", f"news:{event}")
            told = cast("list[list[bytes | None]]", pipe.execute())
        found: dict[str, Notice] = {}
        for (standing, event), (at, revision) in zip(asked, told, strict=True):
            if at is None or revision is None:
                continue
            notice = Notice(standing, event, int(revision), _time(at))
            before = found.get(standing.batch.id)
            if before is None or before.at <= notice.at:
                found[standing.batch.id] = notice
        return found

    def _notices(self, members: Sequence[bytes]) -> list[Notice]:
        """Return what still is news of that which ``members`` name."""
        names = [member.decode().split(" ") for member in members]
        if not names:
            return []
        with self._client.pipeline(transaction=False) as pipe:
            for batch_id, _ in names:
                pipe.hgetall(batch_key(batch_id))
            hashes = cast("list[dict[bytes, bytes]]", pipe.execute())
        return [
            self._notice(_EVENTS[event], found)
            for (_, event), found in zip(names, hashes, strict=True)
            if f"at:{event}".encode() in found
        ]

    def _notice(self, event: Event, found: Mapping[bytes, bytes]) -> Notice:
        return Notice(
            standing=standing_of(found, self._clock.now()),
            event=event,
            revision=int(found[f"news:{event}".encode()]),
            at=_time(found[f"at:{event}".encode()]),
        )


def _time(value: bytes) -> datetime:
    return datetime.fromtimestamp(float(value), UTC)


def _member(about: Notice) -> str:
    return f"{about.standing.batch.id} {about.event}"
