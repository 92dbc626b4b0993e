"""What the rules of batches need from outside, with the promises it must keep."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from farm.jobs.batches.models import Batch, BatchPage, Standing
from farm.jobs.batches.moulds import Cast
from farm.jobs.batches.notices import Notice
from farm.jobs.models import Job
from farm.jobs.ports import Deliveries, Pause, Refusal
from farm.jobs.specs.requests import Queue


@dataclass(frozen=True)
class Room:
    """What a batch takes, and how much there may be of it."""

    chunks: int
    """How often ``append`` was called."""
    jobs: dict[Queue, int]
    """Jobs of the batch on each queue."""
    backlog_max: int
    """Jobs that may be queued on a queue, those of the batch included."""
    owner_max: int | None
    """Jobs of its owner that may be open; ``None``: any number."""


class BatchLedger(Protocol):
    """The truth about batches. The counts are kept by the very steps that move their jobs.

    A batch is written in two parts. What ``append`` keeps is no job yet: nobody sees it, and
    it goes by itself where its writer dies. ``commit`` makes all of it a batch, in one step;
    from then on ``file`` files its jobs, chunk by chunk, and whoever finds it half done
    goes on with it.
    """

    def append(self, draft_id: str, jobs: Sequence[Cast]) -> None:
        """Keep the next chunk of a draft for some minutes."""

    def drop(self, draft_id: str) -> None:
        """Forget a draft that is not to be."""

    def commit(self, batch: Batch, room: Room) -> Refusal | None:
        """Make the draft ``batch.draft_id`` a batch of revision 1, or say why not.

        ``"exists"``: its id is in use, by another draft. All of its jobs count as queued, and
        within the limits, from this step on.

        Raises:
            BackendUnavailable: Also where the draft is not all there any more.
        """

    def file(self, batch_id: str) -> bool:
        """File the next chunk of jobs; say whether there was one. Any number may do so at once."""

    def unfiled(self, limit: int) -> list[str]:
        """Return the ids of batches whose jobs are not all filed."""

    def get(self, batch_id: str) -> Standing:
        """Return the batch and how far it is, in one read.

        Raises:
            UnknownBatch: No such id, or it is no longer kept.
        """

    def listed(self, before: int | None, limit: int, *, owner: str | None = None) -> BatchPage:
        """Return up to ``limit`` batches, newest first; see ``JobLedger.listed``."""

    def swap(self, new: Batch) -> bool:
        """Store ``new`` if the stored revision is the one before; say whether it was.

        In the same step the batch enters or leaves what ``cancelling`` and ``retrying``
        return. The jobs of one that is paused, or still being cancelled, are held.
        """

    def wait_for_end(self, batch_id: str, timeout_s: float) -> None:
        """Return once no job of the batch is open, or after ``timeout_s``, or early."""

    def cancelling(self, limit: int) -> list[str]:
        """Return the ids of cancelled batches that had open jobs when last looked at."""

    def retrying(self, limit: int) -> list[str]:
        """Return the ids of batches with ``retry_until``."""

    def cancelled(self, batch_id: str) -> None:
        """Say that no job of a cancelled batch is open any more."""

    def open_jobs(self, batch_id: str, limit: int) -> list[Job]:
        """Return open jobs of the batch, the oldest first."""

    def failed_jobs(self, batch_id: str, after: int, limit: int) -> tuple[list[Job], int | None]:
        """Return failed jobs of the batch with numbers above ``after``, and the last number.

        ``None``: there are no more.
        """

    def over(self, now: datetime, limit: int) -> list[str]:
        """Return the ids of finished batches whose last job's retention is over."""

    def forget(self, batch_ids: Sequence[str], now: datetime) -> None:
        """Drop those of the batches that still are over."""


class Notices(Deliveries[Notice], Protocol):
    """How far the receivers of batches' webhooks have been told."""

    def latest(self, standings: Sequence[Standing]) -> Mapping[str, Notice]:
        """Return what last happened to each of the batches, by its id.

        Those of which nobody is told, or to which nothing has happened that still stands,
        are not in it.
        """


class BatchJobs(Protocol):
    """The jobs of batches, as their results are read and as they are told of."""

    def in_order(self, batch_id: str, after: int, limit: int) -> tuple[list[Job], int | None]:
        """Return jobs of the batch with numbers above ``after``, and the last number.

        They come in the order of the lines that they were made of. ``None``: there are
        no more. Fewer than ``limit``, even none, may come before others.
        """

    def ended(self, batch_id: str, after: int, limit: int) -> list[tuple[int, Job]]:
        """Return ended jobs of the batch, each with the number of its end above ``after``.

        They come in the order of their ends; one that ends again has a higher number
        then. What is seen of an end is seen of all that were before.
        """

    def milestones(self, batch_id: str, count: int) -> list[tuple[int, datetime]]:
        """Return how many jobs of the batch had ended at up to ``count`` moments, the oldest first.

        They are evenly spaced among the ends that stand now, the first and the last included.
        """

    def watched(self, batch_id: str) -> AbstractContextManager[Pause | None]:
        """Give what waits for any job of the batch to move; see ``JobLedger.watched``."""
