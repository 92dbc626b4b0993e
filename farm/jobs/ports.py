"""What the rules need from outside, each with the promise it must keep.

One contract suite per port runs over every implementation (``tests/contracts``).
All calls block; each raises ``BackendUnavailable`` when its server is away.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

from farm.jobs.models import Artifact, Job
from farm.jobs.specs.requests import Queue
from farm.jobs.workers import BrowserCheck, Worker


class Clock(Protocol):
    """The only source of wall-clock time."""

    def now(self) -> datetime:
        """Return the present time in UTC, cut to milliseconds."""


class JobLedger(Protocol):
    """The truth about jobs."""

    def swap(self, new: Job) -> bool:
        """Store ``new`` if the stored revision is the one before; say whether it was.

        Revision 1 is stored only where there is no record. In the same atomic
        step the job enters or leaves the index that ``due`` reads, and a terminal
        job gets its expiry. Storing the very same record again answers ``True``,
        so that a caller who lost the reply may simply ask again.
        """

    def get(self, job_id: str) -> Job:
        """Return the stored job.

        Raises:
            JobExpired: It was there; its retention is over.
            UnknownJob: No such id, or it was forgotten.
        """

    def forget(self, job_id: str) -> None:
        """Drop the record and every trace of the id."""

    def due(self, now: datetime, limit: int) -> list[Job]:
        """Return at most ``limit`` open jobs whose ``look_again_at`` is over, oldest first."""

    def postpone(self, job_id: str, until: datetime) -> None:
        """Keep an open job out of ``due`` until then. Ignored if it is not open."""

    def wait_for_change(self, job_id: str, revision: int, timeout_s: float) -> None:
        """Return once the stored revision differs from ``revision``, or after ``timeout_s``.

        May return early without a change: the caller reads the job again. Returns
        at once when too many callers wait in this process already.
        """

    def ping(self) -> None:
        """Return if the ledger answers."""


class JobQueue(Protocol):
    """The wake-up channel. It may lose or repeat what it is told; the ledger decides."""

    def announce(self, job: Job) -> None:
        """Tell the workers of the job's queue that it is there."""

    def announced(self, queue: Queue) -> frozenset[str]:
        """Return the ids on the queue that no worker has taken yet."""

    def check_browser(self) -> None:
        """Ask one worker of ``pages`` to open a page, so that readiness rests on a fact."""


class ArtifactStore(Protocol):
    """Bytes with an expiry, by owner and name. An owner is a run or an upload."""

    def put(
        self, owner: str, name: str, media_type: str, chunks: Iterable[bytes], *, ttl_s: int
    ) -> Artifact:
        """Store the bytes and return what was stored.

        Nothing can be read before everything is stored. When ``chunks`` raises,
        nothing is left and the error goes on.
        """

    def find(self, owner: str, name: str) -> Artifact | None:
        """Return what is stored there, or ``None``."""

    def read(self, owner: str, name: str) -> Iterator[bytes]:
        """Yield the bytes in order, never all at once.

        Raises:
            ArtifactEvicted: They are not there, or not all of them.
        """

    def place(self, owner: str, name: str, path: Path) -> None:
        """Have the bytes at ``path``, where nothing may be yet, for reading alone.

        A store that keeps them in a file of this machine links to it, others copy.

        Raises:
            ArtifactEvicted: They are not there, or not all of them.
        """

    def expire(self, owner: str, name: str, ttl_s: int) -> None:
        """Drop the bytes after ``ttl_s`` seconds from now; 0 drops them now."""

    def sweep(self) -> None:
        """Remove what has expired or broke off, where that does not go by itself."""


class WorkerDirectory(Protocol):
    """Who is alive, and when a browser last worked."""

    def beat(self, worker: Worker, *, ttl_s: int) -> None:
        """Say that the worker is alive for the next ``ttl_s`` seconds."""

    def leave(self, name: str) -> None:
        """Say that the worker is going."""

    def alive(self) -> list[Worker]:
        """Return the workers whose last beat still holds, by name."""

    def browser_opened(self, check: BrowserCheck) -> None:
        """Record that a browser opened a page."""

    def last_browser_check(self) -> BrowserCheck | None:
        """Return the newest such record, or ``None``."""
