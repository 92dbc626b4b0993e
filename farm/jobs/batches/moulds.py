"""Many jobs that differ in little: each is cast in a mould, at a fraction of its cost."""

from dataclasses import dataclass
from functools import cached_property

from farm.jobs.models import Job


@dataclass(frozen=True, eq=False)
class Mould:
    """A job that leaves its id open, and perhaps its URL.

    What stands for them is random, so nothing else in the job reads the same.
    """

    job: Job
    """With random bits for its id and, where it is open, for the host of its URL."""
    url_is_open: bool

    @cached_property
    def url_mark(self) -> str | None:
        """What stands for the URL; ``None``: the mould has its own, or none."""
        return self.job.spec.url if self.url_is_open else None


@dataclass(frozen=True)
class Cast:
    """One job of a mould."""

    mould: Mould
    id: str
    url: str | None = None
    """Normalised; ``None`` if the mould leaves none open."""
    fingerprint: str | None = None
    """With this URL; ``None`` if the mould leaves none open, or has none."""

    @property
    def job(self) -> Job:
        """The job itself."""
        job = self.mould.job
        changes: dict[str, object] = {"id": self.id}
        if self.mould.url_is_open:
            changes["spec"] = job.spec.model_copy(update={"url": self.url})
        if self.fingerprint is not None:
            changes["fingerprint"] = self.fingerprint
        return job.model_copy(update=changes)
