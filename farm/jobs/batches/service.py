"""What a caller can ask about batches."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from farm.jobs.batches.intake import Intake, Item, Rejected
from farm.jobs.batches.models import Batch, BatchOptions, BatchPage, BatchState, Standing
from farm.jobs.batches.ports import Room
from farm.jobs.errors import (
    BackendUnavailable,
    BatchExpired,
    FieldError,
    IdempotencyConflict,
    InvalidSpec,
    QueueFull,
    UnknownBatch,
)
from farm.jobs.models import new_id
from farm.jobs.ports import Refusal, Reserved
from farm.jobs.service import JobService

SUBMIT_BATCH = hashlib.sha256(b"POST /v1/batches").hexdigest()
"""What the idempotency key of any batch is reserved for; the rest shows once it is read."""


@dataclass(frozen=True)
class BatchRequest:
    """A batch as it is asked for. Its lines come while they are read."""

    options: BatchOptions
    defaults: Mapping[str, Any]
    """Fields of all specs that have no other value for them."""
    items: Iterator[Item]
    fingerprint: Callable[[], str]
    """Returns a hash of the whole request, once ``items`` has ended."""


@dataclass(frozen=True)
class Accepted:
    """What came of a request for a batch."""

    standing: Standing
    rejected: tuple[Rejected, ...]
    duplicates: int
    is_replay: bool
    """Whether a request with the same idempotency key had made it."""


@dataclass(frozen=True)
class Batches:
    """The batches of ``farm``, on behalf of its caller."""

    farm: JobService

    def submit(self, request: BatchRequest, key: str | None = None) -> Accepted:
        """Make jobs of the good lines, all of them in one step, and say which were bad.

        The lines become a draft that nobody sees, and that ends with this process; only
        when all of them are read is it made a batch. Under an idempotency ``key`` every
        request writes a draft, and the first that comes to its end is the batch.

        Raises:
            InvalidSpec: No line is good, or there are too many.
            ScopeRequired: The caller was not given what the lines take.
            QueueFull: More would wait than may.
            IdempotencyConflict: The key came with another request.
            BatchExpired: The key's batch is no longer kept.
            BackendUnavailable: Nothing was stored, as far as one can know.
        """
        batch_id = self._reserved(key)
        intake = Intake(self.farm, batch_id, request.options, request.defaults)
        draft_id = new_id()
        is_new = key is None or not self._is_there(batch_id)
        try:
            for chunk in intake.chunked(request.items):
                if is_new:
                    self.farm.batches.append(draft_id, chunk)
            batch = self._batch(batch_id, draft_id, request)
            if is_new:
                is_new = self._commit(batch, intake)
        except BaseException:
            with suppress(BackendUnavailable):  # It expires by itself.
                self.farm.batches.drop(draft_id)
            raise
        if not is_new:
            with suppress(BackendUnavailable):
                self.farm.batches.drop(draft_id)
            if self.get(batch_id).batch.fingerprint != batch.fingerprint:
                raise IdempotencyConflict("This key came with another batch before.")
        return Accepted(
            self.get(batch_id), tuple(intake.rejected), intake.duplicates, is_replay=not is_new
        )

    def get(self, batch_id: str) -> Standing:
        """Return the batch and how far it is.

        Raises:
            UnknownBatch: No such id, it is another's, or no longer kept.
        """
        standing = self.farm.batches.get(batch_id)
        if not self.farm.caller.has(standing.batch.owner) or self._is_over(standing):
            raise UnknownBatch(batch_id)
        return standing

    def wait(self, standing: Standing, timeout_s: float) -> Standing:
        """Return the batch once it is over, or as it is after ``timeout_s`` seconds, or before."""
        if standing.is_over or timeout_s <= 0:
            return standing
        self.farm.batches.wait_for_end(standing.batch.id, timeout_s)
        return self.get(standing.batch.id)

    def listed(self, before: int | None, limit: int) -> BatchPage:
        """Return up to ``limit`` of the caller's batches, newest first."""
        caller = self.farm.caller
        owner = None if caller.sees_all else caller.owner
        return self.farm.batches.listed(before, limit, owner=owner)

    def _is_over(self, standing: Standing) -> bool:
        kept_until = standing.progress.kept_until
        is_past = kept_until is not None and kept_until <= self.farm.clock.now()
        return standing.is_over and is_past

    def _reserved(self, key: str | None) -> str:
        if key is None:
            return new_id()
        mine = Reserved(new_id(), SUBMIT_BATCH)
        found = self.farm.reservations.reserve(self.farm.caller.owner, key, mine)
        if found.fingerprint != SUBMIT_BATCH:
            raise IdempotencyConflict("This key came with another request before.")
        if self.farm.reservations.is_spent(found.id):
            raise BatchExpired(found.id)
        return found.id

    def _is_there(self, batch_id: str) -> bool:
        try:
            self.farm.batches.get(batch_id)
        except UnknownBatch:
            return False
        return True

    def _batch(self, batch_id: str, draft_id: str, request: BatchRequest) -> Batch:
        return Batch(
            id=batch_id,
            created_at=self.farm.clock.now(),
            owner=self.farm.caller.owner,
            zones=self.farm.caller.zones,
            options=request.options,
            fingerprint=request.fingerprint(),
            draft_id=draft_id,
            pause_at=request.options.max_failures,
            state=BatchState.RUNNING,
        )

    def _commit(self, batch: Batch, intake: Intake) -> bool:
        """Make the draft the batch and its jobs; return whether no other request had."""
        room = Room(
            chunks=intake.chunks,
            jobs=dict(intake.jobs),
            backlog_max=self.farm.limits.backlog_max,
            owner_max=self.farm.owner_max,
        )
        refusal = self.farm.batches.commit(batch, room)
        if refusal == "exists":
            return False
        if refusal is not None:
            raise self._full(room, refusal)
        with suppress(BackendUnavailable):  # It stands; the dispatcher files the rest.
            while self.farm.batches.file(batch.id):
                pass
        return True

    def _full(self, room: Room, refusal: Refusal) -> QueueFull | InvalidSpec:
        limit = room.backlog_max if refusal == "backlog" else room.owner_max or 0
        wanted = max(room.jobs.values()) if refusal == "backlog" else sum(room.jobs.values())
        whose = "on a queue" if refusal == "backlog" else "of yours"
        if wanted > limit:
            message = f"{wanted} jobs are more than the {limit} that may ever wait {whose}"
            return InvalidSpec([FieldError(field="items", message=message)])
        now = self.farm.clock.now()
        wait_s = max(self.farm.ledger.pressure(queue, now).room_in_s for queue in room.jobs)
        return QueueFull(f"{wanted} jobs more than wait now would exceed {limit} {whose}.", wait_s)
