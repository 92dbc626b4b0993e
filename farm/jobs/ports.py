"""What the rules need from outside, each with the promise it must keep.

One contract suite per port runs over every implementation (``tests/contracts``).
All calls block; each raises ``BackendUnavailable`` when its server is away.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from farm.jobs.deliveries import Delivery, GivenUp
from farm.jobs.keys import ApiKey
from farm.jobs.listing import JobFilter, Page
from farm.jobs.models import Artifact, Job, Zone
from farm.jobs.signing import SigningSecrets
from farm.jobs.specs.base import Priority
from farm.jobs.specs.requests import Queue
from farm.jobs.workers import BrowserCheck, Child, Worker


class Clock(Protocol):
    """The only source of wall-clock time."""

    def now(self) -> datetime:
        """Return the present time in UTC, cut to milliseconds."""


RESERVED_S = 24 * 3600
"""How long an idempotency key holds: a day, as callers know it from elsewhere."""

_ROOM_MAX_S = 60
"""Longest wait that a caller is sent into: more would leave the farm idle."""

Pause = Callable[[float], None]
"""Returns once something may have changed since the call before, or after so many seconds."""

Refusal = Literal["backlog", "owner", "exists"]
"""Which limit a new job would exceed; or that another job has its id."""


@dataclass(frozen=True)
class Pressure:
    """How busy a queue is."""

    queued: int
    running: int
    oldest_queued_at: datetime | None
    """When the job that waits longest became queued; ``None`` if none waits."""
    ended_per_min: float
    """Jobs that ended in the last minute."""

    @property
    def room_in_s(self) -> int:
        """In how many seconds a hundredth of what waits will be done, at today's rate."""
        if self.ended_per_min == 0:
            return _ROOM_MAX_S
        seconds = self.queued / 100 / (self.ended_per_min / 60)
        return min(max(1, round(seconds)), _ROOM_MAX_S)


class JobLedger(Protocol):
    """The truth about jobs."""

    def add(self, new: Job, *, backlog_max: int, owner_max: int | None) -> Refusal | None:
        """Store a job of revision 1, unless its id is in use or too many are there; then say so.

        Storing the very same record again is answered as the first time, while it is
        as it was.

        Args:
            new: The job.
            backlog_max: Jobs that may be queued on its queue, this one included.
            owner_max: Jobs of its owner that may be open; ``None``: any number.
        """

    def swap(self, new: Job) -> bool:
        """Store ``new`` if the stored revision is the one before; say whether it was.

        Revision 1 is stored only where there is no record. In the same atomic
        step the job enters or leaves all indexes, and a terminal job gets its
        expiry. A job answered with a twin's result is stored only while another
        lists that. Storing the very same record again answers ``True``, so that a
        caller who lost the reply may simply ask again.
        """

    def tag(self, job_id: str, tags: Sequence[str]) -> None:
        """List the job under these tags from now on, and under no others, whatever moves it.

        Its revision stays. Ignored if there is no record.
        """

    def get(self, job_id: str) -> Job:
        """Return the stored job.

        Raises:
            JobExpired: It was there; its retention is over. Names its owner.
            UnknownJob: No such id, or it was forgotten.
        """

    def revision(self, job_id: str) -> int | None:
        """Return the stored revision alone, or ``None`` if there is no record."""

    def forget(self, job_id: str) -> None:
        """Drop the record and every trace of the id."""

    def due(self, now: datetime, limit: int) -> list[Job]:
        """Return at most ``limit`` open jobs whose ``look_again_at`` is over, oldest first."""

    def postpone(self, job_id: str, until: datetime) -> None:
        """Keep an open job out of ``due`` until then. Ignored if it is not open."""

    def running(self, queue: Queue) -> list[Job]:
        """Return the queue's running jobs, the longest-running first."""

    def has_lanes(self, queue: Queue) -> bool:
        """Return whether jobs of the queue wait for their turn."""

    def fed(self, queue: Queue) -> int:
        """Return how many jobs had their turn and are still queued."""

    def take_turns(self, queue: Queue, count: int, now: datetime) -> list[Job]:
        """Take up to ``count`` jobs out of the queue's lanes, in fair turns, to be announced.

        Of lanes with high, normal and low priority that all hold jobs, each gets
        9, 3 and 1 parts of the turns. What was taken is ``due`` after
        ``ANNOUNCE_GRACE_S``, should it not have been claimed by then.

        Of a batch that is held nothing is taken, and of each of its hosts no more
        than its options allow, those included that were taken before and have not ended.
        """

    def pressure(self, queue: Queue, now: datetime) -> Pressure:
        """Return how busy the queue is."""

    def listed(
        self, wanted: JobFilter, before: int | None, limit: int, *, owner: str | None = None
    ) -> Page:
        """Return up to ``limit`` jobs that are as ``wanted``, newest first.

        A page may hold fewer, even none, and have a next one all the same.

        Args:
            wanted: Which jobs.
            before: ``Page.next`` of the page before; ``None`` for the first.
            limit: How many.
            owner: Only this one's; ``None``: those of all.
        """

    def tidy(self, now: datetime, limit: int) -> int:
        """Drop up to ``limit`` expired jobs from the indexes; return how many there were."""

    def wait_for_end(self, job_id: str, timeout_s: float) -> None:
        """Return once the job is terminal or gone, or after ``timeout_s``.

        May return early: the caller reads the job again. Returns at once when too
        many callers wait in this process already.
        """

    def watched(self, job_id: str) -> AbstractContextManager[Pause | None]:
        """Give what waits for the job's next revision.

        Whoever gets it must read the job before each wait. ``None`` when too many
        callers wait in this process already.
        """

    def ping(self) -> None:
        """Return if the ledger answers."""


