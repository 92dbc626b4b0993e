"""The metrics of the farm as they stand now."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from farm.jobs.metrics import names
from farm.jobs.metrics.names import COUNTED, Metric
from farm.jobs.metrics.tallies import BOUNDS, Tally
from farm.jobs.ports import Pressure
from farm.jobs.service import JobService
from farm.jobs.specs.requests import ALL_QUEUES
from farm.jobs.workers import Worker


@dataclass(frozen=True)
class Histogram:
    """How many took no longer than each bound, and how long all took together."""

    counts: Sequence[int]
    """As many as there are buckets, and one more for all."""
    sum_s: float


Value = float | Histogram
Samples = Mapping[Sequence[str], Value]
"""By values of the labels."""


def samples(farm: JobService) -> Iterator[tuple[Metric, Samples]]:
    """Yield all metrics. What it costs does not grow with the number of jobs.

    Raises:
        BackendUnavailable: They cannot be had now.
    """
    yield from _counted(farm.statistics.counts())
    yield from _of_queues(farm)
    yield from _of_workers(farm.workers.alive())
    last = farm.workers.last_browser_check()
    if last is not None:
        age_s = (farm.clock.now() - last.at).total_seconds()
        yield names.BROWSER_CHECK, {(): max(0.0, age_s)}
    stores = farm.statistics.stores()
    yield names.REDIS_BYTES, {(name,): store.used_bytes for name, store in stores.items()}
    limits = {(name,): store.limit_bytes for name, store in stores.items()}
    yield names.REDIS_LIMIT, {name: limit for name, limit in limits.items() if limit is not None}


def _counted(tally: Tally) -> Iterator[tuple[Metric, Samples]]:
    found: dict[str, dict[Sequence[str], dict[str, int]]] = {
        metric.name: defaultdict(dict, {tuple(labels): {} for labels in metric.known or [()]})
        for metric in COUNTED.values()
    }
    for field, count in tally.items():
        name, *rest = field.split("|")
        if name in found:  # Else it is of another version.
            length = len(COUNTED[name].labels)
            found[name][tuple(rest[:length])]["|".join(rest[length:])] = count
    for metric in COUNTED.values():
        whole = _histogram if metric.sort == "histogram" else _count
        yield metric, {labels: whole(parts) for labels, parts in found[metric.name].items()}


def _count(parts: Mapping[str, int]) -> Value:
    return parts.get("", 0)


def _histogram(parts: Mapping[str, int]) -> Value:
    counts = accumulate(parts.get(f"le|{bound}", 0) for bound in BOUNDS)
    return Histogram(list(counts), parts.get("sum", 0) / 1000)


def _of_queues(farm: JobService) -> Iterator[tuple[Metric, Samples]]:
    now = farm.clock.now()
    found: dict[Sequence[str], Pressure] = {
        (queue,): pressure for queue, pressure in farm.pressure().items()
    }
    yield names.BACKLOG, {queue: each.queued + each.running for queue, each in found.items()}
    yield names.QUEUED, {queue: each.queued for queue, each in found.items()}
    yield names.RUNNING, {queue: each.running for queue, each in found.items()}
    yield names.LIMIT, dict.fromkeys(found, farm.limits.backlog_max)
    since = {queue: each.oldest_queued_at or now for queue, each in found.items()}
    yield names.OLDEST, {queue: max(0.0, (now - at).total_seconds()) for queue, at in since.items()}


def _of_workers(workers: Sequence[Worker]) -> Iterator[tuple[Metric, Samples]]:
    by_queue: dict[Sequence[str], list[Worker]] = {
        (queue,): [worker for worker in workers if queue in worker.queues] for queue in ALL_QUEUES
    }
    memory = {
        queue: [child.memory_bytes for worker in found for child in worker.children]
        for queue, found in by_queue.items()
    }
    slots = {queue: sum(each.concurrency for each in found) for queue, found in by_queue.items()}
    bare = [child for worker in workers for child in worker.children if child.sandbox is False]
    yield names.WORKERS, {queue: len(found) for queue, found in by_queue.items()}
    yield names.SLOTS, slots
    yield names.MEMORY, {queue: sum(sizes) for queue, sizes in memory.items()}
    yield names.LARGEST, {queue: max(sizes, default=0) for queue, sizes in memory.items()}
    yield names.UNSANDBOXED, {(): len(bare)}
