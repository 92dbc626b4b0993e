"""Finding jobs again: the labels under which each is listed, and the questions asked."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from farm.jobs.models import Job
from farm.jobs.specs.base import Tag
from farm.jobs.specs.requests import Kind
from farm.jobs.states import JobState

PAGE_MAX = 200
"""Jobs of one answer; each may hold a report of 64 KiB."""


class JobFilter(BaseModel):
    """Which jobs to list. All that is given must hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: Annotated[JobState | None, Field(description="Where they stand.")] = None
    kind: Annotated[Kind | None, Field(description="What they make.")] = None
    batch: Annotated[str | None, Field(max_length=64, description="Id of their batch.")] = None
    tag: Annotated[Tag | None, Field(description="One of their tags.")] = None
    host: Annotated[
        str | None,
        StringConstraints(to_lower=True, max_length=255),
        Field(description="Host of their URL."),
    ] = None
    error: Annotated[
        str | None,
        Field(max_length=64, description="Code of their failure; `worker_lost`: given up on."),
    ] = None

    def labels(self, owner: str | None = None) -> frozenset[str]:
        """Return the labels that a job must have to be listed; ``None``: of whatever owner."""
        given = self.model_dump(include=set(JobFilter.model_fields), exclude_none=True)
        if owner is not None:
            given["owner"] = owner
        return frozenset(f"{name}:{value}" for name, value in given.items()) or frozenset({EVERY})


@dataclass(frozen=True)
class Page:
    """Some jobs, newest first."""

    jobs: tuple[Job, ...]
    next: int | None
    """Where the next page begins; ``None``: this is the last."""


EVERY = "every"
"""The label of all jobs."""


def labels(job: Job) -> frozenset[str]:
    """Return the labels of ``job``; those of its state change when it moves."""
    found = {EVERY, f"state:{job.state}", f"kind:{job.kind}"}
    found |= {f"tag:{tag}" for tag in job.tags}
    if job.owner:
        found.add(f"owner:{job.owner}")
    if job.batch_id is not None:
        found.add(f"batch:{job.batch_id}")
    if job.failure is not None:
        found.add(f"error:{job.failure.code}")
    if job.host:
        found.add(f"host:{job.host}")
    return frozenset(found)
