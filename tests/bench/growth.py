"""Whether a job costs the same in a large farm, a long batch, and after many others."""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from redis import Redis

from farm.backends.redis_changes import ChangeListener
from farm.backends.redis_connection import connect
from farm.backends.redis_ledger import RedisLedger
from farm.jobs.models import Job
from tests.bench.door import door, some_urls
from tests.bench.figures import Figure
from tests.bench.support import seconds
from tests.bench.throughput import compared
from tests.support.builders import a_spec
from tests.support.neighbours import redis_server


def figures(quick: bool) -> Iterator[Figure]:
    """Measure item 8."""
    for slots in (1, 2) if quick else (1, 2, 4):
        yield compared(slots, pages=4 if quick else 120, rounds=2 if quick else 3)
    yield from _batches((10, 100) if quick else (100, 1000, 10_000), 2 if quick else 5)
    yield from _ledger((0, 500) if quick else (0, 10_000, 200_000), 2 if quick else 5)


def _batches(sizes: tuple[int, ...], rounds: int) -> Iterator[Figure]:
    took: dict[int, list[float]] = {size: [] for size in sizes}
    with door() as api, Redis.from_url(api.redis_url) as redis:
        api.batch(some_urls(sizes[0]))
        for _ in range(rounds):
            for size, found in took.items():
                redis.flushall()
                urls = some_urls(size)
                found.append(seconds(lambda urls=urls: api.batch(urls)) * 1e6 / size)  # type: ignore[misc]
    least, *larger = sizes
    for size in larger:
        what = f"to accept one of {size} URLs of a batch"
        yield Figure(what, "µs", took[size], took[least], f"one of {least}", "less")


def _ledger(sizes: tuple[int, ...], rounds: int) -> Iterator[Figure]:
    """Measure what one job costs beside finished ones; these only become more, not in turn."""
    took: dict[int, list[float]] = {}
    folder = tempfile.TemporaryDirectory(prefix="farm-bench-")
    with folder as name, redis_server(Path(name)) as url, connect(url) as client:
        ledger = RedisLedger(client, ChangeListener(client, waiters_max=0))
        _file(ledger, "warm", 50)
        filled = 0
        for size in sizes:
            for number in range(filled, size):
                ledger.swap(_job(f"done-{number}").succeeded(_now(), artifacts=[], report={}))
            filled = size
            took[size] = [_file(ledger, f"{size}-{number}", 200) for number in range(rounds)]
    least, *larger = sizes
    for size in larger:
        yield Figure(
            f"to file, claim and end a job beside {size} finished ones",
            "µs",
            took[size],
            took[least],
            "beside none",
            "less",
        )


def _file(ledger: RedisLedger, name: str, count: int) -> float:
    """Return the microseconds that each of ``count`` jobs takes, from its filing to its end."""

    def work() -> None:
        for number in range(count):
            job = _job(f"{name}-{number}")
            claimed = job.claimed("w/1", _now(), redeliveries=0)
            for each in (job, claimed, claimed.succeeded(_now(), artifacts=[], report={})):
                if not ledger.swap(each):
                    raise RuntimeError(f"not stored: {each.id}")

    return seconds(work) * 1e6 / count


def _job(job_id: str) -> Job:
    return Job(id=job_id, spec=a_spec(tags=["shop"]), created_at=_now(), queued_at=_now())


def _now() -> datetime:
    return datetime.now(UTC)
