"""How far the receiver of a job's webhook has been told, and when to try again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict

RETRIES_AFTER_S: Sequence[float] = (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600)
"""Pauses between the attempts: a receiver that starts again, is deployed, is repaired. All
of them fit into the retention that a job has by itself."""
RETRY_AFTER_MAX_S = 5 * 3600
"""Longest ``Retry-After`` that is believed: as long as the longest pause."""
_JITTER = 0.2
"""Up to this part more, so that what failed together does not come back together."""

DeliveryState = Literal["pending", "delivered", "failed"]


@dataclass(frozen=True)
class Answer:
    """What came of one attempt."""

    error: str | None = None
    """A code; ``None``: it was delivered."""
    is_final: bool = False
    """Whether another attempt would be of no use."""
    retry_after_s: float = 0
    """How long the receiver wants to be left alone."""


class Delivery(BaseModel):
    """How it stands with the webhook of one revision of a job."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    revision: int
    """That of the job."""
    state: DeliveryState = "pending"
    attempts: int = 0
    last_error: str | None = None
    due_at: datetime | None = None
    """When it is tried next; ``None``: never, or as the ledger has made it due."""
    failed_at: datetime | None = None
    """When it was given up; ``None``: it was not."""

    @classmethod
    def kept(cls, stored: bytes | None, revision: int) -> Self:
        """Return the one that is ``stored`` (JSON), if it is of this revision; else a new one."""
        found = None if stored is None else cls.model_validate_json(stored)
        return found if found and found.revision == revision else cls(revision=revision)

    def after(self, answer: Answer, now: datetime, *, jitter: float) -> Self:
        """Return how it stands after one more attempt; ``jitter`` is from 0 to 1."""
        attempts = self.attempts + 1
        due_at = None
        state: DeliveryState = "failed"
        if answer.error is None:
            state = "delivered"
        elif not answer.is_final and attempts <= len(RETRIES_AFTER_S):
            pause_s = RETRIES_AFTER_S[attempts - 1] * (1 + _JITTER * jitter)
            pause_s = max(pause_s, min(answer.retry_after_s, RETRY_AFTER_MAX_S))
            state, due_at = "pending", now + timedelta(seconds=pause_s)
        return self.model_copy(
            update={
                "state": state,
                "attempts": attempts,
                "last_error": answer.error,
                "due_at": due_at,
                "failed_at": now if state == "failed" else None,
            }
        )


T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class GivenUp(Generic[T_co]):
    """A webhook whose receiver is told no more, unless somebody asks for it."""

    about: T_co
    delivery: Delivery
    at: datetime
