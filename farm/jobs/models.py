"""What exists: the job and its parts, all frozen."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from farm.jobs.errors import FarmError, IllegalMove, WorkerLost
from farm.jobs.ladder import Ladder
from farm.jobs.specs.base import Priority
from farm.jobs.specs.requests import QUEUES, JobSpec, Kind, Queue
from farm.jobs.specs.secrets import given_secrets, without_secrets
from farm.jobs.states import MOVES, JobState

ANNOUNCED_MAX = 200
"""Jobs of one priority that Celery's list may hold; further ones wait for their turn. So a
list is soon read whole, and a broker that starts again has little to restore."""
ANNOUNCE_GRACE_S = 10
"""A queued job that no list holds is announced again after this long: more than a
worker needs from taking a message to the claim, less than a caller's patience."""

STRIDES: Mapping[Priority, int] = {"high": 1, "normal": 3, "low": 9}
"""What a turn costs a lane of this priority: so their shares are 9, 3 and 1."""

Zone = Literal["public", "internal"]
"""Where a job may lead: to the web, or to what the operator allows of the farm's own network."""
ALL_ZONES: tuple[Zone, ...] = ("public", "internal")

ID_CHARACTERS = 32


def new_id() -> str:
    """Return 128 random bits in hexadecimal."""
    return secrets.token_hex(ID_CHARACTERS // 2)


class Record(BaseModel):
    """What is kept as JSON."""

    # Open: after a step back to an older version records may hold fields it does not know.
    # What an error about one says goes into the log, where no secret of a spec may stand.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Artifact(Record):
    """Bytes that exist in the store: what a job made, or what a caller uploaded."""

    name: str
    media_type: str
    size_bytes: int
    sha256: str
    """Lower-case hexadecimal."""


class Failure(Record):
    """Why a job failed, as data: no exception and nothing of the farm's insides."""

    code: str
    message: str
    retryable: bool

    @classmethod
    def of(cls, error: FarmError) -> Self:
        """Return the record of ``error``."""
        return cls(code=error.code, message=error.message, retryable=error.retryable)


class Origin(Record):
    """The request that a job came of, for logs and traces."""

    request_id: str
    traceparent: str | None = None
    """The caller's, of W3C's Trace Context, or what the API made of it."""


class Job(Record):
    """One spec on its way through the farm.

    A change is a new job, one ``revision`` further, made by one of the verbs below
    and stored with ``JobLedger.swap``, which refuses it if anybody was faster. So
    the revision is also the fence against a worker that was given up too early.
    """

    id: str
    """128 random bits in hexadecimal; also the id of the Celery task."""
    spec: JobSpec
    """Once the job has ended, without the secrets that a run alone needs."""
    dropped_secrets: tuple[str, ...] = ()
    """Names of the fields of the spec that held these."""
    state: JobState = JobState.QUEUED
    revision: int = 1
    attempt: int = 0
    """Runs so far, the present one included; 0 before the first."""
    claims: int = 0
    """How often it was claimed. Unlike ``attempt`` it never goes back."""
    redeliveries: int = 0
    """The most often that Celery had resent a message that a claim came with."""
    worker: str | None = None
    """Who holds or held the last claim."""
    created_at: datetime
    queued_at: datetime
    """When it last became queued."""
    started_at: datetime | None = None
    lease_until: datetime | None = None
    """Until when the claim of a running job is believed; ``None`` in any other state."""
    finished_at: datetime | None = None
    retries: int = 0
    """How often a caller has had it queued again."""
    previous_failures: tuple[Failure, ...] = ()
    """What it failed with before each retry, oldest first."""
    owner: str = ""
    """Id of the key that it was submitted with; ``""`` in a farm that has no keys."""
    zones: tuple[Zone, ...] = ALL_ZONES
    """Those of the key: where it may lead."""
    in_line: bool = False
    """Whether it waits for its turn though it is a single job of some urgency."""
    request_id: str | None = None
    """Tells the request that this came of from others with its idempotency key: two of them in
    one millisecond would else store the very same record. ``None``: it had no such key."""
    fingerprint: str | None = None
    """What it has in common with its twins; ``None``: no ``cache_ttl``, so it has none."""
    made_by: str | None = None
    """The run of a twin whose result it was answered with; ``None``: it was not."""
    made_at: datetime | None = None
    """When that run made it."""
    origin: Origin | None = None
    """The request that it was submitted with; never shown to callers."""
    batch_id: str | None = None
    """The batch that it is part of; ``None`` for a single job."""
    expires_at: datetime | None = None
    """When record and artifacts are dropped; ``None`` before the job has ended."""
    artifacts: tuple[Artifact, ...] = ()
    report: dict[str, Any] | None = None
    failure: Failure | None = None
    warnings: tuple[str, ...] = ()
    tags_by_hand: Annotated[tuple[str, ...] | None, Field(exclude=True)] = None
    """Set since it was submitted, in place of its spec's; ``None``: never. ``JobLedger.tag`` keeps
    them beside the record, so that nobody who moves the job meanwhile takes them back."""

    @property
    def tags(self) -> tuple[str, ...]:
        """By which it is found again."""
        return self.spec.tags if self.tags_by_hand is None else self.tags_by_hand

    @property
    def kind(self) -> Kind:
        """What sort of job it is; also the Celery task's name."""
        return self.spec.kind

    @property
    def queue(self) -> Queue:
        """The Celery queue that it is announced on."""
        return QUEUES[self.kind]

    @property
    def host(self) -> str:
        """Host of its URL; ``""`` if it has none."""
        return urlsplit(self.spec.url or "").hostname or ""

    @property
    def ladder(self) -> Ladder:
        """The time limits of each run."""
        return Ladder(self.spec.timeout / 1000)

    @property
    def run_id(self) -> str:
        """Owner of its artifacts, of one claim: a late worker cannot touch a newer run's."""
        return self.made_by or f"{self.id}.{self.claims}"

    @property
    def is_reusable(self) -> bool:
        """Whether twins may be answered with its result."""
        if self.state is not JobState.SUCCEEDED or (self.report or {}).get("partial"):
            return False
        return self.fingerprint is not None

    @property
    def lane(self) -> str | None:
        """Where the job waits for its turn to be announced; ``None`` if it need not.

        Jobs of one lane go in the order of their arrival, lanes take turns. A job that
        was on its way once does not wait in line again.
        """
        if self.state is not JobState.QUEUED or self.attempt:
            return None
        if self.batch_id is None and self.spec.priority != "low" and not self.in_line:
            return None
        return f"{self.spec.priority}:{self.owner}:{self.batch_id or ''}"

    @property
    def take_until(self) -> datetime | None:
        """When a worker must have taken the job; ``None``: any time will do."""
        if self.spec.expires_in is None:
            return None
        return self.queued_at + timedelta(seconds=self.spec.expires_in)

    @property
    def look_again_at(self) -> datetime | None:
        """When the sweep should see to this job; ``None`` if there is nothing to see to."""
        if self.lane is not None:
            return self.take_until
        if self.state is JobState.QUEUED:
            grace_over = self.queued_at + timedelta(seconds=ANNOUNCE_GRACE_S)
            return min(grace_over, self.take_until or grace_over)
        return self.lease_until

    @property
    def event_type(self) -> str:
        """The type of the message about its end, as ``job.failed``."""
        return f"job.{self.state}"

    @property
    def webhook_url(self) -> str | None:
        """Who is told of its end; ``None``: nobody."""
        return self.spec.webhook_url

    @property
    def webhook_secret(self) -> str | None:
        """What the message is signed with; ``None``: with nothing."""
        return self.spec.webhook_secret

    @property
    def webhook_due_at(self) -> datetime | None:
        """When its receiver is first to be told of its end; ``None``: nobody is to be told."""
        return self.finished_at if self.spec.webhook_url is not None else None

    def move(self, to: JobState, **changes: object) -> Self:
        """Return this job in the state ``to``, one revision further.

        Raises:
            IllegalMove: The table in ``farm.jobs.states`` has no such move.
        """
        if to not in MOVES[self.state]:
            raise IllegalMove(f"Job {self.id} cannot go from {self.state} to {to}.")
        return self.model_copy(
            update={"lease_until": None, **changes, "state": to, "revision": self.revision + 1}
        )

    def claimed(self, worker: str, now: datetime, *, redeliveries: int) -> Self:
        """Return the job as run by ``worker`` from ``now``, one attempt further."""
        return self.move(
            JobState.RUNNING,
            worker=worker,
            attempt=self.attempt + 1,
            claims=self.claims + 1,
            redeliveries=max(self.redeliveries, redeliveries),
            started_at=now,
            lease_until=now + timedelta(seconds=self.ladder.lease_s),
        )

    def given_back(self, now: datetime, *, counted: bool) -> Self:
        """Return the job as queued again after an attempt that came to nothing.

        Args:
            now: The present time.
            counted: Whether the attempt counts towards ``max_attempts``. It does
                not when the worker merely stopped in good order.
        """
        attempt = self.attempt if counted else self.attempt - 1
        return self.move(JobState.QUEUED, queued_at=now, attempt=attempt)

    def after_loss(self, now: datetime, error: FarmError | None = None) -> Self:
        """Return the job after an attempt that the farm itself spoilt.

        It is queued again while it has attempts left, else failed with ``error``
        (``None``: the worker vanished).
        """
        if self.attempt < self.spec.max_attempts:
            return self.given_back(now, counted=True)
        return self.failed(error or WorkerLost("The worker that ran the job vanished."), now)

    def succeeded(
        self,
        now: datetime,
        *,
        artifacts: Sequence[Artifact],
        report: Mapping[str, Any],
        warnings: Sequence[str] = (),
    ) -> Self:
        """Return the job as done. Its artifacts must be stored already."""
        return self.move(
            JobState.SUCCEEDED,
            **self._ended(now),
            artifacts=tuple(artifacts),
            report=dict(report),
            warnings=tuple(warnings),
        )

    def answered(self, twin: Self, now: datetime) -> Self:
        """Return the job as done with the result of ``twin``, whose artifacts it lists, too."""
        made_at = twin.made_at or twin.finished_at or now
        age_s = max(0, int((now - made_at).total_seconds()))
        return self.move(
            JobState.SUCCEEDED,
            **self._ended(now),
            made_by=twin.run_id,
            made_at=made_at,
            artifacts=twin.artifacts,
            report={**(twin.report or {}), "cache_age_s": age_s},
            warnings=twin.warnings,
        )

    def failed(self, error: FarmError, now: datetime) -> Self:
        """Return the job as ended by ``error``. It has no artifacts."""
        return self.move(JobState.FAILED, **self._ended(now), failure=Failure.of(error))

    def retried(self, now: datetime, request_id: str | None = None) -> Self:
        """Return the job as queued once more by a caller, with all its attempts before it."""
        # What has had an idempotency key keeps an id of a request: see ``forget``.
        asked = {"request_id": request_id} if request_id else {}
        return self.move(
            JobState.QUEUED,
            queued_at=now,
            attempt=0,
            retries=self.retries + 1,
            previous_failures=(*self.previous_failures, *([self.failure] if self.failure else [])),
            failure=None,
            finished_at=None,
            expires_at=None,
            **asked,
        )

    def cancelled(self, now: datetime) -> Self:
        """Return the job as stopped by a caller. It has no artifacts."""
        return self.move(JobState.CANCELLED, **self._ended(now))

    def _ended(self, now: datetime) -> dict[str, object]:
        return {
            "spec": without_secrets(self.spec),
            "dropped_secrets": given_secrets(self.spec),
            "finished_at": now,
            "expires_at": now + timedelta(seconds=self.spec.retention),
        }


class Upload(Record):
    """A file that a caller left with the farm, to be probed."""

    id: str
    filename: str | None
    """As the caller named it; never used as a path."""
    size_bytes: int
    sha256: str
    expires_at: datetime
