"""A list is done: handed in, followed to its end, saved; and gone on with after any end."""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from farm.client.batches import Batch
from farm.client.errors import (
    FarmUnavailable,
    FarmUnreachable,
    RequestInvalid,
    RequestRefused,
)
from farm.client.http import FarmClient
from farm.client.lists.items import BATCH_MAX, Item, as_batch, chunks, key_of
from farm.client.lists.manifest import ItemLine, Manifest
from farm.client.lists.saver import Saved, Saver, line_of, line_without_job
from farm.client.lists.standing import Standing, standing, sweep
from farm.jobs.batches.models import BatchState
from farm.jobs.batches.views import BatchView
from farm.jobs.states import JobState
from farm.jobs.views import JobView

PATIENCE_S = 600
"""A machine has started again by then, and what runs on it."""
_TRY_EVERY_S = 2.0
_KEY_BYTES = 16
_TOO_MANY = "items"
"""What a farm names where it never has room for so many, however long one waits."""
_T = TypeVar("_T")


class Teller(Protocol):
    """Who is told how it goes. All calls come from one thread."""

    def begin(self, total: int, found: Standing) -> None:
        """Take how the items stand at the beginning."""

    def look(self, view: BatchView) -> None:
        """Take how a batch stands now."""

    def end(self, item: Item, line: ItemLine) -> None:
        """Take what has become of an item just now."""

    def wait(self, reason: str) -> None:
        """Take why the rest is not handed in yet; told again while it is so."""


class Stopped(Exception):
    """The list is not to be gone on with now: ``str`` of it says why."""


@dataclass(frozen=True)
class Wishes:
    """How a list is to be done."""

    of_batches: Mapping[str, object]
    """Options of batches, as ``per_host_concurrency``."""
    retry_failed: bool = False
    fail_fast: bool = False
    """Cancel all the rest with the first that fails."""
    patience_s: float = PATIENCE_S
    """For how long the farm may be away at a time, once it has answered; or be full of what
    others want."""


