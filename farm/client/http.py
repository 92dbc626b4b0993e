"""The farm, called from Python: one method for each endpoint, and those that do a whole job.

Everything is synchronous: no event loop is made, used or needed, so a call works
the same in a script, in a thread, inside a running loop (which it blocks) and on
Windows.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from farm.client import calls
from farm.client.calls import Progress
from farm.client.endpoints import Endpoints
from farm.client.errors import ClientError, JobNotSucceeded, UnreadableAnswer, WaitTimedOut
from farm.jobs.states import JobState
from farm.jobs.views import JobView

_POLL_EVERY_S = 1.0
"""Least time between two questions, for a farm that answers at once instead of waiting."""
_PAGE = 200
"""Jobs of one answer; the farm gives no more."""
_PROBED = ("summary", "ffprobe")


class FarmClient(Endpoints):
    """One farm, as its callers see it. Use it as a context manager, or close it.

    Threads may share a client. Every method may raise ``FarmUnreachable``,
    ``ApiError`` and ``UnreadableAnswer``; see ``farm.client.errors`` for the tree.
    A GET that finds no farm, or finds it in trouble, is sent again up to three
    times, and so is what has an idempotency key; any request that is turned away with
    a 429 or 503 and ``Retry-After`` is sent again after that time, unless that is
    longer than 30 s.
    """

    def wait(self, job: JobView | str, *, timeout_s: float | None = None) -> JobView:
        """Return the job once it has ended, in whatever way.

        Args:
            job: The job or its id.
            timeout_s: Seconds to wait, give or take one; ``None`` means for as long
                as the farm keeps the job open.

        Raises:
            WaitTimedOut: It has not ended in time. It goes on.
        """
        view = self.job(job) if isinstance(job, str) else job
        started = time.monotonic()
        while not view.state.is_terminal:
            left_s: float = calls.POLL_WAIT_MAX_S
            if timeout_s is not None:
                left_s = timeout_s - (time.monotonic() - started)
                if left_s <= 0:
                    raise WaitTimedOut(view, timeout_s)
            view = self._poll(view.id, left_s)
        return view

    def _poll(self, job_id: str, wait_s: float) -> JobView:
        asked = time.monotonic()
        view = self.job(job_id, wait_s=wait_s)
        early_s = min(wait_s, _POLL_EVERY_S) - (time.monotonic() - asked)
        if early_s > 0 and not view.state.is_terminal:
            self._sleep(early_s)
        return view

    def all_jobs(self, **wanted: str) -> Iterator[JobView]:
        """Yield all jobs that are as ``wanted``, newest first; takes what ``jobs`` does.

        Pages are asked for as they are needed. What is submitted meanwhile is not
        among them.
        """
        cursor = None
        while True:
            page = self.jobs(limit=_PAGE, cursor=cursor, **wanted)
            yield from page.items
            cursor = page.next
            if cursor is None:
                return

    def run(self, spec: Mapping[str, Any]) -> JobView:
        """Hand in one job and return it once it has succeeded.

        Raises:
            JobNotSucceeded: It failed or was cancelled.
        """
        job = self.wait(self.submit(spec, wait_s=calls.POLL_WAIT_MAX_S))
        if job.state is not JobState.SUCCEEDED:
            raise JobNotSucceeded(job)
        return job

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
        return self._result_of("screenshot", _page(url, html) | options)[1]

    def pdf(self, url: str | None = None, *, html: str | None = None, **options: object) -> bytes:
        """Return the page at ``url`` as a PDF; takes and raises what ``screenshot`` does."""
        return self._result_of("pdf", _page(url, html) | options)[1]

    def content(
        self, url: str | None = None, *, html: str | None = None, **options: object
    ) -> dict[str, Any]:
        """Return what the page at ``url`` says; takes and raises what ``screenshot`` does.

        Returns:
            ``url``, ``title``, ``lang``, ``meta``, ``text``, ``links``, ``html`` and, by
            name, what the option ``select`` asked for.
        """
        return self._json_of("content", _page(url, html) | options)

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

    def report(self, job: JobView) -> dict[str, Any]:
        """Return what a probe that has succeeded found, as ``probe`` does.

        A short one is on the job already; a long one is asked for.
        """
        if job.report is not None and all(name in job.report for name in _PROBED):
            return {name: job.report[name] for name in _PROBED}
        return parsed_result(job, self.result(job.id))

    def _json_of(self, kind: str, spec: Mapping[str, object]) -> dict[str, Any]:
        job, result = self._result_of(kind, spec)
        return parsed_result(job, result)

    def _result_of(self, kind: str, spec: Mapping[str, object]) -> tuple[JobView, bytes]:
        job = self.run({"kind": kind, **spec})
        return job, self.result(job.id)


def parsed_result(job: JobView, result: bytes) -> dict[str, Any]:
    """Return the ``result`` of ``job``, of a kind whose results are JSON objects.

    Raises:
        UnreadableAnswer: It is something else.
    """
    try:
        found = json.loads(result)
    except ValueError as error:
        raise UnreadableAnswer(f"The result of job {job.id!r} is not JSON.") from error
    if not isinstance(found, dict):
        raise UnreadableAnswer(f"The result of job {job.id!r} is not a JSON object.")
    return found


def is_web_url(source: str | os.PathLike[str]) -> bool:
    """Return whether ``source`` is meant as a URL for the farm, not as a file."""
    return str(source).lower().startswith(("http://", "https://"))


def _page(url: str | None, html: str | None) -> dict[str, object]:
    return {name: value for name, value in (("url", url), ("html", html)) if value is not None}
