"""One listener per process that wakes whoever waits for a job to change."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from redis import Redis
from redis.exceptions import RedisError

from farm.jobs.ports import Pause

CHANNEL = "farm:changes"
"""Each message is the id of a job that has just changed, or what ``of_batch`` returns."""

_RECHECK_S = 5.0
"""A waiter looks this often even if no change was reported."""
_POLL_S = 0.5
_RECONNECT_S = 1.0
_SUBSCRIBE_S = 2.0

_log = structlog.get_logger(__name__)


def of_batch(batch_id: str) -> str:
    """Return what says that a job of the batch has changed."""
    return f"{batch_id} jobs"


class ChangeListener:
    """Fans one subscription out to any number of waiting threads.

    The thread starts with the first waiter, so the object may be made before a fork.
    """

    def __init__(self, client: Redis, *, waiters_max: int) -> None:
        """Use a connection of ``client``'s pool; let at most ``waiters_max`` threads wait."""
        self._client = client
        self._slots = threading.BoundedSemaphore(waiters_max)
        self._lock = threading.Lock()
        self._waiting: dict[str, set[threading.Event]] = {}
        self._subscribed = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def expect(self, job_id: str) -> Iterator[threading.Event | None]:
        """Give an event that is set when the job changes; ``None`` if all slots are taken.

        Whoever gets it must read the job before waiting: a change from before is not
        reported. The event is also set when a change may have been missed.
        """
        if not self._slots.acquire(blocking=False):
            yield None
            return
        changed = threading.Event()
        try:
            self._start()
            with self._lock:
                self._waiting.setdefault(job_id, set()).add(changed)
            self._subscribed.wait(_SUBSCRIBE_S)
            yield changed
        finally:
            with self._lock:
                events = self._waiting.get(job_id, set())
                events.discard(changed)
                if not events:
                    self._waiting.pop(job_id, None)
            self._slots.release()

    @contextmanager
    def watched(self, subject: str) -> Iterator[Pause | None]:
        """Give what waits for a change of ``subject``; see ``JobLedger.watched``."""
        with self.expect(subject) as changed:
            if changed is None:
                yield None
                return

            def pause(timeout_s: float) -> None:
                changed.wait(timeout_s)
                changed.clear()

            yield pause

    def wait_until(self, subject: str, is_over: Callable[[], bool], timeout_s: float) -> None:
        """Return once ``is_over``, looked at after each change of ``subject``.

        Also after ``timeout_s``, or at once if all slots are taken.
        """
        give_up_at = time.monotonic() + timeout_s
        with self.watched(subject) as pause:
            while pause is not None and not is_over():
                left_s = give_up_at - time.monotonic()
                if left_s <= 0:
                    return
                pause(min(left_s, _RECHECK_S))

    def close(self) -> None:
        """Stop the thread. Waiters are woken."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
        self._wake_all()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="changes", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._listen()
            except RedisError as error:
                _log.warning("changes_listener_lost", error=str(error))
                self._subscribed.clear()
                self._wake_all()
                self._closed.wait(_RECONNECT_S)

    def _listen(self) -> None:
        with self._client.pubsub() as subscription:  # type: ignore[no-untyped-call]
            subscription.subscribe(CHANNEL)
            while not self._closed.is_set():
                message = subscription.get_message(timeout=_POLL_S)
                if message is None:
                    continue
                if message["type"] == "subscribe":
                    self._subscribed.set()
                    self._wake_all()
                elif message["type"] == "message":
                    self._wake(message["data"].decode())

    def _wake(self, job_id: str) -> None:
        with self._lock:
            for changed in self._waiting.get(job_id, ()):
                changed.set()

    def _wake_all(self) -> None:
        with self._lock:
            for events in self._waiting.values():
                for changed in events:
                    changed.set()
