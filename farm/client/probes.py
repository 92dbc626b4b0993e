"""Probes of many sources: a few at a time, told in their order, and no job left open behind."""

import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from farm.client.errors import ClientError, JobNotSucceeded, RequestInvalid
from farm.client.http import FarmClient
from farm.client.progress import UploadBars
from farm.client.steps import is_web_url
from farm.jobs.states import JobState
from farm.jobs.views import JobView

IN_FLIGHT = 4
"""Jobs at once: enough to keep a few slots busy without filling the queue of others."""

Save = Callable[[JobView], Sequence[Path]]
"""Saves what a job made beside its report, and returns where."""


@dataclass(frozen=True)
class Probed:
    """What became of one source."""

    source: str
    job: JobView | None = None
    """``None`` if it did not come to a job."""
    report: Mapping[str, Any] = field(default_factory=dict)
    """``summary`` and ``ffprobe``; empty if there is an error."""
    stills: Sequence[Path] = ()
    error: ClientError | OSError | None = None


class _Stopped(Exception):
    """Nobody wants this any more."""


class Probes:
    """Probes sources with the same options. Use it for one list of them."""

    def __init__(self, client: FarmClient, options: Mapping[str, object], bars: UploadBars) -> None:
        """Take ``options``, the spec but for the source; uploads are shown on ``bars``."""
        self._client = client
        self._options = options
        self._bars = bars
        self._open: set[str] = set()
        self._stop = threading.Event()

    def run(self, sources: Sequence[tuple[str, Save]]) -> Generator[Probed, None, None]:
        """Yield what became of each of ``sources``, in their order; each knows what saves stills.

        Whoever takes no more must close the generator. Then, and after an error, what is
        open is cancelled and what is uploaded is dropped before this ends.

        Raises:
            ClientError: The farm cannot be asked, or would refuse every source.
        """
        with ThreadPoolExecutor(IN_FLIGHT) as threads:
            try:
                for each in [threads.submit(self._probe, *source) for source in sources]:
                    yield each.result()
            except BaseException:  # A Ctrl-C and a closed generator too.
                threads.shutdown(wait=False, cancel_futures=True)
                self._cancel_all()
                raise

    def _probe(self, source: str, save: Save) -> Probed:
        job = None
        try:
            with self._source(source) as fields:
                job = self._ended({"kind": "probe", **fields, **self._options})
            if job.state is not JobState.SUCCEEDED:
                raise JobNotSucceeded(job)
            return Probed(source, job, self._client.report(job), save(job))
        except (ClientError, OSError) as error:
            if not _is_of_the_source(error):
                raise
            return Probed(source, job, error=error)

    @contextmanager
    def _source(self, source: str) -> Iterator[dict[str, str]]:
        """Give the source as a field of the spec, uploaded for the block if it is a file."""
        if is_web_url(source):
            yield {"url": source}
            return
        with self._bars.bar(Path(source).name) as bar:

            def on_progress(sent_bytes: int, total_bytes: int) -> None:
                if self._stop.is_set():
                    raise _Stopped
                bar(sent_bytes, total_bytes)

            upload = self._client.upload(source, on_progress=on_progress)
        try:
            yield {"upload_id": upload.id}
        finally:
            with suppress(ClientError):  # It expires by itself.
                self._client.forget_upload(upload.id)

    def _ended(self, spec: Mapping[str, object]) -> JobView:
        # Not with a wait: its id must be known to be cancelled.
        job = self._client.submit(spec)
        if job.state.is_terminal:
            return job
        self._open.add(job.id)
        try:
            if self._stop.is_set():
                self._cancel_all()
            return self._client.wait(job)
        finally:
            self._open.discard(job.id)

    def _cancel_all(self) -> None:
        """Cancel each open job once, for the second time would forget it."""
        self._stop.set()
        with suppress(KeyError):
            while True:
                job_id = self._open.pop()
                with suppress(ClientError):  # It ends by its own timeout.
                    self._client.cancel(job_id)


def _is_of_the_source(error: ClientError | OSError) -> bool:
    """Return whether another source may fare better with the same farm and options."""
    if isinstance(error, RequestInvalid):
        return {found.field for found in error.errors} <= {"url", "upload_id"}
    return isinstance(error, (JobNotSucceeded, OSError))
