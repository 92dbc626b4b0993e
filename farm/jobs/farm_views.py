"""The farm itself as a caller sees it: how busy it is, and who works."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Self

from farm.jobs.models import Job
from farm.jobs.ports import Pressure
from farm.jobs.specs.requests import Queue
from farm.jobs.views import Time, View
from farm.jobs.workers import Child, Worker


class QueueView(View):
    """How busy one queue is."""

    queued: int
    running: int
    limit: int
    """Jobs that may be queued; further ones are refused."""
    oldest_wait_s: float | None
    """For how long the oldest queued job has waited; null if none waits."""
    ended_per_min: float
    """Jobs that ended in the last minute."""


class PressureView(View):
    """Whether the farm takes further jobs, and how busy it is."""

    accepting: bool
    reason: str | None
    """Why jobs are refused; null while they are not."""
    queues: dict[str, QueueView]

    @classmethod
    def of(cls, pressures: Mapping[Queue, Pressure], limit: int, now: datetime) -> Self:
        """Return the view of ``pressures`` at ``now``; ``limit`` jobs may be queued on each."""
        full = [queue for queue, pressure in pressures.items() if pressure.queued >= limit]
        return cls(
            accepting=not full,
            reason=f"{limit} jobs wait on the queue {full[0]}, as many as may." if full else None,
            queues={
                queue: QueueView(
                    queued=pressure.queued,
                    running=pressure.running,
                    limit=limit,
                    oldest_wait_s=_wait_s(pressure.oldest_queued_at, now),
                    ended_per_min=round(pressure.ended_per_min, 1),
                )
                for queue, pressure in pressures.items()
            },
        )


class CurrentJobView(View):
    """The job that a child runs now."""

    id: str
    kind: str
    attempt: int
    started_at: Time | None


class ChildView(View):
    """One process that runs a worker's jobs, one at a time."""

    pid: int
    job: CurrentJobView | None
    """Null while it waits."""
    jobs_done: int
    browser_version: str | None
    """Null before its first page; one that probes media has no browser."""
    sandbox: bool | None
    """Whether that browser runs with Chromium's own sandbox."""
    memory_bytes: int
    """Of the process and all that it has started."""
    beat_at: Time


class WorkerView(View):
    """One worker: a main process and its children."""

    id: str
    name: str
    queues: tuple[str, ...]
    pid: int
    concurrency: int
    started_at: Time
    beat_at: Time
    gate: bool = True
    """Whether its gate to the network answered just now; without it it runs no job."""
    facts: dict[str, str | None]
    children: tuple[ChildView, ...]

    @classmethod
    def of(cls, worker: Worker, running: Iterable[Job]) -> Self:
        """Return the view of ``worker``, with those of the ``running`` jobs that it has."""
        jobs = {job.worker: job for job in running}
        children = tuple(
            _child(child, jobs.get(f"{worker.id}/{child.pid}")) for child in worker.children
        )
        return cls(**worker.model_dump(exclude={"children"}), children=children)


class WorkersView(View):
    """The workers that are alive, by name."""

    items: tuple[WorkerView, ...]


def _child(child: Child, job: Job | None) -> ChildView:
    current = job and CurrentJobView(
        id=job.id, kind=job.kind, attempt=job.attempt, started_at=job.started_at
    )
    return ChildView(**child.model_dump(), job=current)


def _wait_s(since: datetime | None, now: datetime) -> float | None:
    return None if since is None else round(max(0.0, (now - since).total_seconds()), 3)
