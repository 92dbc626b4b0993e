"""Many jobs at once, as a caller holds them."""

import os
from collections.abc import Iterator
from pathlib import Path

from farm.client import batch_calls
from farm.client.answers import parsed_line
from farm.client.connection import Connection
from farm.client.following import KnownBatch, Watch
from farm.jobs.batches.views import BatchView
from farm.jobs.links import LinkView
from farm.jobs.views import JobView


class Batch(KnownBatch):
    """One batch. Iterate over it to get its jobs as they end.

    Any number of these may be made for the same batch, now or after a restart of the
    caller, by ``FarmClient.existing_batch``. Iterating begins at the beginning each time.
    """

    def __init__(self, connection: Connection, view: BatchView, patience_s: float) -> None:
        """Take the batch as it was last seen; ``FarmClient.batch`` makes these."""
        super().__init__(view, patience_s)
        self._connection = connection

    def __iter__(self) -> Iterator[JobView]:
        return self.ended()

    def ended(self, watch: Watch | None = None) -> Iterator[JobView]:
        """Yield each job once it has ended, in whatever way, until all have.

        In the order in which they end, as far as that is seen from here: within one look
        at the farm, every two seconds at most. Each end is told once; a job that is retried
        meanwhile ends again. A farm that goes away is waited for, ``patience_s`` of
        ``FarmClient.batch`` at a time. While the batch is paused this waits, too.

        Args:
            watch: Called at each look, before its jobs are told. What it raises ends this.

        Raises:
            FarmUnreachable: The farm was away for too long.
            FarmUnavailable: It was in trouble for too long.
        """
        following = self.followed()
        while True:
            look = self._connection.do(following.look())
            self.note(look.view)
            if watch is not None:
                watch(look.view)
            yield from look.ended
            if look.is_last:
                return
            self._connection.sleep(look.rest_s)

    def progress(self) -> BatchView:
        """Return how it stands now, in one small request."""
        return self.note(self._connection.ask(batch_calls.batch(self.id), BatchView))

    def pause(self) -> BatchView:
        """Start no further jobs of it; those that run go on.

        Raises:
            RequestInvalid: ``batch_over``: all has ended. ``resume`` and ``cancel`` too.
        """
        return self._act("pause")

    def resume(self) -> BatchView:
        """Go on after a pause."""
        return self._act("resume")

    def cancel(self) -> BatchView:
        """Cancel all its open jobs."""
        return self._act("cancel")

    def retry_failed(self) -> BatchView:
        """Queue its failed jobs again: the same jobs, with all their attempts.

        Raises:
            RequestInvalid: ``nothing_to_retry``: none has failed, or it is still being cancelled.
        """
        return self._act("retry-failed")

    def save_results(self, name: str, path: str | os.PathLike[str]) -> None:
        """Write all results in one file, whole or not at all.

        Args:
            name: ``results.ndjson``, ``results.csv``, ``archive.zip`` or ``report.html``.
            path: The file to make or replace. Its folder must exist.

        Raises:
            NotSaved: The file cannot be written.
        """
        self._connection.download(self.results_download(name, Path(path)))

    def link(self, name: str, *, expires_in_s: int = 3600) -> LinkView:
        """Return a link with which anybody can read all results in one file, for a while.

        As ``FarmClient.link``; ``name`` is one of those of ``save_results``.
        """
        call = batch_calls.batch_link(self.id, name, expires_in_s)
        made = self._connection.ask(call, LinkView)
        return made.model_copy(update={"url": f"{self._connection.address}{made.url}"})

    def results(self) -> Iterator[JobView]:
        """Yield all its jobs as they stand, in the order of ``results.ndjson``.

        Never whole in memory. A connection that breaks off raises ``FarmUnreachable``.
        """
        call = batch_calls.batch_results(self.id, "results.ndjson")
        with self._connection.opened(call) as response:
            for line in response.iter_lines():
                yield parsed_line(line, JobView)

    def _act(self, action: str) -> BatchView:
        call = batch_calls.batch_action(self.id, action)
        return self.note(self._connection.ask(call, BatchView))
