"""How far the receivers of webhooks have been told, in Redis.

It lies beside the record it is about, in the field ``webhook`` of ``farm:job:{id}``, and so
goes with it. What is due is an index like any other: see ``farm.backends.redis_filing``.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from redis import Redis

from farm.backends.redis_connection import redis_errors
from farm.backends.redis_filing import WEBHOOKS
from farm.backends.redis_given_up import KEPT_S, read_given_up
from farm.backends.redis_records import job_key, read_jobs
from farm.backends.redis_scripts import script
from farm.jobs.deliveries import Delivery, GivenUp
from farm.jobs.metrics.tallies import of_delivery
from farm.jobs.models import Job

_GIVEN_UP = "farm:webhooks:failed:"


class RedisDeliveries:
    """``Deliveries`` over one Redis; every change is one script and so atomic."""

    def __init__(self, client: Redis) -> None:
        """Keep it with ``client``."""
        self._client = client
        self._take = script(client, "take_due")
        self._record = script(client, "record_delivery", "tally")

    @redis_errors()
    def take(self, now: datetime, until: datetime, limit: int) -> list[Job]:
        """See ``Deliveries.take``."""
        taken = self._take(keys=[WEBHOOKS], args=[now.timestamp(), until.timestamp(), limit])
        if not taken:
            return []
        jobs = read_jobs(self._client, cast("list[bytes]", taken))
        return [job for job in jobs.values() if job is not None]

    @redis_errors()
    def postpone(self, about: Job, until: datetime) -> None:
        """See ``Deliveries.postpone``."""
        self._client.zadd(WEBHOOKS, {about.id: until.timestamp()}, xx=True)

    @redis_errors()
    def of(self, about: Sequence[Job]) -> Mapping[str, Delivery]:
        """See ``Deliveries.of``."""
        with self._client.pipeline(transaction=False) as pipe:
            for job in about:
                pipe.hget(job_key(job.id), "webhook")
            found = cast("list[bytes | None]", pipe.execute())
        return {
            job.id: Delivery.kept(kept, job.revision)
            for job, kept in zip(about, found, strict=True)
        }

    @redis_errors()
    def record(self, about: Job, delivery: Delivery) -> bool:
        """See ``Deliveries.record``."""
        due = "" if delivery.due_at is None else delivery.due_at.timestamp()
        recorded = self._record(
            keys=[job_key(about.id), WEBHOOKS, f"{_GIVEN_UP}{about.owner}"],
            args=[
                about.id,
                about.revision,
                delivery.model_dump_json(),
                due,
                "revision",
                "webhook",
                json.dumps(of_delivery(delivery)),
                "" if delivery.failed_at is None else delivery.failed_at.timestamp(),
                KEPT_S,
            ],
        )
        return bool(recorded)

    @redis_errors()
    def given_up(self, owner: str, before: datetime | None, limit: int) -> list[GivenUp[Job]]:
        """See ``Deliveries.given_up``."""

        def look_up(members: Sequence[bytes]) -> list[GivenUp[Job]]:
            jobs = [job for job in read_jobs(self._client, members).values() if job is not None]
            stands = self.of(jobs)
            found = [(job, stands[job.id]) for job in jobs]
            return [GivenUp(job, how, how.failed_at) for job, how in found if how.failed_at]

        return read_given_up(self._client, f"{_GIVEN_UP}{owner}", before, limit, look_up)