class JobQueue(Protocol):
    """The wake-up channel. It may lose or repeat what it is told; the ledger decides."""

    def announce(self, job: Job, *, ahead: bool = False) -> None:
        """Tell the workers of the job's queue that it is there.

        ``ahead``: as if its priority were high.
        """

    def announced(self, queue: Queue) -> Mapping[str, bool]:
        """Return the ids on the queue that no worker has taken yet, and whether ahead.

        Ids of messages that were taken may be among them.
        """

    def length(self, queue: Queue, priority: Priority) -> int:
        """Return how many announcements of the priority no worker has taken yet."""

    def check_browser(self) -> None:
        """Ask one worker of ``pages`` to open a page, so that readiness rests on a fact."""

    def ping(self) -> None:
        """Return if the broker answers."""


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
        """Return the bytes in order, never all at once.

        Raises:
            ArtifactEvicted: They are not there; at once. Not all of them: at once, or in
                the place of what went away meanwhile.
        """

    def place(self, owner: str, name: str, path: Path) -> None:
        """Have the bytes at ``path``, where nothing may be yet, for reading alone.

        A store that keeps them in a file of this machine links to it, others copy.

        Raises:
            ArtifactEvicted: They are not there, or not all of them.
        """

    def expire(self, owner: str, name: str, ttl_s: int) -> None:
        """Drop the bytes after ``ttl_s`` seconds from now, give or take a thousandth; 0: now."""

    def keep(self, owner: str, name: str, ttl_s: int) -> bool:
        """Keep the bytes for at least ``ttl_s`` seconds from now; say if they are all there.

        What is kept for longer anyway stays so.
        """

    def ping(self) -> None:
        """Return if the store answers."""

    def sweep(self) -> None:
        """Remove what has expired or broke off, where that does not go by itself."""


class WorkerDirectory(Protocol):
    """Who is alive, and when a browser last worked."""

    def beat(self, worker: Worker, *, ttl_s: int) -> None:
        """Say that the worker is alive for the next ``ttl_s`` seconds."""

    def child_beat(self, worker_id: str, child: Child, *, ttl_s: int) -> None:
        """Say that a child of the worker is alive for the next ``ttl_s`` seconds."""

    def child_left(self, worker_id: str, pid: int) -> None:
        """Say that a child of the worker is going."""

    def leave(self, name: str) -> None:
        """Say that the worker is going."""

    def alive(self) -> list[Worker]:
        """Return the workers whose last beat still holds, by name, each with such children."""

    def browser_opened(self, check: BrowserCheck) -> None:
        """Record that a browser opened a page."""

    def last_browser_check(self) -> BrowserCheck | None:
        """Return the newest such record, or ``None``."""


