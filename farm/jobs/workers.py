"""Who works: the workers, their children, and what is known of their browsers."""

from datetime import datetime

from pydantic import Field

from farm.jobs.models import Record


class Child(Record):
    """What one process that runs a worker's jobs says of itself every few seconds."""

    pid: int
    beat_at: datetime
    browser_version: str | None
    """``None`` before its first page; one that probes media has no browser at all."""
    sandbox: bool | None
    """Whether that browser runs with Chromium's own sandbox."""
    jobs_done: int
    memory_bytes: int
    """Of the process and all that it has started. Shared memory counts once for all who
    share it where the system tells (PSS), else for each of them (RSS)."""


class Worker(Record):
    """What a worker's main process says of itself every few seconds."""

    id: str
    """Of this very process: another one never has it, not even under the same name. A
    claim's ``worker`` is this, a slash, and the pid of the child that runs the job."""
    name: str
    queues: tuple[str, ...]
    pid: int
    concurrency: int
    started_at: datetime
    beat_at: datetime
    gate: bool = True
    """Whether its gate answered just now; without it the worker runs no job."""
    facts: dict[str, str | None] = Field(default_factory=dict)
    """Versions and paths of the tools that it found."""
    children: tuple[Child, ...] = ()
    """By pid. Each beats for itself."""


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
