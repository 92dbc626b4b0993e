"""Celery's consumer, which tells Flower of its tasks in batches."""

import time
from collections.abc import Callable
from typing import Any

from celery.worker.consumer import Consumer

_EVERY_S = 0.25
"""Nobody who looks at Flower sees the difference."""


class BatchingConsumer(Consumer):
    """Sends what happened to tasks four times a second, all in one message.

    Celery sends it at the end of each turn of its loop, three times for each job. On
    small jobs that costs the worker, Redis and Flower more than the jobs' own messages.
    """

    hub: Any  # kombu's event loop; celery-types leaves out both of these
    _flush_events: Callable[[], None]
    _next_flush_at = 0.0

    def on_send_event_buffered(self) -> None:  # type: ignore[override] # it returns nothing
        """Have the events sent soon, if that is not due already."""
        now = time.monotonic()
        # Not a flag: the hub forgets its timers when a connection is lost.
        if self.hub and now >= self._next_flush_at:
            self._next_flush_at = now + _EVERY_S
            self.hub.call_later(_EVERY_S, self._flush_events)
