"""Many jobs at once, for those who await."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

from farm.client import batch_calls
from farm.client.answers import parsed_line
from farm.client.async_connection import AsyncConnection
from farm.client.following import KnownBatch, Watch
from farm.jobs.batches.views import BatchView
from farm.jobs.views import JobView


class AsyncBatch(KnownBatch):
    """``Batch``, awaited: iterate with ``async for``."""

    def __init__(self, connection: AsyncConnection, view: BatchView, patience_s: float) -> None:
        """Take the batch as it was last seen; ``AsyncFarmClient.batch`` makes these."""
        super().__init__(view, patience_s)
        self._connection = connection

    def __aiter__(self) -> AsyncIterator[JobView]:
        return self.ended()

    async def ended(self, watch: Watch | None = None) -> AsyncIterator[JobView]:
        """See ``Batch.ended``."""
        following = self.followed()
        while True:
            look = await self._connection.do(following.look())
            self.note(look.view)
            if watch is not None:
                watch(look.view)
            for job in look.ended:
                yield job
            if look.is_last:
                return
            await self._connection.sleep(look.rest_s)

    async def progress(self) -> BatchView:
        """See ``Batch.progress``."""
        return self.note(await self._connection.ask(batch_calls.batch(self.id), BatchView))

    async def pause(self) -> BatchView:
        """See ``Batch.pause``."""
        return await self._act("pause")

    async def resume(self) -> BatchView:
        """See ``Batch.resume``."""
        return await self._act("resume")

    async def cancel(self) -> BatchView:
        """See ``Batch.cancel``."""
        return await self._act("cancel")

    async def retry_failed(self) -> BatchView:
        """See ``Batch.retry_failed``."""
        return await self._act("retry-failed")

    async def save_results(self, name: str, path: str | os.PathLike[str]) -> None:
        """See ``Batch.save_results``."""
        await self._connection.download(self.results_download(name, Path(path)))

    async def results(self) -> AsyncIterator[JobView]:
        """See ``Batch.results``."""
        call = batch_calls.batch_results(self.id, "results.ndjson")
        async with self._connection.opened(call) as response:
            async for line in response.aiter_lines():
                yield parsed_line(line, JobView)

    async def _act(self, action: str) -> BatchView:
        call = batch_calls.batch_action(self.id, action)
        return self.note(await self._connection.ask(call, BatchView))
