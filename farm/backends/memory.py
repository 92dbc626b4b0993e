"""Every port in memory, for tests and for trying things out. Nothing expires by itself."""

import hashlib
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from farm.jobs.errors import ArtifactEvicted, JobExpired, UnknownJob
from farm.jobs.listing import JobFilter, Page, labels
from farm.jobs.models import STRIDES, Artifact, Job
from farm.jobs.ports import Clock, Pressure, Refusal
from farm.jobs.specs.base import Priority
from farm.jobs.specs.requests import Queue
from farm.jobs.states import JobState
from farm.jobs.workers import BrowserCheck, Child, Worker


@dataclass
class _Lane:
    gone: int
    waiting: list[str] = field(default_factory=list)


class ManualClock:
    """A clock that moves only when told to."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        """Stand still at ``start``."""
        self._now = start

    def now(self) -> datetime:
        """See ``Clock.now``."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self._now += timedelta(seconds=seconds)


class MemoryLedger:
    """``JobLedger`` in a dictionary."""

    def __init__(self, clock: Clock) -> None:
        """Judge expiry by ``clock``."""
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._numbers: dict[str, int] = {}
        self._look_again_at: dict[str, datetime | None] = {}
        self._lanes: dict[Queue, dict[str, _Lane]] = {}
        self._fed: set[str] = set()
        self._changed = threading.Condition()

    def add(self, new: Job, *, backlog_max: int, owner_max: int | None) -> Refusal | None:
        """See ``JobLedger.add``."""
        with self._changed:
            if new.id in self._jobs:
                return None if self._jobs[new.id] == new else "exists"
            open_jobs = [job for job in self._jobs.values() if not job.state.is_terminal]
            queued = [job for job in open_jobs if job.state is JobState.QUEUED]
            if len([job for job in queued if job.queue == new.queue]) >= backlog_max:
                return "backlog"
            if owner_max is not None and (
                len([job for job in open_jobs if job.owner == new.owner]) >= owner_max
            ):
                return "owner"
            self.swap(new)
            return None

    def swap(self, new: Job) -> bool:
        """See ``JobLedger.swap``."""
        with self._changed:
            stored = self._jobs.get(new.id)
            if stored == new:
                return True
            if (stored.revision if stored else 0) != new.revision - 1:
                return False
            if new.made_by is not None and not self.lists(new.made_by):
                return False
            # As it comes back from any store: what cannot be written must not pass here.
            self._jobs[new.id] = Job.model_validate_json(new.model_dump_json(exclude_unset=True))
            self._numbers.setdefault(new.id, len(self._numbers))
            self._file(new)
            self._changed.notify_all()
            return True

    def get(self, job_id: str) -> Job:
        """See ``JobLedger.get``."""
        with self._changed:
            job = self._jobs.get(job_id)
        if job is None:
            raise UnknownJob(job_id)
        if job.expires_at is not None and job.expires_at <= self._clock.now():
            raise JobExpired(job_id, job.owner)
        return job

    def revision(self, job_id: str) -> int | None:
        """See ``JobLedger.revision``."""
        job = self._jobs.get(job_id)
        return job.revision if job else None

    def forget(self, job_id: str) -> None:
        """See ``JobLedger.forget``."""
        with self._changed:
            self._jobs.pop(job_id, None)
            self._look_again_at.pop(job_id, None)
            self._leave_lanes(job_id)
            self._changed.notify_all()

    def due(self, now: datetime, limit: int) -> list[Job]:
        """See ``JobLedger.due``."""
        with self._changed:
            times = [(at, job_id) for job_id, at in self._look_again_at.items() if at is not None]
            return [self._jobs[job_id] for at, job_id in sorted(times) if at <= now][:limit]

    def postpone(self, job_id: str, until: datetime) -> None:
        """See ``JobLedger.postpone``."""
        with self._changed:
            if job_id in self._look_again_at:
                self._look_again_at[job_id] = until

    def running(self, queue: Queue) -> list[Job]:
        """See ``JobLedger.running``."""
        running = [
            (job.started_at, job.id, job)
            for job in self._jobs.values()
            if job.state is JobState.RUNNING and job.queue == queue and job.started_at is not None
        ]
        return [job for *_, job in sorted(running, key=lambda each: each[:2])]

    def has_lanes(self, queue: Queue) -> bool:
        """See ``JobLedger.has_lanes``."""
        return bool(self._lanes.get(queue))

    def fed(self, queue: Queue) -> int:
        """See ``JobLedger.fed``."""
        queued = [self._jobs[job_id] for job_id in self._fed if job_id in self._jobs]
        return len([job for job in queued if job.queue == queue and job.state is JobState.QUEUED])

    def take_turns(self, queue: Queue, count: int, until: datetime) -> list[Job]:
        """See ``JobLedger.take_turns``."""
        taken: list[Job] = []
        with self._changed:
            lanes = self._lanes.get(queue, {})
            while lanes and len(taken) < count:
                name = min(lanes, key=lambda each: (lanes[each].gone, each))
                job_id = lanes[name].waiting.pop(0)
                lanes[name].gone += STRIDES[self._jobs[job_id].spec.priority]
                if not lanes[name].waiting:
                    del lanes[name]
                self._look_again_at[job_id] = until
                self._fed.add(job_id)
                taken.append(self._jobs[job_id])
        return taken

    def pressure(self, queue: Queue, now: datetime) -> Pressure:
        """See ``JobLedger.pressure``."""
        jobs = [job for job in self._jobs.values() if job.queue == queue]
        queued = [job.queued_at for job in jobs if job.state is JobState.QUEUED]
        minute_ago = now - timedelta(minutes=1)
        run = [job for job in jobs if job.made_by is None]
        ended = [job for job in run if job.finished_at and job.finished_at > minute_ago]
        return Pressure(
            queued=len(queued),
            running=len(self.running(queue)),
            oldest_queued_at=min(queued, default=None),
            ended_per_min=len(ended),
        )

    def listed(
        self, wanted: JobFilter, before: int | None, limit: int, *, owner: str | None = None
    ) -> Page:
        """See ``JobLedger.listed``."""
        newest_first = sorted(self._jobs.values(), key=lambda job: -self._numbers[job.id])
        found = [
            job
            for job in newest_first
            if wanted.labels(owner) <= labels(job)
            and (before is None or self._numbers[job.id] < before)
            and (job.expires_at is None or job.expires_at > self._clock.now())
        ]
        page = tuple(found[:limit])
        return Page(page, self._numbers[page[-1].id] if len(found) > limit else None)

    def tidy(self, now: datetime, limit: int) -> int:
        """See ``JobLedger.tidy``; an expired job is not listed here anyway."""
        del now, limit
        return 0

    def wait_for_end(self, job_id: str, timeout_s: float) -> None:
        """See ``JobLedger.wait_for_end``."""

        def is_over() -> bool:
            job = self._jobs.get(job_id)
            return job is None or job.state.is_terminal

        with self._changed:
            self._changed.wait_for(is_over, timeout_s)

    def ping(self) -> None:
        """See ``JobLedger.ping``."""

    def lists(self, run_id: str) -> bool:
        """Return whether a job with twins lists what the run made."""
        return any(job.is_reusable and job.run_id == run_id for job in self._jobs.values())

    def waits_in_lane(self, job: Job) -> bool:
        """Return whether the queued job's turn has not come."""
        return job.lane is not None and job.id not in self._fed

    def _file(self, job: Job) -> None:
        self._leave_lanes(job.id)
        self._fed.discard(job.id)
        if job.state.is_terminal:
            self._look_again_at.pop(job.id, None)
            return
        self._look_again_at[job.id] = job.look_again_at
        if job.lane is not None:
            lanes = self._lanes.setdefault(job.queue, {})
            gone = min((lane.gone for lane in lanes.values()), default=0)
            lanes.setdefault(job.lane, _Lane(gone)).waiting.append(job.id)
            lanes[job.lane].waiting.sort(key=lambda job_id: self._numbers[job_id])

    def _leave_lanes(self, job_id: str) -> None:
        for lanes in self._lanes.values():
            for name, lane in list(lanes.items()):
                if job_id in lane.waiting:
                    lane.waiting.remove(job_id)
                if not lane.waiting:
                    del lanes[name]


