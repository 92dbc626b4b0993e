"""Batches in memory, for tests and for trying things out."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from farm.backends.memory import MemoryLedger
from farm.jobs.batches.models import (
    RATE_WINDOW_S,
    Batch,
    BatchPage,
    BatchState,
    Progress,
    Standing,
)
from farm.jobs.batches.moulds import Cast
from farm.jobs.batches.ports import Room
from farm.jobs.errors import BackendUnavailable, UnknownBatch
from farm.jobs.models import Job
from farm.jobs.ports import Clock, Refusal
from farm.jobs.states import JobState


class MemoryBatches:
    """``BatchLedger`` in dictionaries, beside the jobs of a ledger."""

    def __init__(self, ledger: MemoryLedger, clock: Clock) -> None:
        """Keep batches in ``ledger``, whose steps look at them."""
        self._ledger = ledger
        self._clock = clock
        self.drafts: dict[str, list[list[Cast]]] = {}
        """Which a test looks into."""
        self._numbers: dict[str, int] = {}

    def append(self, draft_id: str, jobs: Sequence[Cast]) -> None:
        """See ``BatchLedger.append``."""
        self.drafts.setdefault(draft_id, []).append(list(jobs))

    def drop(self, draft_id: str) -> None:
        """See ``BatchLedger.drop``."""
        self.drafts.pop(draft_id, None)

    def commit(self, batch: Batch, room: Room) -> Refusal | None:
        """See ``BatchLedger.commit``."""
        stored = self._ledger.batches.get(batch.id)
        if stored is not None:
            return None if stored.draft_id == batch.draft_id else "exists"
        if len(self.drafts.get(batch.draft_id, [])) != room.chunks:
            raise BackendUnavailable("What was sent of the batch is not all there any more.")
        for queue, jobs in room.jobs.items():
            if self._ledger.queued_on(queue) + jobs > room.backlog_max:
                return "backlog"
        jobs = self._ledger.open_of(batch.owner) + sum(room.jobs.values())
        if room.owner_max is not None and jobs > room.owner_max:
            return "owner"
        self._ledger.batches[batch.id] = batch
        self._numbers[batch.id] = len(self._numbers) + 1
        self._ledger.chunks[batch.id] = self.drafts.pop(batch.draft_id)
        return None

    def file(self, batch_id: str) -> bool:
        """See ``BatchLedger.file``."""
        if not self._ledger.chunks.get(batch_id):
            self._ledger.chunks.pop(batch_id, None)
            return False
        for cast in self._ledger.chunks[batch_id].pop(0):
            self._ledger.swap(cast.job)
        return True

    def unfiled(self, limit: int) -> list[str]:
        """See ``BatchLedger.unfiled``."""
        return list(self._ledger.chunks)[:limit]

    def get(self, batch_id: str) -> Standing:
        """See ``BatchLedger.get``."""
        batch = self._ledger.batches.get(batch_id)
        if batch is None:
            raise UnknownBatch(batch_id)
        jobs = self._ledger.of_batch(batch_id)
        states = Counter(job.state for job in jobs)
        unfiled = sum(map(len, self._ledger.chunks.get(batch_id, [])))
        now = self._clock.now()
        lately = now - timedelta(seconds=RATE_WINDOW_S)
        ends = [job.finished_at for job in jobs if job.finished_at is not None]
        is_open = unfiled or states[JobState.QUEUED] or states[JobState.RUNNING]
        return Standing(
            batch,
            Progress(
                queued=states[JobState.QUEUED] + unfiled,
                running=states[JobState.RUNNING],
                succeeded=states[JobState.SUCCEEDED],
                failed=states[JobState.FAILED],
                cancelled=states[JobState.CANCELLED],
                failures_by_code=dict(Counter(job.failure.code for job in jobs if job.failure)),
                ended_per_min=len([at for at in ends if at > lately]),
                finished_at=None if is_open else max(ends, default=None),
                kept_until=max((job.expires_at for job in jobs if job.expires_at), default=None),
            ),
        )

    def listed(self, before: int | None, limit: int, *, owner: str | None = None) -> BatchPage:
        """See ``BatchLedger.listed``."""
        newest_first = sorted(self._ledger.batches.values(), key=lambda one: -self._numbers[one.id])
        found = [
            batch
            for batch in newest_first
            if (owner is None or batch.owner == owner)
            and (before is None or self._numbers[batch.id] < before)
        ]
        page = found[:limit]
        following = self._numbers[page[-1].id] if len(found) > limit else None
        return BatchPage(tuple(self.get(batch.id) for batch in page), following)

    def swap(self, new: Batch) -> bool:
        """See ``BatchLedger.swap``."""
        stored = self._ledger.batches.get(new.id)
        if stored == new:
            return True
        if stored is None or stored.revision != new.revision - 1:
            return False
        self._ledger.batches[new.id] = new
        if new.state is BatchState.RUNNING:
            self._ledger.take_back(new.id, "paused")
        if new.state is BatchState.CANCELLED:
            self._ledger.cancelling.add(new.id)
        else:
            self._ledger.cancelling.discard(new.id)
        return True

    def wait_for_end(self, batch_id: str, timeout_s: float) -> None:
        """See ``BatchLedger.wait_for_end``."""
        self._ledger.wait_until(lambda: self.get(batch_id).progress.open == 0, timeout_s)

    def cancelling(self, limit: int) -> list[str]:
        """See ``BatchLedger.cancelling``."""
        return sorted(self._ledger.cancelling)[:limit]

    def retrying(self, limit: int) -> list[str]:
        """See ``BatchLedger.retrying``."""
        found = [batch.id for batch in self._ledger.batches.values() if batch.retry_until]
        return sorted(found)[:limit]

    def cancelled(self, batch_id: str) -> None:
        """See ``BatchLedger.cancelled``."""
        self._ledger.cancelling.discard(batch_id)

    def open_jobs(self, batch_id: str, limit: int) -> list[Job]:
        """See ``BatchLedger.open_jobs``."""
        jobs = self._ledger.of_batch(batch_id)
        return [job for job in jobs if not job.state.is_terminal][:limit]

    def failed_jobs(self, batch_id: str, after: int, limit: int) -> tuple[list[Job], int | None]:
        """See ``BatchLedger.failed_jobs``."""
        jobs = [
            job
            for job in self._ledger.of_batch(batch_id)
            if job.state is JobState.FAILED and self._ledger.number(job) > after
        ][:limit]
        return jobs, self._ledger.number(jobs[-1]) if len(jobs) == limit else None

    def over(self, now: datetime, limit: int) -> list[str]:
        """See ``BatchLedger.over``."""
        found = [batch_id for batch_id in self._ledger.batches if self._is_over(batch_id, now)]
        return found[:limit]

    def forget(self, batch_ids: Sequence[str], now: datetime) -> None:
        """See ``BatchLedger.forget``."""
        for batch_id in batch_ids:
            if self._is_over(batch_id, now):
                del self._ledger.batches[batch_id]
                self._ledger.cancelling.discard(batch_id)
                self._ledger.take_back(batch_id, "finished")
                self._ledger.take_back(batch_id, "paused")

    def _is_over(self, batch_id: str, now: datetime) -> bool:
        progress = self.get(batch_id).progress
        kept_until = progress.kept_until
        return progress.open == 0 and kept_until is not None and kept_until <= now
