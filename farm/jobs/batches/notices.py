"""What the receiver of a batch's webhook is told."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from farm.jobs.batches.models import Standing
from farm.jobs.models import Zone

Event = Literal["finished", "paused"]


@dataclass(frozen=True)
class Notice:
    """Something has happened to a batch: all of its jobs have ended, or it paused by itself."""

    standing: Standing
    """As it is now."""
    event: Event
    revision: int
    """How often it has happened, or was taken back."""
    at: datetime
    """When it happened."""

    @property
    def id(self) -> str:
        """The batch and what happened to it."""
        return f"{self.standing.batch.id}-{self.event}"

    @property
    def is_settled(self) -> bool:
        """Whether it is so for longer than the moment between two steps of a retry."""
        return self.event != "finished" or self.standing.is_over

    @property
    def event_type(self) -> str:
        """The type of the message, as ``batch.finished``."""
        return f"batch.{self.event}"

    @property
    def webhook_url(self) -> str | None:
        """Who is told."""
        told = self.standing.batch.options.on_complete
        return told.webhook_url if told else None

    @property
    def webhook_secret(self) -> str | None:
        """What the message is signed with."""
        told = self.standing.batch.options.on_complete
        return told.webhook_secret if told else None

    @property
    def owner(self) -> str:
        """Id of the batch's key."""
        return self.standing.batch.owner

    @property
    def zones(self) -> tuple[Zone, ...]:
        """Where the message may go."""
        return self.standing.batch.zones
