"""What jobs have made, on its way into the folder: a few at a time, each whole or not at all."""

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from types import TracebackType
from typing import Self

from farm.client.errors import RequestInvalid
from farm.client.http import FarmClient
from farm.client.lists.items import Item
from farm.client.lists.manifest import ItemError, ItemLine, SavedFile
from farm.client.lists.names import split_suffix
from farm.client.lists.standing import sha256_of
from farm.client.saving import check_file_name
from farm.jobs.states import JobState
from farm.jobs.views import JobView

_THREADS = 4
_WAITING_MAX = 16
"""Jobs that wait to be saved; each may hold a report of 64 KiB."""

Saved = tuple[Item, ItemLine | None]
"""An item and what became of it; ``None``: the farm keeps nothing of it any more."""


class Saver:
    """Saves in threads of its own; all else is for one thread. Use it as a context manager."""

    def __init__(self, client: FarmClient, folder: Path, patience_s: float) -> None:
        """Save what ``client`` gives below ``folder``; the farm may be away for ``patience_s``."""
        self._client = client
        self._folder = folder
        self._patience_s = patience_s
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="farm-save")
        self._saving: dict[Future[ItemLine | None], Item] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: object, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._client.close()  # What is being fetched is not waited for, and leaves nothing.
        self._threads.shutdown()

    def save(self, item: Item, job: JobView) -> Iterator[Saved]:
        """Begin to save what ``job``, which has succeeded, has made; yield what has ended."""
        self._saving[self._threads.submit(self._save, item, job)] = item
        yield from self.ended()
        while len(self._saving) >= _WAITING_MAX:
            yield from self._settled(wait(self._saving, return_when=FIRST_COMPLETED).done)

    def ended(self) -> Iterator[Saved]:
        """Yield what has been saved since it was last asked for.

        Raises:
            ClientError: The farm is away, or other bytes came than were made.
            OSError: A file cannot be written.
        """
        yield from self._settled([future for future in self._saving if future.done()])

    def rest(self) -> Iterator[Saved]:
        """Yield all that is still being saved, once it is; raises as ``ended`` does."""
        while self._saving:
            yield from self._settled(wait(self._saving, return_when=FIRST_COMPLETED).done)

    def _settled(
        self, ended: Sequence[Future[ItemLine | None]] | set[Future[ItemLine | None]]
    ) -> Iterator[Saved]:
        for future in ended:
            yield self._saving.pop(future), future.result()

    def _save(self, item: Item, job: JobView) -> ItemLine | None:
        files: list[SavedFile] = []
        for artifact in job.artifacts:
            check_file_name(artifact.name)
            path = f"{split_suffix(item.path)[0]}.{artifact.name}" if files else item.path
            target = self._folder / path
            if sha256_of(target) != artifact.sha256:
                target.parent.mkdir(parents=True, exist_ok=True)
                try:
                    self._client.save_artifact(
                        job, artifact.name, target, patience_s=self._patience_s
                    )
                except RequestInvalid:
                    return None
            files.append(SavedFile(artifact=artifact.name, path=path, sha256=artifact.sha256))
        return line_of(item, job, files)


def line_of(item: Item, job: JobView, files: Sequence[SavedFile] = ()) -> ItemLine:
    """Return the manifest's line about ``item``, whose job has ended."""
    error = None
    if job.failure is not None:
        error = ItemError(code=job.failure.code, message=job.failure.message)
    elif job.state is not JobState.SUCCEEDED:
        error = ItemError(code=job.state.value, message=f"The job was {job.state}.")
    return ItemLine(
        item=item.key,
        url=item.url,
        job_id=job.id,
        batch_id=job.batch_id,
        state=job.state,
        path=item.path,
        files=tuple(files),
        error=error,
        finished_at=job.finished_at,
    )


def line_without_job(item: Item, code: str, message: str) -> ItemLine:
    """Return the manifest's line about ``item``, which has not come to a job."""
    return ItemLine(
        item=item.key,
        url=item.url,
        state=JobState.FAILED,
        path=item.path,
        error=ItemError(code=code, message=message),
    )
