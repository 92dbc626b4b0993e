"""How many requests a caller may send in a minute, and how many wrong keys an address may try."""

import math
from typing import Any

import structlog
from flask import Flask, Response, g, request
from flask_limiter import ApplicationLimit, Limiter, RateLimitExceeded
from limits import RateLimitItemPerMinute
from limits.errors import StorageError

from api.problems import answer
from farm.jobs.errors import RateLimited
from farm.jobs.keys import Caller
from farm.jobs.ports import Clock

FAILURES_PER_MINUTE = 20
"""More than people and mended scripts come to, and fewer than are worth a guess."""

_MINUTE_S = 60
_FAILURES = RateLimitItemPerMinute(FAILURES_PER_MINUTE)

_log = structlog.get_logger(__name__)


class Rates:
    """Counts requests where they are limited, and nothing else.

    Where the counts cannot be had requests pass: whatever they want needs the same
    Redis, and says so itself.
    """

    def __init__(self, per_minute: int | None, clock: Clock, connection_pool: object) -> None:
        """Let callers send ``per_minute`` requests, unless their key has a number of its own.

        Args:
            per_minute: ``None``: any number.
            clock: Tells until when a refused caller has to wait.
            connection_pool: Redis's, where all processes count together; ``None``: each
                counts for itself, in memory.
        """
        self._per_minute = per_minute
        self._clock = clock
        options: dict[str, Any] = {}
        if connection_pool is not None:
            options = {"connection_pool": connection_pool, "key_prefix": "door:rates"}
        self._limiter = Limiter(
            key_func=_who,
            application_limits=[ApplicationLimit(limit_provider=self._limit)],
            # Exact at the edges of a minute, and of one size for any number.
            strategy="sliding-window-counter",
            storage_uri="memory://" if connection_pool is None else "redis://",
            storage_options={"wrap_exceptions": True, **options},
            swallow_errors=True,
        )
        self._limiter.request_filter(lambda: self._rate() is None)

    def install(self, app: Flask) -> None:
        """Have the requests of ``app`` counted, once it is known whose they are."""
        self._limiter.init_app(app)
        app.register_error_handler(RateLimitExceeded, self._refuse)

    def count_failure(self) -> None:
        """Count a wrong key of this address.

        Raises:
            RateLimited: There were too many of them.
        """
        address = request.remote_addr or "unknown"
        try:
            if self._limiter.limiter.hit(_FAILURES, "failures", address):
                return
            ends = self._limiter.limiter.get_window_stats(_FAILURES, "failures", address)
        except StorageError as error:
            _log.warning("rates_unknown", reason=str(error))
            return
        raise RateLimited("Too many wrong keys came from this address.", self._wait_s(ends[0]))

    def _rate(self) -> int | None:
        caller: Caller | None = g.get("caller")
        return None if caller is None else caller.requests_per_minute or self._per_minute

    def _limit(self) -> str:
        return f"{self._rate() or 1} per minute"

    def _refuse(self, _: RateLimitExceeded) -> Response:
        breached = self._limiter.current_limit
        try:
            ends = breached.reset_at if breached else 0
        except StorageError:
            ends = 0
        said = f"More than {self._rate()} requests came within a minute."
        return answer(RateLimited(said, self._wait_s(ends)))

    def _wait_s(self, ends: float) -> int:
        return min(max(1, math.ceil(ends - self._clock.now().timestamp())), _MINUTE_S)


def _who() -> str:
    caller: Caller = g.caller
    return caller.owner or request.remote_addr or "unknown"