class MemoryQueue:
    """``JobQueue`` as a list of announced ids, which a test takes from."""

    def __init__(self) -> None:
        """Start with nothing announced."""
        self.waiting: list[Job] = []
        self.ahead: list[str] = []
        self.browser_checks = 0

    def announce(self, job: Job, *, ahead: bool = False) -> None:
        """See ``JobQueue.announce``."""
        self.waiting.append(job)
        if ahead:
            self.ahead.append(job.id)

    def announced(self, queue: Queue) -> Mapping[str, bool]:
        """See ``JobQueue.announced``."""
        return {job.id: job.id in self.ahead for job in self.waiting if job.queue == queue}

    def length(self, queue: Queue, priority: Priority) -> int:
        """See ``JobQueue.length``."""
        waiting = [job for job in self.waiting if job.queue == queue]
        return len({job.id for job in waiting if job.spec.priority == priority})

    def check_browser(self) -> None:
        """See ``JobQueue.check_browser``."""
        self.browser_checks += 1

    def count(self, job_id: str) -> int:
        """Return how often the job has been announced."""
        return Counter(job.id for job in self.waiting)[job_id]


class MemoryArtifacts:
    """``ArtifactStore`` in a dictionary, which a test looks into."""

    def __init__(self) -> None:
        """Start empty."""
        self.stored: dict[tuple[str, str], tuple[Artifact, bytes]] = {}

    def put(
        self, owner: str, name: str, media_type: str, chunks: Iterable[bytes], *, ttl_s: int
    ) -> Artifact:
        """See ``ArtifactStore.put``."""
        del ttl_s
        content = b"".join(chunks)
        artifact = Artifact(
            name=name,
            media_type=media_type,
            size_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        self.stored[owner, name] = (artifact, content)
        return artifact

    def find(self, owner: str, name: str) -> Artifact | None:
        """See ``ArtifactStore.find``."""
        stored = self.stored.get((owner, name))
        return stored[0] if stored else None

    def read(self, owner: str, name: str) -> Iterator[bytes]:
        """See ``ArtifactStore.read``."""
        stored = self.stored.get((owner, name))
        if stored is None:
            raise ArtifactEvicted(f"The bytes of {name!r} are no longer kept.")
        yield stored[1]

    def place(self, owner: str, name: str, path: Path) -> None:
        """See ``ArtifactStore.place``."""
        with path.open("wb") as file:
            file.writelines(self.read(owner, name))

    def expire(self, owner: str, name: str, ttl_s: int) -> None:
        """See ``ArtifactStore.expire``."""
        if ttl_s == 0:
            self.stored.pop((owner, name), None)

    def keep(self, owner: str, name: str, ttl_s: int) -> bool:
        """See ``ArtifactStore.keep``."""
        del ttl_s
        return (owner, name) in self.stored

    def ping(self) -> None:
        """See ``ArtifactStore.ping``."""

    def sweep(self) -> None:
        """See ``ArtifactStore.sweep``; nothing expires here."""


class MemoryWorkers:
    """``WorkerDirectory`` in a dictionary."""

    def __init__(self) -> None:
        """Start with nobody alive."""
        self._workers: dict[str, Worker] = {}
        self._children: dict[tuple[str, int], Child] = {}
        self._browser: BrowserCheck | None = None

    def beat(self, worker: Worker, *, ttl_s: int) -> None:
        """See ``WorkerDirectory.beat``."""
        del ttl_s
        self._workers[worker.name] = worker

    def child_beat(self, worker_id: str, child: Child, *, ttl_s: int) -> None:
        """See ``WorkerDirectory.child_beat``."""
        del ttl_s
        self._children[worker_id, child.pid] = child

    def child_left(self, worker_id: str, pid: int) -> None:
        """See ``WorkerDirectory.child_left``."""
        self._children.pop((worker_id, pid), None)

    def leave(self, name: str) -> None:
        """See ``WorkerDirectory.leave``."""
        self._workers.pop(name, None)

    def alive(self) -> list[Worker]:
        """See ``WorkerDirectory.alive``."""
        return [self._with_children(self._workers[name]) for name in sorted(self._workers)]

    def browser_opened(self, check: BrowserCheck) -> None:
        """See ``WorkerDirectory.browser_opened``."""
        self._browser = check

    def last_browser_check(self) -> BrowserCheck | None:
        """See ``WorkerDirectory.last_browser_check``."""
        return self._browser

    def _with_children(self, worker: Worker) -> Worker:
        mine = [key for key in sorted(self._children) if key[0] == worker.id]
        return worker.model_copy(update={"children": tuple(self._children[key] for key in mine)})
