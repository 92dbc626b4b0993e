"""Accepts a batch and kills itself in the middle: ``python -m … REDIS_URL before|after``.

``before``: while the lines are read, with a part of them written. ``after``: once it is a
batch, with a part of its jobs filed.
"""

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace

from farm.backends.assembly import assemble
from farm.backends.clock import SystemClock
from farm.backends.redis_batches import RedisBatches
from farm.backends.redis_changes import ChangeListener
from farm.backends.redis_connection import connect
from farm.jobs.batches.intake import CHUNK_JOBS, Item
from farm.jobs.batches.models import BatchOptions
from farm.jobs.batches.service import Batches, BatchRequest
from farm.jobs.service import JobService

KEY = "the batch"
LINES = 3 * CHUNK_JOBS + 7


class _Dying(RedisBatches):
    """Files one chunk, and does not live to file another."""

    _files = 1

    def file(self, batch_id: str) -> bool:
        if self._files == 0:
            _die()
        self._files -= 1
        return super().file(batch_id)


def submitted(farm: JobService, dies_at: int | None = None) -> str:
    """Submit the batch and return its id, or die at one of its lines."""
    items = _items(dies_at)
    request = BatchRequest(BatchOptions(), {"kind": "screenshot"}, items, lambda: "ab")
    return Batches(farm).submit(request, KEY).standing.batch.id


def _items(dies_at: int | None) -> Iterator[Item]:
    for line in range(1, LINES + 1):
        if line == dies_at:
            _die()
        yield Item(line, f"https://host-{line % 50}.test/{line}")


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _main(redis_url: str, when: str) -> None:
    farm = assemble(redis_url, None, waiters_max=0)
    if when == "before":
        submitted(farm, dies_at=2 * CHUNK_JOBS + 1)
    client = connect(redis_url)
    batches = _Dying(client, ChangeListener(client, waiters_max=0), SystemClock())
    submitted(replace(farm, batches=batches))


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