class Run:
    """One list on its way into one folder, whose manifest is open. Use it once."""

    def __init__(
        self,
        client: FarmClient,
        folder: Path,
        manifest: Manifest,
        teller: Teller,
        wishes: Wishes,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take what is needed; nothing is sent yet."""
        self._client = client
        self._folder = folder
        self._manifest = manifest
        self._teller = teller
        self._wishes = wishes
        self._sleep = sleep
        self._saver = Saver(client, folder, wishes.patience_s)
        self._open: dict[str, dict[str, Item]] = {}
        """What has not been seen to end, by id of its batch and by key."""
        self._lost: list[Item] = []
        """What has ended, and is to be handed in once more."""
        self._has_answered = False
        self.batches: list[Batch] = []
        """Those that are followed, or are about to be."""

    def do(self, items: Sequence[Item]) -> None:
        """Do all that is missing of ``items``.

        Raises:
            Stopped: One failed, with ``fail_fast``; or the farm paused, with ``max_failures``.
            ClientError: The farm was away for too long, or refuses.
            OSError: The folder does not take a file, or the manifest a line.
        """
        found = standing(
            items, self._manifest, self._folder, retry_failed=self._wishes.retry_failed
        )
        sweep(self._folder, items)
        self._teller.begin(len(items), found)
        with self._saver:
            new = [*found.new, *self._without_job(found.ended)]
            for key, asked in found.asked.items():
                if not self._find_again(key, asked):
                    new += asked
            self._hand_in(new)
            self._follow_all()
            self._hand_in(self._left())
            self._follow_all()
        for item in self._left():
            self._record(item, line_without_job(item, "lost", "The farm keeps nothing of it."))

    def _left(self) -> list[Item]:
        """Take what is not kept any more, or was cancelled before; and what no batch knows."""
        found = [*self._lost, *(item for items in self._open.values() for item in items.values())]
        self._lost, self._open = [], {}
        return found

    def _hand_in(self, items: Sequence[Item]) -> None:
        """Hand in all of ``items``; before the first is waited for, if the farm has the room."""
        left, most = list(items), BATCH_MAX
        while left:
            chunk = next(chunks(left, most))
            if self._is_taken(chunk):
                left = left[len(chunk) :]
            else:
                most = len(chunk) // 2

    def _is_taken(self, items: Sequence[Item]) -> bool:
        """Hand in ``items`` together, once there is room; say whether the farm takes so many."""
        key = secrets.token_urlsafe(_KEY_BYTES)
        self._manifest.begin(key, [item.key for item in items])
        try:
            self._send(items, key)
        except RequestInvalid as error:
            if len(items) == 1 or [each.field for each in error.errors] != [_TOO_MANY]:
                raise
            return False
        return True

    def _send(self, items: Sequence[Item], key: str) -> None:
        specs, common = as_batch(items)

        def ask() -> Batch:
            return self._client.batch(
                specs,
                idempotency_key=key,
                patience_s=self._wishes.patience_s,
                waits_for_room=False,
                dedupe=False,  # Each item is another, and is to have its job.
                **self._wishes.of_batches,
                **common,
            )

        batch = self._when_there_is_room(ask)
        self._manifest.accepted(key, batch.id)
        self._take(batch, items)
        for rejected in batch.rejected:
            item = items[rejected.line - 1]
            self._open[batch.id].pop(item.key, None)
            said = "; ".join(f"{each.field}: {each.message}" for each in rejected.errors)
            self._record(item, line_without_job(item, "invalid_spec", said))

    def _find_again(self, key: str, items: Sequence[Item]) -> bool:
        """Find the batch of an earlier request again; say whether it is there."""
        batch_id = self._manifest.batches.get(key)
        try:
            if batch_id is None:
                return self._send_again(key, items)
            patience_s = self._wishes.patience_s
            batch = self._patiently(
                lambda: self._client.existing_batch(batch_id, patience_s=patience_s)
            )
            if batch.view.state is BatchState.PAUSED:
                self._patiently(batch.resume)
        except RequestInvalid:
            return False  # It is not kept any more, or was asked for with other options.
        self._take(batch, items)
        return True

    def _send_again(self, key: str, items: Sequence[Item]) -> bool:
        """Send a request of which no answer is known; with its key it does nothing twice."""
        by_key = {item.key: item for item in items}
        sent = self._manifest.requests[key].items
        if by_key.keys() != set(sent):
            return False  # The list has become another.
        self._send([by_key[each] for each in sent], key)
        return True

    def _take(self, batch: Batch, items: Iterable[Item]) -> None:
        self.batches.append(batch)
        self._open[batch.id] = {item.key: item for item in items}

    def _without_job(self, ended: Iterable[tuple[Item, str]]) -> Iterator[Item]:
        """Save anew what jobs have made; yield those of which the farm keeps nothing."""
        for item, job_id in ended:
            job = self._job(job_id)
            if job is None or job.state is not JobState.SUCCEEDED:
                yield item
            else:
                self._note(self._saver.save(item, job))

    def _job(self, job_id: str) -> JobView | None:
        try:
            return self._patiently(lambda: self._client.job(job_id))
        except RequestInvalid:
            return None

    def _follow_all(self) -> None:
        while self.batches:
            self._follow_first()
        self._note(self._saver.rest())

    def _follow_first(self) -> None:
        self._follow(self.batches[0])
        self.batches.pop(0)

    def _follow(self, batch: Batch) -> None:
        was_cancelled = batch.view.state is BatchState.CANCELLED
        left = self._open[batch.id]
        for job in batch.ended(self._look):
            item = left.pop(key_of(job), None)
            if item is None:
                continue
            if job.state is JobState.SUCCEEDED:
                self._note(self._saver.save(item, job))
            elif job.state is JobState.CANCELLED and was_cancelled:
                self._lost.append(item)  # That was before; it is wanted now.
            else:
                self._record(item, line_of(item, job))

    def _look(self, view: BatchView) -> None:
        self._teller.look(view)
        self._note(self._saver.ended())
        if view.state is BatchState.PAUSED:
            raise Stopped("The farm has paused the batch: too many of its jobs have failed.")

    def _note(self, saved: Iterable[Saved]) -> None:
        for item, line in saved:
            if line is None:
                self._lost.append(item)
            else:
                self._record(item, line)

    def _record(self, item: Item, line: ItemLine) -> None:
        self._manifest.record(line)
        self._teller.end(item, line)
        if line.state is not JobState.SUCCEEDED and self._wishes.fail_fast:
            for batch in self.batches:
                batch.cancel()
            raise Stopped("One has failed; the rest is cancelled.")

    def _when_there_is_room(self, ask: Callable[[], _T]) -> _T:
        """Return what ``ask`` does once the farm has room; what it has of ours ends first."""
        waited_s = 0.0
        while True:
            try:
                return self._patiently(ask)
            except RequestRefused as full:
                left_s = self._wishes.patience_s - waited_s
                if full.retry_after_s is None or left_s <= 0:
                    raise
                self._has_answered = True
                self._teller.wait(full.detail)
                if self.batches:
                    self._follow_first()
                    waited_s = 0.0
                else:
                    pause_s = min(max(full.retry_after_s, _TRY_EVERY_S), left_s)
                    self._sleep(pause_s)
                    waited_s += pause_s

    def _patiently(self, ask: Callable[[], _T]) -> _T:
        """Return what ``ask`` does; a farm that has answered before may be away for a while."""
        waited_s = 0.0
        while True:
            try:
                found = ask()
            except (FarmUnreachable, FarmUnavailable):
                if not self._has_answered or waited_s >= self._wishes.patience_s:
                    raise
                self._sleep(_TRY_EVERY_S)
                waited_s += _TRY_EVERY_S
            else:
                self._has_answered = True
                return found
