"""Which jobs of a batch have ended and were not told yet. Pure, and the same for both clients."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from farm.client import batch_calls
from farm.client.calls import Call
from farm.client.downloads import Download, unverified_download
from farm.client.steps import Steps, ask
from farm.jobs.batches.models import BatchState
from farm.jobs.batches.views import AcceptedBatchView, BatchView, RejectedView
from farm.jobs.states import JobState
from farm.jobs.views import JobsView, JobView

Watch = Callable[[BatchView], None]
"""Told how a batch stands, at each look at it."""

PATIENCE_S = 120.0
"""A farm that is restarted, or moved to another machine, is back by then."""

_FIRST_PAUSE_S = 0.25
_PAUSE_MAX_S = 2.0
"""Nobody waits much longer for a job that has ended, and each look is one small request."""
_PAUSE_FOR_A_PAGE_S = 0.1
"""A farm that has to leaf through many jobs is asked less often."""
_HELD_MAX = 1000
"""Jobs of one look: each may hold a report of 64 KiB."""
_ENDED = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
_OVER = frozenset({BatchState.FINISHED, BatchState.CANCELLED})


@dataclass(frozen=True)
class Look:
    """What one look at a batch has shown."""

    view: BatchView
    ended: tuple[JobView, ...]
    """Jobs that had not been told, in the order in which they ended."""
    rest_s: float
    """How long to wait until the next one."""
    is_last: bool
    """Whether no other will end."""


class Following:
    """One batch, followed to its end: each of its jobs is told once.

    The batch's counts say how many jobs have ended; while these are more than were told,
    the rest is looked for, the newest first. As jobs run in about the order in which they
    were handed in, that is a page or two. Nothing rests on a connection that lasts: a
    farm that was away is just asked again.
    """

    def __init__(self, batch_id: str, patience_s: float) -> None:
        """Begin; ``patience_s`` is for how long the farm may be away at a time."""
        self._batch_id = batch_id
        self._patience_s = patience_s
        self._told: dict[str, tuple[int, JobState]] = {}
        self._rest_s = 0.0

    def look(self) -> Steps[Look]:
        """Return what there is to tell now; possibly nothing."""
        call = self._patient(batch_calls.batch(self._batch_id))
        view = yield from ask(call, BatchView)
        ended: list[JobView] = []
        pages = 0
        is_over = view.state in _OVER and view.queued + view.running == 0
        # Over: twice, for what was told as failed may be told as something else just now.
        for state, count in [*_counts(view).items()] * (2 if is_over else 1):
            missing = count - self._number_told(state)
            cursor: str | None = None
            while missing > 0 and len(ended) < _HELD_MAX:
                page = yield from ask(self._page(state, cursor), JobsView)
                news = [job for job in page.items if self._is_news(job)]
                self._told |= {job.id: (job.retries, job.state) for job in news}
                ended += news
                missing -= len(news)
                pages += 1
                cursor = page.next
                if cursor is None:
                    break
        self._tire(pages, has_found=bool(ended))
        ended.sort(key=lambda job: job.finished_at or job.created_at)
        is_last = is_over and len(ended) < _HELD_MAX
        return Look(view, tuple(ended), self._rest_s, is_last=is_last)

    def _page(self, state: JobState, cursor: str | None) -> Call:
        return self._patient(batch_calls.batch_jobs(self._batch_id, {"state": state.value}, cursor))

    def _patient(self, call: Call) -> Call:
        return replace(call, patience_s=self._patience_s)

    def _number_told(self, state: JobState) -> int:
        return sum(told is state for _, told in self._told.values())

    def _is_news(self, job: JobView) -> bool:
        """Return whether its end has not been told: that of this retry, if it had some."""
        retries, _ = self._told.get(job.id, (-1, None))
        return job.state.is_terminal and job.retries > retries

    def _tire(self, pages: int, *, has_found: bool) -> None:
        longer_s = 0.0 if has_found else self._rest_s * 2
        rest_s = min(max(longer_s, _FIRST_PAUSE_S), _PAUSE_MAX_S)
        self._rest_s = rest_s + _PAUSE_FOR_A_PAGE_S * pages


class KnownBatch:
    """What both clients know of a batch without asking."""

    def __init__(self, view: BatchView, patience_s: float) -> None:
        """Take the batch as it was last seen."""
        self.view = view
        """The batch as it was last seen."""
        self._accepted = view if isinstance(view, AcceptedBatchView) else None
        self._patience_s = patience_s

    @property
    def id(self) -> str:
        """By which ``existing_batch`` finds it again."""
        return self.view.id

    @property
    def rejected(self) -> tuple[RejectedView, ...]:
        """The items that did not become jobs, by their number from 1.

        Known where the batch was handed in; empty where it was found again.
        """
        return self._accepted.rejected if self._accepted else ()

    @property
    def duplicates(self) -> int | None:
        """How many items asked for what another one asks for; ``None``: not known here."""
        return self._accepted.duplicates if self._accepted else None

    def note(self, view: BatchView) -> BatchView:
        """Take what was just seen, and return it."""
        self.view = view
        return view

    def followed(self) -> Following:
        """Return what follows the batch from its beginning."""
        return Following(self.id, self._patience_s)

    def results_download(self, name: str, path: Path) -> Download:
        """Return the download of all results in one file."""
        return unverified_download(batch_calls.batch_results(self.id, name), path, self._patience_s)


def _counts(view: BatchView) -> Mapping[JobState, int]:
    return {state: getattr(view, state.value) for state in _ENDED}
