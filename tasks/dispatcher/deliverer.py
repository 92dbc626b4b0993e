"""Tell the receivers of webhooks of jobs that have ended."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from queue import SimpleQueue
from random import random
from urllib.parse import urlsplit

import structlog

from farm.jobs.batches.notices import Notice
from farm.jobs.deliveries import Answer
from farm.jobs.errors import BackendUnavailable, InternalError
from farm.jobs.ports import Deliveries, T, Told
from farm.jobs.service import JobService

THREADS = 8
"""Deliveries at once: each waits for its receiver most of its time."""
OF_ONE_HOST_MAX = 4
"""So that a receiver that is slow or dead leaves room for the others."""
_LEASE = timedelta(seconds=60)
"""What was taken is due again after this, should this process end: an attempt takes ten
seconds at most, and few more to be begun and written down."""
_SOON = timedelta(seconds=1)
_ONCE_THE_GATE_IS_BACK = timedelta(seconds=5)

Deliver = Callable[[Told], Answer]
"""Makes one attempt; used by one thread at a time. Raises ``BackendUnavailable`` where
nothing came of it that could be laid at the receiver's door."""

_log = structlog.get_logger(__name__)


class Deliverer:
    """Makes the attempts that are due, each in a thread of a small pool."""

    def __init__(
        self,
        farm: JobService,
        couriers: Sequence[Deliver],
        *,
        prepare: Callable[[], None],
        jitter: Callable[[], float] = random,
    ) -> None:
        """Start nothing yet.

        Args:
            farm: Whose jobs.
            couriers: What makes the attempts: so many are made at once.
            prepare: Called once, before the first attempt of all.
            jitter: Returns a number from 0 to 1.
        """
        self._farm = farm
        self._couriers = SimpleQueue[Deliver]()
        for courier in couriers:
            self._couriers.put(courier)
        self._threads = len(couriers)
        self._prepare: Callable[[], None] | None = prepare
        self._jitter = jitter
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="webhook")
        self._lock = threading.Lock()
        self._under_way: dict[str, str] = {}
        """Hosts of the receivers by id of what they are told of."""

    def deliver(self) -> None:
        """Begin as many of the attempts that are due as there is room for; returns at once.

        Raises:
            BackendUnavailable: Redis is away. What was taken is due again a little later.
        """
        # Batches first: they are few, and many jobs lie behind each.
        self._deliver(self._farm.notices)
        self._deliver(self._farm.deliveries)

    def _deliver(self, post: Deliveries[T]) -> None:
        if self.under_way >= self._threads:
            return
        now = self._farm.clock.now()
        for about in post.take(now, now + _LEASE, 2 * self._threads):
            if not (_is_settled(about) and self._begin(post, about)):
                post.postpone(about, now + _SOON)

    @property
    def under_way(self) -> int:
        """How many attempts are being made."""
        with self._lock:
            return len(self._under_way)

    def close(self) -> None:
        """Wait for what is under way, and begin no more."""
        self._pool.shutdown(cancel_futures=True)

    def _begin(self, post: Deliveries[T], about: T) -> bool:
        """Have an attempt made, unless there is no room, for this receiver or at all."""
        host = urlsplit(about.webhook_url or "").hostname or ""
        with self._lock:
            busy = list(self._under_way.values())
            if len(busy) >= self._threads or busy.count(host) >= OF_ONE_HOST_MAX:
                return False
            if about.id in self._under_way:
                return False
            self._under_way[about.id] = host
        if self._prepare is not None:
            self._prepare()
            self._prepare = None
        self._pool.submit(self._run, post, about)
        return True

    def _run(self, post: Deliveries[T], about: T) -> None:
        courier = self._couriers.get()
        try:
            self._attempt(post, about, courier)
        except BackendUnavailable as error:
            # Redis is away: it is due again when its lease is over.
            _log.warning("delivery_unrecorded", **_name(about), why=error.message)
        except Exception:  # noqa: BLE001 - nobody else would say so
            _log.exception("unforeseen", **_name(about))
        finally:
            self._couriers.put(courier)
            with self._lock:
                del self._under_way[about.id]

    def _attempt(self, post: Deliveries[T], about: T, courier: Deliver) -> None:
        clock = self._farm.clock
        try:
            answer = courier(about)
        except BackendUnavailable as error:
            _log.warning("delivery_postponed", **_name(about), why=error.message)
            post.postpone(about, clock.now() + _ONCE_THE_GATE_IS_BACK)
            return
        except Exception:  # noqa: BLE001 - else it would be tried for ever
            _log.exception("unforeseen", **_name(about))
            answer = Answer(error=InternalError.code)
        before = post.of([about])[about.id]
        after = before.after(answer, clock.now(), jitter=self._jitter())
        if not post.record(about, after):
            return  # It is no news any more: forgotten, queued again, resumed.
        say = _log.info if answer.error is None else _log.warning
        event = "webhook_delivered" if answer.error is None else "webhook_failed"
        attempt = after.attempts
        say(event, **_name(about), attempt=attempt, state=after.state, code=answer.error)


def _is_settled(about: Told) -> bool:
    """Return whether ``about`` is to be told now, and not first to be seen to last."""
    return not isinstance(about, Notice) or about.is_settled


def _name(about: Told) -> dict[str, str]:
    """Return under which name a log speaks of it."""
    return {"notice" if isinstance(about, Notice) else "job_id": about.id}
