"""The farm, called from Python: one method for each endpoint, and those that do a whole job.

Everything is synchronous: no event loop is made, used or needed, so a call works
the same in a script, in a thread, inside a running loop (which it blocks) and on
Windows.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from farm.client import batch_calls, steps
from farm.client.batches import Batch
from farm.client.calls import PAGE_MAX, Progress
from farm.client.endpoints import Endpoints
from farm.client.errors import ClientError
from farm.client.following import PATIENCE_S
from farm.client.steps import is_web_url
from farm.jobs.batches.views import AcceptedBatchView, BatchView
from farm.jobs.views import JobView


class FarmClient(Endpoints):
    """One farm, as its callers see it. Use it as a context manager, or close it.

    Threads may share a client. Every method may raise ``FarmUnreachable``,
    ``ApiError`` and ``UnreadableAnswer``; see ``farm.client.errors`` for the tree.
    A GET that finds no farm, or finds it in trouble, is sent again up to three
    times, and so is what makes something, for it has an idempotency key; any request that
    is turned away with a 429 or 503 and ``Retry-After`` is sent again after that time,
    unless that is longer than 30 s.
    """

    def wait(
        self, job: JobView | str, *, timeout_s: float | None = None, patience_s: float = 0
    ) -> JobView:
        """Return the job once it has ended, in whatever way.

        Args:
            job: The job or its id.
            timeout_s: Seconds to wait, give or take one; ``None`` means for as long
                as the farm keeps the job open.
            patience_s: For how long to go on trying while the farm is away, in seconds.

        Raises:
            WaitTimedOut: It has not ended in time. It goes on.
        """
        return self._connection.do(steps.wait(job, timeout_s, patience_s))

    def all_jobs(self, **wanted: str) -> Iterator[JobView]:
        """Yield all jobs that are as ``wanted``, newest first; takes what ``jobs`` does.

        Pages are asked for as they are needed. What is submitted meanwhile is not
        among them.
        """
        cursor = None
        while True:
            page = self.jobs(limit=PAGE_MAX, cursor=cursor, **wanted)
            yield from page.items
            cursor = page.next
            if cursor is None:
                return

    def run(self, spec: Mapping[str, Any]) -> JobView:
        """Hand in one job and return it once it has succeeded.

        Raises:
            JobNotSucceeded: It failed or was cancelled.
        """
        return self._connection.do(steps.run(spec))

    def screenshot(
        self, url: str | None = None, *, html: str | None = None, **options: object
    ) -> bytes:
        """Return a picture of the page at ``url``.

        Args:
            url: Absolute http or https URL.
            html: The page itself, instead of ``url``.
            options: Fields of the spec, as ``full_page=True``. Times are milliseconds,
                lengths CSS pixels. What is not given has the farm's default.

        Raises:
            RequestInvalid: URL or options are wrong.
            JobNotSucceeded: There is no picture; ``code`` says why.
        """
        return self._connection.do(steps.result_of("screenshot", steps.page(url, html) | options))

    def pdf(self, url: str | None = None, *, html: str | None = None, **options: object) -> bytes:
        """Return the page at ``url`` as a PDF; takes and raises what ``screenshot`` does."""
        return self._connection.do(steps.result_of("pdf", steps.page(url, html) | options))

    def content(
        self, url: str | None = None, *, html: str | None = None, **options: object
    ) -> dict[str, Any]:
        """Return what the page at ``url`` says; takes and raises what ``screenshot`` does.

        Returns:
            ``url``, ``title``, ``lang``, ``meta``, ``text``, ``links``, ``html`` and, by
            name, what the option ``select`` asked for.
        """
        return self._connection.do(
            steps.parsed_result_of("content", steps.page(url, html) | options)
        )

    def probe(
        self,
        source: str | os.PathLike[str],
        *,
        on_progress: Progress | None = None,
        **options: object,
    ) -> dict[str, Any]:
        """Return what ffprobe says about a media file.

        Args:
            source: An http or https URL, else the path of a file. That is uploaded,
                and dropped from the farm once it has been probed.
            on_progress: Called after each piece of the file that is sent.
            options: Fields of the spec, as ``timeout=60_000`` (milliseconds).

        Returns:
            ``{"summary": …, "ffprobe": …}``; the second is ffprobe's own JSON.

        Raises:
            RequestInvalid: URL or options are wrong.
            JobNotSucceeded: It is not media, or cannot be had; ``code`` says why.
            OSError: The file cannot be read.
        """
        if is_web_url(source):
            return self.report(self.run({"kind": "probe", "url": source, **options}))
        upload = self.upload(source, on_progress=on_progress)
        try:
            job = self.run({"kind": "probe", "upload_id": upload.id, **options})
        finally:
            with suppress(ClientError):  # It expires by itself.
                self.forget_upload(upload.id)
        return self.report(job)

    def batch(
        self,
        items: Iterable[str | Mapping[str, Any]],
        *,
        idempotency_key: str | None = None,
        patience_s: float = PATIENCE_S,
        waits_for_room: bool = True,
        **fields: object,
    ) -> Batch:
        """Hand in many jobs at once; iterate over what is returned to get them as they end.

        ::

            for job in farm.batch(urls, kind="screenshot", full_page=True):
                if job.state is JobState.SUCCEEDED:
                    farm.save_artifact(job, job.artifacts[0].name, f"{job.id}.png")

        Args:
            items: A URL or a spec for each. Those that are wrong become no job; they are in
                the batch's ``rejected``.
            idempotency_key: Of your choice; ``None``: a new one. Within a day a second call
                with the same key and items returns the batch of the first.
            patience_s: For how long the farm may be away at a time while the batch is
                followed, in seconds, as for a restart.
            waits_for_room: Whether to try a few times while the farm holds as many jobs as it
                may, or calls come too fast; else ``RequestRefused`` is raised at once.
            fields: What all specs have, unless they say otherwise; with URLs ``kind`` is
                among it. And what is the batch's own: ``dedupe``, ``per_host_concurrency``,
                ``per_host_delay``, ``max_failures``, ``on_complete``.

        Raises:
            RequestInvalid: Not one item is good, or an option is wrong.
            RequestRefused: The key or a limit forbids it.
        """
        call = batch_calls.new_batch(items, fields, idempotency_key, waits_for_room=waits_for_room)
        return Batch(self._connection, self._connection.ask(call, AcceptedBatchView), patience_s)

    def existing_batch(self, batch_id: str, *, patience_s: float = PATIENCE_S) -> Batch:
        """Return a batch that was handed in before, by this process or another.

        Raises:
            RequestInvalid: There is none.
        """
        view = self._connection.ask(batch_calls.batch(batch_id), BatchView)
        return Batch(self._connection, view, patience_s)

    def report(self, job: JobView) -> dict[str, Any]:
        """Return what a probe that has succeeded found, as ``probe`` does.

        A short one is on the job already; a long one is asked for.
        """
        return self._connection.do(steps.report(job))
