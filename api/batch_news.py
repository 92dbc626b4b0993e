"""What happens to a batch, as events: each end of a job once, and how far all of them are."""

import re
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from api.event_stream import LOOK_AGAIN_S, Event
from farm.jobs.batches.models import Standing
from farm.jobs.batches.reading import PAGE_JOBS
from farm.jobs.batches.service import Batches
from farm.jobs.batches.views import BatchView
from farm.jobs.errors import BackendUnavailable, UnknownBatch
from farm.jobs.ports import Pause
from farm.jobs.service import JobService
from farm.jobs.views import JobView
from farm.jobs.webhooks import Webhooks

_REST_S = 0.5
"""From one look to the next: progress comes at most twice a second."""
_KNOWN = re.compile(r"([0-9]{1,15})(-over)?", re.ASCII)


@dataclass
class BatchNews:
    """What a client has not been told yet of a batch that it may see."""

    service: JobService
    batch_id: str
    last_end: int = 0
    """Number of the last end that it was told."""
    has_seen_over: bool = False
    """Whether it was told that the batch was over after that."""
    tells_ends: bool = True
    """Else it is the progress alone, of however many jobs."""

    @classmethod
    def since(cls, service: JobService, batch_id: str, last_event_id: str) -> "BatchNews":
        """Return the news for who was last told ``last_event_id``; nonsense is as nothing."""
        known = _KNOWN.fullmatch(last_event_id)
        if known is None:
            return cls(service, batch_id)
        return cls(service, batch_id, int(known[1]), known[2] is not None)

    def is_all_told(self, standing: Standing) -> bool:
        """Return whether there is nothing more to tell, and will not be."""
        if not (standing.is_over and self.has_seen_over):
            return False
        return not self.service.batch_jobs.ended(self.batch_id, self.last_end, 1)

    def told(self, pause: Pause | None) -> Iterator[Event | None]:
        """Yield what happens until the batch is over; see ``api.event_stream.News``.

        Without ``pause`` it is what one look shows, and of many ends the first ones. A
        Redis that is away is waited for.
        """
        shown = None
        while True:
            looked_at = time.monotonic()
            try:
                # Before the ends: one that comes later is told at the next look.
                standing = Batches(self.service).get(self.batch_id)
                is_all = not self.tells_ends or (yield from self._ends(only_first=pause is None))
            except BackendUnavailable:
                pass
            except UnknownBatch:
                return
            else:
                view = BatchView.of(standing).model_dump(mode="json")
                if is_all and standing.is_over:
                    yield Event("progress", view, f"{self.last_end}-over")
                    return
                if view != shown:
                    shown = view
                    yield Event("progress", view)
            if pause is None:
                return
            pause(LOOK_AGAIN_S)
            yield None
            time.sleep(max(0, looked_at + _REST_S - time.monotonic()))

    def _ends(self, *, only_first: bool) -> Generator[Event | None, None, bool]:
        """Yield the ends that are news; return whether these were all."""
        while True:
            page = self.service.batch_jobs.ended(self.batch_id, self.last_end, PAGE_JOBS)
            told = Webhooks(self.service).of([job for _, job in page])
            for number, job in page:
                view = JobView.of(job, told.get(job.id))
                self.last_end = number
                yield Event("job", view.model_dump(mode="json"), str(number))
            if only_first or len(page) < PAGE_JOBS:
                return len(page) < PAGE_JOBS
            yield None
