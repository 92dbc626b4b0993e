"""Every port in memory, for tests and for trying things out. Nothing expires by itself."""

import hashlib
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from farm.jobs.errors import ArtifactEvicted, JobExpired, UnknownJob
from farm.jobs.models import Artifact, Job
from farm.jobs.ports import Clock
from farm.jobs.specs.requests import Queue
from farm.jobs.workers import BrowserCheck, Worker


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
        self._look_again_at: dict[str, datetime] = {}
        self._changed = threading.Condition()

    def swap(self, new: Job) -> bool:
        """See ``JobLedger.swap``."""
        with self._changed:
            stored = self._jobs.get(new.id)
            if stored == new:
                return True
            if (stored.revision if stored else 0) != new.revision - 1:
                return False
            # As it comes back from any store: what cannot be written must not pass here.
            self._jobs[new.id] = Job.model_validate_json(new.model_dump_json(exclude_unset=True))
            if new.look_again_at is None:
                self._look_again_at.pop(new.id, None)
            else:
                self._look_again_at[new.id] = new.look_again_at
            self._changed.notify_all()
            return True

    def get(self, job_id: str) -> Job:
        """See ``JobLedger.get``."""
        with self._changed:
            job = self._jobs.get(job_id)
        if job is None:
            raise UnknownJob(job_id)
        if job.expires_at is not None and job.expires_at <= self._clock.now():
            raise JobExpired(job_id)
        return job

    def forget(self, job_id: str) -> None:
        """See ``JobLedger.forget``."""
        with self._changed:
            self._jobs.pop(job_id, None)
            self._look_again_at.pop(job_id, None)
            self._changed.notify_all()

    def due(self, now: datetime, limit: int) -> list[Job]:
        """See ``JobLedger.due``."""
        with self._changed:
            by_time = sorted(self._look_again_at.items(), key=lambda item: item[1])
            return [self._jobs[job_id] for job_id, at in by_time if at <= now][:limit]

    def postpone(self, job_id: str, until: datetime) -> None:
        """See ``JobLedger.postpone``."""
        with self._changed:
            if job_id in self._look_again_at:
                self._look_again_at[job_id] = until

    def wait_for_change(self, job_id: str, revision: int, timeout_s: float) -> None:
        """See ``JobLedger.wait_for_change``."""

        def changed() -> bool:
            job = self._jobs.get(job_id)
            return job is None or job.revision != revision

        with self._changed:
            self._changed.wait_for(changed, timeout_s)

    def ping(self) -> None:
        """See ``JobLedger.ping``."""


class MemoryQueue:
    """``JobQueue`` as a list of announced ids, which a test takes from."""

    def __init__(self) -> None:
        """Start with nothing announced."""
        self.waiting: list[Job] = []
        self.browser_checks = 0

    def announce(self, job: Job) -> None:
        """See ``JobQueue.announce``."""
        self.waiting.append(job)

    def announced(self, queue: Queue) -> frozenset[str]:
        """See ``JobQueue.announced``."""
        return frozenset(job.id for job in self.waiting if job.queue == queue)

    def check_browser(self) -> None:
        """See ``JobQueue.check_browser``."""
        self.browser_checks += 1

    def count(self, job_id: str) -> int:
        """Return how often the job has been announced."""
        return Counter(job.id for job in self.waiting)[job_id]


class MemoryArtifacts:
    """``ArtifactStore`` in a dictionary."""

    def __init__(self) -> None:
        """Start empty."""
        self._stored: dict[tuple[str, str], tuple[Artifact, bytes]] = {}

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
        self._stored[owner, name] = (artifact, content)
        return artifact

    def find(self, owner: str, name: str) -> Artifact | None:
        """See ``ArtifactStore.find``."""
        stored = self._stored.get((owner, name))
        return stored[0] if stored else None

    def read(self, owner: str, name: str) -> Iterator[bytes]:
        """See ``ArtifactStore.read``."""
        stored = self._stored.get((owner, name))
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
            self._stored.pop((owner, name), None)

    def sweep(self) -> None:
        """See ``ArtifactStore.sweep``; nothing expires here."""


class MemoryWorkers:
    """``WorkerDirectory`` in a dictionary."""

    def __init__(self) -> None:
        """Start with nobody alive."""
        self._workers: dict[str, Worker] = {}
        self._browser: BrowserCheck | None = None

    def beat(self, worker: Worker, *, ttl_s: int) -> None:
        """See ``WorkerDirectory.beat``."""
        del ttl_s
        self._workers[worker.name] = worker

    def leave(self, name: str) -> None:
        """See ``WorkerDirectory.leave``."""
        self._workers.pop(name, None)

    def alive(self) -> list[Worker]:
        """See ``WorkerDirectory.alive``."""
        return [self._workers[name] for name in sorted(self._workers)]

    def browser_opened(self, check: BrowserCheck) -> None:
        """See ``WorkerDirectory.browser_opened``."""
        self._browser = check

    def last_browser_check(self) -> BrowserCheck | None:
        """See ``WorkerDirectory.last_browser_check``."""
        return self._browser
