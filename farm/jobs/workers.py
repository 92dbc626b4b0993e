"""Who works: the workers, their children, and what is known of their browsers."""

from datetime import datetime

from pydantic import Field

from farm.jobs.models import Record


class Worker(Record):
    """What a worker's main process says of itself every few seconds."""

    name: str
    queues: tuple[str, ...]
    pid: int
    concurrency: int
    started_at: datetime
    facts: dict[str, str | None] = Field(default_factory=dict)
    """Versions and paths of the tools that it found."""


class BrowserCheck(Record):
    """The last time that a worker's browser really opened a page."""

    at: datetime
    worker: str
    version: str
    sandbox: bool


class Readiness(Record):
    """Whether the farm can run jobs now."""

    ready: bool
    checks: dict[str, str]
    """By name: ``"ok"``, or a sentence saying what is wrong."""