@dataclass(frozen=True)
class Reserved:
    """What the first request with an idempotency key has for all that follow."""

    id: str
    """Of what it makes. The thing itself may not be there yet, or not any more."""
    fingerprint: str
    """What it asked for, as a hash."""


class Reservations(Protocol):
    """Ids under idempotency keys, each for ``RESERVED_S``. Nothing waits for anything here."""

    def reserve(self, owner: str, key: str, mine: Reserved) -> Reserved:
        """Return what stands under the owner's key; nothing else did, it is ``mine`` from now on.

        Atomic: of any number of callers one has its own, and all have the same.
        """

    def find(self, owner: str, key: str) -> Reserved | None:
        """Return what stands under the owner's key, if anything does."""

    def spend(self, reserved_id: str) -> None:
        """Remember that the id was used and dropped, for longer than its reservation stands."""

    def is_spent(self, reserved_id: str) -> bool:
        """Return whether the id was used and dropped."""


class Told(Protocol):
    """What a webhook may be about: a job, or something that has happened to a batch."""

    @property
    def id(self) -> str:
        """Which it is."""

    @property
    def revision(self) -> int:
        """A later one is news."""

    @property
    def event_type(self) -> str:
        """The type of the message, as ``job.failed``."""

    @property
    def webhook_url(self) -> str | None:
        """Who is told."""

    @property
    def webhook_secret(self) -> str | None:
        """What the message is signed with; ``None``: with nothing."""

    @property
    def owner(self) -> str:
        """Id of the key that it belongs to; ``""``: nobody's in particular."""

    @property
    def zones(self) -> tuple[Zone, ...]:
        """Where the message may go."""


T = TypeVar("T", bound=Told)


class Deliveries(Protocol[T]):
    """How far the receivers of webhooks have been told, beside the records of what they are about.

    The ledger's step that ends a job also makes its webhook due, so no crash in between
    loses it; a retry of the job, or the end of its retention, takes that back. So it is
    with a batch that finishes or pauses by itself.
    """

    def take(self, now: datetime, until: datetime, limit: int) -> list[T]:
        """Return up to ``limit`` of which the webhook is due, the longest-due first.

        They are due again at ``until``: whoever takes them may die.
        """

    def postpone(self, about: T, until: datetime) -> None:
        """Keep it out of ``take`` until then. Ignored if it is never due again."""

    def of(self, about: Sequence[T]) -> Mapping[str, Delivery]:
        """Return how it stands with each webhook, by id: of this revision."""

    def record(self, about: T, delivery: Delivery) -> bool:
        """Keep how it stands now, and when it is due; say whether this still is the revision.

        If it is not, nothing changes.
        """

    def given_up(self, owner: str, before: datetime | None, limit: int) -> list[GivenUp[T]]:
        """Return up to ``limit`` webhooks of the owner's that have failed, the latest first.

        ``before`` is when the last one of the page before was given up.
        """


class SigningRing(Protocol):
    """What the webhooks of each owner are signed with."""

    def get(self, owner: str) -> SigningSecrets:
        """Return the owner's; an empty one, where none was ever stored."""

    def swap(self, owner: str, before: SigningSecrets, after: SigningSecrets) -> bool:
        """Store ``after`` if ``before`` is what is stored; say whether it was."""


class KeyRing(Protocol):
    """The farm's keys, those that have ended too, and what it signs with."""

    def add(self, key: ApiKey) -> bool:
        """Keep a key, unless another has its id; say whether it is kept."""

    def get(self, key_id: str) -> ApiKey | None:
        """Return the key, or ``None`` if there is none of this id."""

    def all(self) -> list[ApiKey]:
        """Return all keys, the oldest first."""

    def revoke(self, key_id: str, at: datetime) -> ApiKey | None:
        """End the key ``at``, unless it was ended before; return it as it is then, if any."""

    def exists(self) -> bool:
        """Return whether there ever was a key."""

    def signing_secret(self) -> bytes:
        """Return 32 random bytes that are always the same and nobody else's."""
