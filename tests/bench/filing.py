"""What it costs Redis to file jobs: ``python -m tests.bench.filing``.

A Redis of its own, with many jobs on it already; then some are added, claimed and ended,
and listed.
"""

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from redis import Redis

from farm.backends.redis_changes import ChangeListener
from farm.backends.redis_connection import connect
from farm.backends.redis_ledger import RedisLedger
from farm.jobs.listing import JobFilter
from farm.jobs.models import Job
from farm.jobs.states import JobState
from tests.support.builders import a_spec
from tests.support.neighbours import redis_server

_WAITING = 10_000
_MEASURED = 1_000


def _main() -> None:
    folder = tempfile.TemporaryDirectory(prefix="farm-bench-")
    with folder as name, redis_server(Path(name)) as url, connect(url) as client:
        ledger = RedisLedger(client, ChangeListener(client, waiters_max=0))
        empty = _memory_bytes(client)
        for number in range(_WAITING):
            ledger.swap(_job(f"waiting-{number}"))
        each = (_memory_bytes(client) - empty) / _WAITING
        print(f"memory of a queued job         {each:7.0f} bytes")
        jobs = [_job(f"job-{number}") for number in range(_MEASURED)]
        _measure(client, "add", lambda: [ledger.swap(job) for job in jobs])
        jobs = [job.claimed("w/1", _now(), redeliveries=0) for job in jobs]
        _measure(client, "claim", lambda: [ledger.swap(job) for job in jobs])
        jobs = [job.succeeded(_now(), artifacts=[], report={}) for job in jobs]
        _measure(client, "end", lambda: [ledger.swap(job) for job in jobs])
        wanted = JobFilter(state=JobState.QUEUED, tag="shop", host="page.test")
        began = time.perf_counter()
        for _ in range(100):
            ledger.listed(wanted, None, 50)
        print(f"a page of 50, by three labels  {(time.perf_counter() - began) * 10:7.1f} ms")


def _measure(client: Redis, what: str, act: Callable[[], object]) -> None:
    client.config_resetstat()
    began = time.perf_counter()
    act()
    took_s = time.perf_counter() - began
    calls = client.info("commandstats")["cmdstat_evalsha"]
    print(
        f"{what:<30} {calls['usec_per_call']:7.1f} microseconds of Redis, "
        f"{took_s / _MEASURED * 1e6:.0f} in all"
    )


def _job(job_id: str) -> Job:
    spec = a_spec(priority="low", tags=["shop", "nightly"])
    return Job(id=job_id, spec=spec, created_at=_now(), queued_at=_now())


def _now() -> datetime:
    return datetime.now(UTC)


def _memory_bytes(client: Redis) -> int:
    return int(client.info("memory")["used_memory"])


if __name__ == "__main__":
    _main()
