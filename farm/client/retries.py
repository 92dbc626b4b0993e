"""When a request is sent again, and after which pause. Pure: it neither sends nor sleeps."""

import random
import time
from http import HTTPStatus

from farm.client.answers import PASSING
from farm.client.calls import Call
from farm.client.errors import ApiError, ClientError, FarmUnreachable

RETRY_AFTER_MAX_S = 30.0
"""A farm that asks for a longer pause is not waited for: the caller should decide."""

_FIRST_PAUSE_S = 0.5
_PAUSE_MAX_S = 5.0
"""Often enough to be there soon after a farm that was away for long."""
_RANDOM = random.SystemRandom()


class Retries:
    """What is left of the tries of one call."""

    def __init__(self, call: Call) -> None:
        """Begin with the first try, which is about to be made."""
        self._call = call
        self._tried = 0
        self._paused_s = 0.0
        self._began = time.monotonic()

    def pause_after(self, error: ClientError) -> float | None:
        """Return for how many seconds to pause before the next try; ``None``: there is none."""
        left_s = self._call.patience_s - max(self._paused_s, time.monotonic() - self._began)
        if self._tried >= self._call.retries and left_s <= 0:
            return None
        pause_s = self._pause_s(error, max(RETRY_AFTER_MAX_S, left_s))
        if pause_s is not None:
            self._tried += 1
            self._paused_s += pause_s
        return pause_s

    def _pause_s(self, error: ClientError, most_s: float) -> float | None:
        longest_s = min(_FIRST_PAUSE_S * 2 ** min(self._tried, 9), _PAUSE_MAX_S)
        # Callers that failed together must not come back together.
        backoff_s = longest_s * _RANDOM.uniform(0.5, 1)
        if isinstance(error, ApiError):
            is_limit = error.status == HTTPStatus.TOO_MANY_REQUESTS
            if error.status not in PASSING or (is_limit and not self._call.waits_for_room):
                return None
            if error.retry_after_s is not None:
                asked_s = error.retry_after_s
                return asked_s + backoff_s if asked_s <= most_s else None
        elif not isinstance(error, FarmUnreachable):
            return None
        return backoff_s if self._call.may_come_twice else None
