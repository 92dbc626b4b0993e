"""Every port in memory, for tests and for trying things out. Nothing expires by itself."""

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from farm.jobs.batches.models import Batch, BatchState
from farm.jobs.batches.moulds import Cast
from farm.jobs.batches.notices import Event
from farm.jobs.errors import ArtifactEvicted, JobExpired, UnknownJob
from farm.jobs.listing import JobFilter, Page, labels
from farm.jobs.metrics.tallies import Tally, of_job
from farm.jobs.models import ANNOUNCE_GRACE_S, STRIDES, Artifact, Job
from farm.jobs.ports import Clock, Pause, Pressure, Refusal
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
        self._begun_at: dict[tuple[str | None, str], datetime] = {}
        self._changed = threading.Condition()
        self._changes = 0
        self._ends: dict[str, int] = {}
        self._end_count = 0
        self.counts: Counter[str] = Counter()
        """What has happened so far; see ``farm.jobs.metrics``."""
        self.batches: dict[str, Batch] = {}
        """By id; ``MemoryBatches`` keeps them."""
        self.chunks: dict[str, list[list[Cast]]] = {}
        """Their jobs that are not filed yet."""
        self.cancelling: set[str] = set()
        """Those that are cancelled and may have open jobs."""
        self.news: dict[tuple[str, Event, int], datetime | None] = {}
        """What has happened to them, when; ``None``: it is no news any more."""

    def add(self, new: Job, *, backlog_max: int, owner_max: int | None) -> Refusal | None:
        """See ``JobLedger.add``."""
        with self._changed:
            if new.id in self._jobs:
                return None if self._jobs[new.id] == new else "exists"
            if self.queued_on(new.queue) >= backlog_max:
                return "backlog"
            if owner_max is not None and self.open_of(new.owner) >= owner_max:
                return "owner"
            self.swap(new)
            return None

    def swap(self, new: Job) -> bool:
        """See ``JobLedger.swap``."""
        with self._changed:
            stored = self._jobs.get(new.id)
            by_hand = {"tags_by_hand": stored.tags_by_hand if stored else None}
            if stored == new.model_copy(update=by_hand):
                return True
            if (stored.revision if stored else 0) != new.revision - 1:
                return False
            if new.made_by is not None and not self.lists(new.made_by):
                return False
            # As it comes back from any store: what cannot be written must not pass here.
            written = Job.model_validate_json(new.model_dump_json(exclude_unset=True))
            self._jobs[new.id] = written.model_copy(update=by_hand)
            self._numbers.setdefault(new.id, len(self._numbers) + 1)
            self._file(new)
            self.count_up(of_job(new))
            self._count(new)
            if new.state is JobState.RUNNING and new.started_at is not None:
                self._begun_at[new.batch_id, new.host] = new.started_at
            self._note_change()
            return True

    def tag(self, job_id: str, tags: Sequence[str]) -> None:
        """See ``JobLedger.tag``."""
        with self._changed:
            if job_id in self._jobs:
                update = {"tags_by_hand": tuple(tags)}
                self._jobs[job_id] = self._jobs[job_id].model_copy(update=update)

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
            self._note_change()

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

    def take_turns(self, queue: Queue, count: int, now: datetime) -> list[Job]:
        """See ``JobLedger.take_turns``."""
        taken: list[Job] = []
        with self._changed:
            lanes = self._lanes.get(queue, {})
            out: set[str] = set()
            while len(taken) < count and (names := lanes.keys() - out):
                name = min(names, key=lambda each: (lanes[each].gone, each))
                job_id = next(
                    (each for each in lanes[name].waiting if self._is_free(each, now)), ""
                )
                if not job_id:
                    out.add(name)
                    continue
                self._give_out(job_id, now)
                lanes[name].waiting.remove(job_id)
                lanes[name].gone += STRIDES[self._jobs[job_id].spec.priority]
                if not lanes[name].waiting:
                    del lanes[name]
                taken.append(self._jobs[job_id])
            front = min((lanes[name].gone for name in lanes.keys() - out), default=0)
            for name in out:
                lanes[name].gone = max(lanes[name].gone, front)
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

        self.wait_until(is_over, timeout_s)

    @contextmanager
    def watched(self, job_id: str) -> Iterator[Pause | None]:
        """See ``JobLedger.watched``; wakes at changes of any job."""
        del job_id
        seen = self._changes

        def pause(timeout_s: float) -> None:
            nonlocal seen
            with self._changed:
                self._changed.wait_for(lambda: self._changes != seen, timeout_s)
                seen = self._changes

        yield pause

    def ping(self) -> None:
        """See ``JobLedger.ping``."""

    def of_batch(self, batch_id: str) -> list[Job]:
        """Return the jobs of the batch, the oldest first."""
        with self._changed:
            found = [job for job in self._jobs.values() if job.batch_id == batch_id]
            return sorted(found, key=lambda job: self._numbers[job.id])

    def open_of(self, owner: str) -> int:
        """Return how many open jobs the owner has, those that are not filed yet included."""
        jobs = [job for job in self._jobs.values() if not job.state.is_terminal]
        return len([job for job in (*jobs, *self._unfiled()) if job.owner == owner])

    def queued_on(self, queue: Queue) -> int:
        """Return how many jobs wait on the queue, those that are not filed yet included."""
        jobs = [job for job in self._jobs.values() if job.state is JobState.QUEUED]
        return len([job for job in (*jobs, *self._unfiled()) if job.queue == queue])

    def _unfiled(self) -> list[Job]:
        chunks = [chunk for chunks in self.chunks.values() for chunk in chunks]
        return [cast.mould.job for chunk in chunks for cast in chunk]

    def count_up(self, tally: Tally) -> None:
        """Add to the counts."""
        with self._changed:
            self.counts.update(tally)

    def number(self, job: Job) -> int:
        """Return the job's number; a later one has a higher one."""
        return self._numbers[job.id]

    def end_number(self, job: Job) -> int | None:
        """Return the number of the job's end, ``None`` if it is open."""
        return self._ends.get(job.id)

    def wait_until(self, is_over: Callable[[], bool], timeout_s: float) -> None:
        """Return once ``is_over``, looked at after each change, or after ``timeout_s``."""
        with self._changed:
            self._changed.wait_for(is_over, timeout_s)

    def lists(self, run_id: str) -> bool:
        """Return whether a job with twins lists what the run made."""
        return any(job.is_reusable and job.run_id == run_id for job in self._jobs.values())

    def waits_in_lane(self, job: Job) -> bool:
        """Return whether the queued job's turn has not come."""
        return job.lane is not None and job.id not in self._fed

    def _note_change(self) -> None:
        self._changes += 1
        self._changed.notify_all()

    def _file(self, job: Job) -> None:
        self._leave_lanes(job.id)
        self._fed.discard(job.id)
        self._ends.pop(job.id, None)
        if job.state.is_terminal:
            self._end_count += 1
            self._ends[job.id] = self._end_count
            self._look_again_at.pop(job.id, None)
            return
        self._look_again_at[job.id] = job.look_again_at
        if job.lane is not None:
            lanes = self._lanes.setdefault(job.queue, {})
            gone = min((lane.gone for lane in lanes.values()), default=0)
            lanes.setdefault(job.lane, _Lane(gone)).waiting.append(job.id)
            lanes[job.lane].waiting.sort(key=lambda job_id: self._numbers[job_id])

    def _is_free(self, job_id: str, now: datetime) -> bool:
        """Return whether a waiting job's batch runs, and its host may have one more."""
        job = self._jobs[job_id]
        batch = self.batches.get(job.batch_id or "")
        if batch is None:
            return True
        if batch.state is BatchState.PAUSED or batch.id in self.cancelling:
            return False
        if not job.host:
            return True
        busy = [each for each in self._jobs.values() if self._is_busy(each, job)]
        delay = timedelta(milliseconds=batch.options.per_host_delay)
        last = self._begun_at.get((batch.id, job.host))
        if delay and (any(each.state is JobState.QUEUED for each in busy)):
            return False
        is_soon = delay and last is not None and now - last < delay
        return not is_soon and len(busy) < batch.options.per_host_concurrency

    def _is_busy(self, job: Job, like: Job) -> bool:
        """Return whether the job is under way, of the batch and the host that ``like`` is of."""
        is_open = not job.state.is_terminal and not self.waits_in_lane(job)
        return is_open and (job.batch_id, job.host) == (like.batch_id, like.host)

    def _give_out(self, job_id: str, now: datetime) -> None:
        job = self._jobs[job_id]
        self._look_again_at[job_id] = now + timedelta(seconds=ANNOUNCE_GRACE_S)
        self._fed.add(job_id)
        self._begun_at[job.batch_id, job.host] = now

    def _count(self, job: Job) -> None:
        """See to what follows for a batch from this move of its job: a pause, its end, news."""
        batch = self.batches.get(job.batch_id or "")
        if batch is None:
            return
        states = [each.state for each in self.of_batch(batch.id)]
        is_open = batch.id in self.chunks or not all(state.is_terminal for state in states)
        if is_open:
            self.take_back(batch.id, "finished")
        if job.finished_at is None:
            return
        is_full = batch.pause_at is not None and states.count(JobState.FAILED) >= batch.pause_at
        if not is_open:
            self._report(batch, "finished", job.finished_at)
        elif is_full and batch.state is BatchState.RUNNING:
            self.batches[batch.id] = batch.changed(state=BatchState.PAUSED)
            self._report(batch, "paused", job.finished_at)

    def _report(self, batch: Batch, event: Event, at: datetime) -> None:
        if batch.options.on_complete is not None:
            self.news[batch.id, event, len(self.news)] = at

    def take_back(self, batch_id: str, event: Event) -> None:
        """Have nobody told of what has happened any more."""
        for news in self.news:
            if news[:2] == (batch_id, event):
                self.news[news] = None

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

    def ping(self) -> None:
        """See ``JobQueue.ping``."""

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
            raise ArtifactEvicted(name)
        return iter([stored[1]])

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
