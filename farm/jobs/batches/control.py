"""Pausing, resuming, cancelling and retrying a batch, in steps that anybody may go on with.

A request says in the record of the batch what is to be done, and does the first step. What
is left the dispatcher does, a bounded step at a time; a step that is done twice does no harm.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from farm.jobs.batches.models import Batch, BatchState, Standing
from farm.jobs.batches.service import Batches
from farm.jobs.errors import (
    BackendUnavailable,
    BatchOver,
    InvalidSpec,
    NothingToRetry,
    SecretsNeeded,
)
from farm.jobs.idempotency import Done, Once
from farm.jobs.service import JobService

STEP_JOBS = 200
"""Jobs that one step moves: some tenths of a second on a busy machine."""

Place = tuple[datetime, int]
"""How far a retry has got: when it was asked for, and the number of the last failed job."""

Action = Literal["pause", "resume", "cancel", "retry-failed"]


@dataclass(frozen=True)
class Control:
    """What may be done with the batches of ``farm``, on behalf of its caller."""

    farm: JobService

    def act(self, batch_id: str, action: Action, key: str | None) -> Done[Standing]:
        """Do ``action``, unless that was done under this ``key``, and return the batch.

        Raises:
            UnknownBatch: No such id, or it is another's.
            BatchOver: It has ended; there is nothing to pause, resume or cancel.
            NothingToRetry: No job of it has failed, or it is still being cancelled.
            IdempotencyConflict: The key came with another request.
        """
        once, asked = Once(self.farm, key), f"POST /v1/batches/{batch_id}/{action}"
        if key is not None and once.was_asked(asked):
            return Done(self._get(batch_id), is_replay=True)
        standing = _ACTIONS[action](self, batch_id)
        # Reserved once it is done: what is done twice in between does no harm.
        if key is not None:
            once.reserved(asked, None, batch_id)
        return Done(standing, is_replay=False)

    def cancel_step(self, batch_id: str) -> None:
        """Cancel some open jobs of a cancelled batch."""
        now = self.farm.clock.now()
        for job in self.farm.batches.open_jobs(batch_id, STEP_JOBS):
            self.farm.ledger.swap(job.cancelled(now))  # Else it has moved on: see the next step.
        if self.farm.batches.get(batch_id).progress.open == 0:
            self.farm.batches.cancelled(batch_id)

    def retry_step(self, batch_id: str, place: Place | None = None) -> Place | None:
        """Queue again some of what had failed when that was asked for, and was not yet.

        Args:
            batch_id: The batch.
            place: What the step before returned; ``None`` for the first. That of another
                retry, which was asked for before, counts for nothing.

        Returns:
            Where to go on; ``None``: that was all.
        """
        batch = self.farm.batches.get(batch_id).batch
        if batch.retry_until is None:
            return None
        after = place[1] if place and place[0] == batch.retry_until else 0
        jobs, following = self.farm.batches.failed_jobs(batch_id, after, STEP_JOBS)
        for job in jobs:
            if job.finished_at is not None and job.finished_at <= batch.retry_until:
                # One whose upload is gone, or whose secrets are, stays failed.
                with suppress(NothingToRetry, InvalidSpec, SecretsNeeded):
                    self.farm.queued_again(self.farm.check_retry(job))
        if following is None:
            # Unless it was asked for once more: then there is more to do.
            self.farm.batches.swap(batch.changed(retry_until=None))
            return None
        return batch.retry_until, following

    def _pause(self, batch_id: str) -> Standing:
        def paused(standing: Standing) -> Batch | None:
            if standing.state is BatchState.PAUSED:
                return None
            _check_open(standing)
            return standing.batch.changed(state=BatchState.PAUSED)

        return self._changed(batch_id, paused)

    def _resume(self, batch_id: str) -> Standing:
        def resumed(standing: Standing) -> Batch | None:
            if standing.state is BatchState.RUNNING:
                return None
            _check_open(standing)
            changes = {"state": BatchState.RUNNING, **_patience(standing)}
            return standing.batch.changed(**changes)

        return self._changed(batch_id, resumed)

    def _cancel(self, batch_id: str) -> Standing:
        def cancelled(standing: Standing) -> Batch | None:
            if standing.state is BatchState.CANCELLED:
                return None
            _check_open(standing)
            return standing.batch.changed(state=BatchState.CANCELLED, retry_until=None)

        self._changed(batch_id, cancelled)
        with suppress(BackendUnavailable):  # It is cancelled; the dispatcher goes on.
            self.cancel_step(batch_id)
        return self._get(batch_id)

    def _retry_failed(self, batch_id: str) -> Standing:
        def retrying(standing: Standing) -> Batch:
            if standing.progress.failed == 0:
                raise NothingToRetry(f"No job of batch {batch_id!r} has failed.")
            if standing.state is BatchState.CANCELLED and standing.progress.open:
                raise NothingToRetry(f"Batch {batch_id!r} is still being cancelled.")
            is_paused = standing.state is BatchState.PAUSED
            return standing.batch.changed(
                state=BatchState.PAUSED if is_paused else BatchState.RUNNING,
                retry_until=self.farm.clock.now(),
                **_patience(standing),
            )

        self._changed(batch_id, retrying)
        with suppress(BackendUnavailable):
            self.retry_step(batch_id)
        return self._get(batch_id)

    def _changed(self, batch_id: str, change: Callable[[Standing], Batch | None]) -> Standing:
        """Store what ``change`` makes of the batch, whoever else moves it meanwhile."""
        while True:
            new = change(self._get(batch_id))
            if new is None or self.farm.batches.swap(new):
                return self._get(batch_id)

    def _get(self, batch_id: str) -> Standing:
        return Batches(self.farm).get(batch_id)


def _patience(standing: Standing) -> dict[str, object]:
    """Return at how many failures a batch that goes on pauses next: after as many again."""
    most = standing.batch.options.max_failures
    return {"pause_at": None if most is None else standing.progress.failed + most}


def _check_open(standing: Standing) -> None:
    if standing.state in {BatchState.FINISHED, BatchState.CANCELLED}:
        raise BatchOver(f"Batch {standing.batch.id!r} is {standing.state}.")


_ACTIONS: Mapping[Action, Callable[[Control, str], Standing]] = {
    "pause": Control._pause,  # noqa: SLF001 - of this module
    "resume": Control._resume,  # noqa: SLF001
    "cancel": Control._cancel,  # noqa: SLF001
    "retry-failed": Control._retry_failed,  # noqa: SLF001
}
