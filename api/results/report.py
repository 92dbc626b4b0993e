"""One page that shows a batch, opens without a network, and believes nothing that pages say."""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files

from jinja2 import Environment
from markupsafe import Markup

from api.pictures import picture_of, title_of
from api.results.archive import Read
from api.results.names import file_name
from api.results.pieces import gathered
from farm.jobs.batches.views import BatchView
from farm.jobs.errors import ArtifactEvicted
from farm.jobs.models import Job
from farm.jobs.states import JobState
from farm.jobs.views import rfc3339

CAUSE_JOBS_MAX = 50
"""Failures listed under their cause; all of them stand among the jobs."""

_THUMBNAIL_MAX_BYTES = 64 * 1024
_THUMBNAILS_MAX_BYTES = 32 * 1024 * 1024
"""Of all that the page holds itself; a browser has it open at once."""
_STATES = (
    JobState.SUCCEEDED,
    JobState.FAILED,
    JobState.CANCELLED,
    JobState.RUNNING,
    JobState.QUEUED,
)


def _own(name: str) -> tuple[Markup, str]:
    """Return a file of ours to be put into the page, and what a policy calls it."""
    text = files("api.results").joinpath(name).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Markup(text), f"'sha256-{digest}'"  # noqa: S704 - it is no input


_STYLE, _STYLE_HASH = _own("report.css")
_SCRIPT, _SCRIPT_HASH = _own("report.js")
POLICY = (
    f"default-src 'none'; style-src {_STYLE_HASH}; script-src {_SCRIPT_HASH}; "
    "img-src data: 'self' file:; base-uri 'none'; form-action 'none'"
)
"""Of the page, wherever it is opened: from a disk, ``'self'`` is nothing everywhere."""


@dataclass(frozen=True)
class Cause:
    """A code that jobs of a batch failed with, and the newest of them."""

    code: str
    count: int
    jobs: Iterable[Job]


@dataclass(frozen=True)
class Card:
    """A job as the page shows it."""

    job: Job
    title: str
    path: str | None
    """Of its result, beside the page where that lies in the unpacked archive."""
    picture: str | None
    """Address of an image: the bytes themselves, or beside the page."""
    seconds: float | None
    """From its start to its end."""

    @property
    def status(self) -> object:
        """HTTP status of a page, if it had one."""
        return (self.job.report or {}).get("http_status")


@dataclass
class Thumbnails:
    """Gives each job its picture, within what one page may hold."""

    read: Read | None
    """``None``: no picture is put into the page."""
    left_bytes: int = _THUMBNAILS_MAX_BYTES

    def of(self, job: Job) -> str | None:
        """Return the address of the job's picture; ``None`` if it has none any more."""
        artifact = picture_of(job)
        if artifact is None:
            return None
        fits = artifact.size_bytes <= min(_THUMBNAIL_MAX_BYTES, self.left_bytes)
        if self.read is None or not fits:
            return file_name(job, artifact)
        try:
            content = b"".join(self.read(job, artifact))
        except ArtifactEvicted:
            return None
        self.left_bytes -= len(content)
        return f"data:{artifact.media_type};base64,{base64.b64encode(content).decode()}"


def report(
    environment: Environment,
    batch: BatchView,
    causes: Iterable[Cause],
    jobs: Iterable[Job],
    thumbnails: Thumbnails,
    now: datetime,
) -> Iterator[bytes]:
    """Return the page, piece by piece. ``causes`` and ``jobs`` are read when it is their turn."""
    parts = environment.get_template("report.html").generate(
        batch=batch,
        causes=causes,
        cards=(_card(job, thumbnails) for job in jobs),
        states=_STATES,
        now=rfc3339(now),
        created_at=rfc3339(batch.created_at),
        finished_at=batch.finished_at and rfc3339(batch.finished_at),
        style=_STYLE,
        script=_SCRIPT,
        policy=POLICY,
    )
    return gathered(part.encode(errors="replace") for part in parts)


def _card(job: Job, thumbnails: Thumbnails) -> Card:
    seconds = None
    if job.started_at and job.finished_at:
        seconds = round((job.finished_at - job.started_at).total_seconds(), 1)
    return Card(
        job=job,
        title=title_of(job),
        path=file_name(job, job.artifacts[0]) if job.artifacts else None,
        picture=thumbnails.of(job),
        seconds=seconds,
    )
