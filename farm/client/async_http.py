"""The farm, for those who await: ``FarmClient`` on httpx's asynchronous client.

Thin on purpose: what is asked, what comes of the answer and when it is asked again are
written once, for both. This starts no process and no thread, so any event loop will do,
one that cannot start processes as well. Files are read and written between two awaits,
in small pieces.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import httpx

from farm.client import batch_calls, calls, steps
from farm.client.addresses import Address
from farm.client.answers import undamaged
from farm.client.async_batches import AsyncBatch
from farm.client.async_connection import AsyncConnection, Sleep
from farm.client.calls import PAGE_MAX, Progress
from farm.client.downloads import artifact_download
from farm.client.errors import ClientError
from farm.client.following import PATIENCE_S
from farm.client.steps import is_web_url, page
from farm.jobs.batches.views import AcceptedBatchView, BatchView
from farm.jobs.farm_views import PressureView
from farm.jobs.views import JobsView, JobView, UploadView
from farm.jobs.workers import Readiness


class AsyncFarmClient:
    """One farm, as its callers see it. Use it with ``async with``, or close it.

    Tasks of one event loop may share it. Methods take, return and raise what those of
    ``FarmClient`` do. Keys, links and what
    an operator asks are that one's alone.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        timeout_s: float = 30.0,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Set the client up; nothing is sent yet. See ``FarmClient``."""
        self._connection = AsyncConnection(
            Address.of(url, key, timeout_s), sleep=sleep, transport=transport
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections. Calling it twice does no harm."""
        await self._connection.close()

    async def submit(
        self, spec: Mapping[str, Any], *, wait_s: float = 0, idempotency_key: str | None = None
    ) -> JobView:
        """See ``FarmClient.submit``."""
        return await self._connection.ask(calls.submit(spec, wait_s, idempotency_key), JobView)

    async def job(self, job_id: str, *, wait_s: float = 0) -> JobView:
        """See ``FarmClient.job``."""
        return await self._connection.ask(calls.job(job_id, wait_s), JobView)

    async def jobs(self, *, limit: int = 50, cursor: str | None = None, **wanted: str) -> JobsView:
        """See ``FarmClient.jobs``."""
        return await self._connection.ask(calls.jobs(wanted, limit, cursor), JobsView)

    async def all_jobs(self, **wanted: str) -> AsyncIterator[JobView]:
        """See ``FarmClient.all_jobs``."""
        cursor = None
        while True:
            found = await self.jobs(limit=PAGE_MAX, cursor=cursor, **wanted)
            for job in found.items:
                yield job
            cursor = found.next
            if cursor is None:
                return

    async def wait(
        self, job: JobView | str, *, timeout_s: float | None = None, patience_s: float = 0
    ) -> JobView:
        """See ``FarmClient.wait``."""
        return await self._connection.do(steps.wait(job, timeout_s, patience_s))

    async def run(self, spec: Mapping[str, Any]) -> JobView:
        """See ``FarmClient.run``."""
        return await self._connection.do(steps.run(spec))

    async def retry(
        self,
        job_id: str,
        *,
        secrets: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> JobView:
        """See ``FarmClient.retry``."""
        return await self._connection.ask(calls.retry(job_id, secrets, idempotency_key), JobView)

    async def cancel(self, job_id: str) -> JobView | None:
        """See ``FarmClient.cancel``."""
        return await self._connection.ask_for_any(calls.cancel(job_id), JobView)

    async def result(self, job_id: str) -> bytes:
        """See ``FarmClient.result``."""
        return undamaged(await self._connection.fetch(calls.result(job_id)))

    async def artifact(self, job_id: str, name: str) -> bytes:
        """See ``FarmClient.artifact``."""
        return undamaged(await self._connection.fetch(calls.artifact(job_id, name)))

    async def save_artifact(
        self,
        job: JobView | str,
        name: str,
        path: str | os.PathLike[str],
        *,
        patience_s: float = 0,
    ) -> None:
        """See ``FarmClient.save_artifact``."""
        view = await self.job(job) if isinstance(job, str) else job
        await self._connection.download(artifact_download(view, name, Path(path), patience_s))

    async def upload(
        self,
        path: str | os.PathLike[str],
        *,
        on_progress: Progress | None = None,
        idempotency_key: str | None = None,
    ) -> UploadView:
        """See ``FarmClient.upload``."""
        call = calls.upload(Path(path), on_progress, idempotency_key)
        return await self._connection.ask(call, UploadView)

    async def forget_upload(self, upload_id: str) -> None:
        """See ``FarmClient.forget_upload``."""
        await self._connection.fetch(calls.forget_upload(upload_id))

    async def screenshot(
        self, url: str | None = None, *, html: str | None = None, **options: object
    ) -> bytes:
        """See ``FarmClient.screenshot``."""
        spec = page(url, html) | options
        return await self._connection.do(steps.result_of("screenshot", spec))

    async def pdf(
        self, url: str | None = None, *, html: str | None = None, **options: object
    ) -> bytes:
        """See ``FarmClient.pdf``."""
        return await self._connection.do(steps.result_of("pdf", page(url, html) | options))

    async def content(
        self, url: str | None = None, *, html: str | None = None, **options: object
    ) -> dict[str, Any]:
        """See ``FarmClient.content``."""
        spec = page(url, html) | options
        return await self._connection.do(steps.parsed_result_of("content", spec))

    async def probe(
        self,
        source: str | os.PathLike[str],
        *,
        on_progress: Progress | None = None,
        **options: object,
    ) -> dict[str, Any]:
        """See ``FarmClient.probe``."""
        if is_web_url(source):
            return await self.report(await self.run({"kind": "probe", "url": source, **options}))
        upload = await self.upload(source, on_progress=on_progress)
        try:
            job = await self.run({"kind": "probe", "upload_id": upload.id, **options})
        finally:
            with suppress(ClientError):  # It expires by itself.
                await self.forget_upload(upload.id)
        return await self.report(job)

    async def report(self, job: JobView) -> dict[str, Any]:
        """See ``FarmClient.report``."""
        return await self._connection.do(steps.report(job))

    async def batch(
        self,
        items: Iterable[str | Mapping[str, Any]],
        *,
        idempotency_key: str | None = None,
        patience_s: float = PATIENCE_S,
        waits_for_room: bool = True,
        **fields: object,
    ) -> AsyncBatch:
        """See ``FarmClient.batch``. Its jobs: ``async for job in await farm.batch(...)``."""
        call = batch_calls.new_batch(items, fields, idempotency_key, waits_for_room=waits_for_room)
        return AsyncBatch(
            self._connection, await self._connection.ask(call, AcceptedBatchView), patience_s
        )

    async def existing_batch(self, batch_id: str, *, patience_s: float = PATIENCE_S) -> AsyncBatch:
        """See ``FarmClient.existing_batch``."""
        view = await self._connection.ask(batch_calls.batch(batch_id), BatchView)
        return AsyncBatch(self._connection, view, patience_s)

    async def pressure(self) -> PressureView:
        """See ``FarmClient.pressure``."""
        return await self._connection.ask(calls.pressure(), PressureView)

    async def ready(self) -> Readiness:
        """See ``FarmClient.ready``."""
        return await self._connection.ask(calls.ready(), Readiness)
