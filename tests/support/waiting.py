"""Wait for a fact, with a bound."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(fact: Callable[[], T | None], what: str, timeout_s: float = 20) -> T:
    """Return the first true value of ``fact``; fail, naming ``what``, if there is none in time."""
    give_up_at = time.monotonic() + timeout_s
    while time.monotonic() < give_up_at:
        found = fact()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {timeout_s:g} s: {what}")
