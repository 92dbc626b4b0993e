"""The farm inside the rig: a real Redis, a real worker, and its gate."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from PIL import Image

from farm.jobs.keys import ANYBODY
from farm.jobs.models import ALL_ZONES, Job, Zone
from farm.jobs.service import JobService
from farm.jobs.specs.requests import JobRequest
from tests.support.neighbours import redis_server
from tests.support.rig_origins import SECRET
from tests.support.workers import RunningWorker, working

ALLOWED = "127.0.0.10"
"""A loopback address that the operator opens, at one port and as one name."""
ALLOWED_PORT = 8088
EGRESS_ALLOW = f"{ALLOWED}:{ALLOWED_PORT}"

FILE_TEXT = "root:x:0:0"
"""Is in ``/etc/passwd``."""
_TIMEOUT_MS = 45_000
"""Of each job: many times what it takes, for machines that are busy with others."""

Zones: TypeAlias = tuple[Zone, ...]


@dataclass(frozen=True)
class Ended:
    """A job that has ended."""

    job: Job
    content: bytes
    """All that it made, one after the other."""

    @property
    def code(self) -> str:
        """The failure's code, or "succeeded"."""
        return self.job.failure.code if self.job.failure else self.job.state.value

    @property
    def message(self) -> str:
        return self.job.failure.message if self.job.failure else ""

    @property
    def report(self) -> dict[str, Any]:
        """What is reported; the job must have succeeded."""
        assert self.job.report is not None, f"{self.code}: {self.message}"
        return self.job.report

    @property
    def colours(self) -> int:
        """Of how many colours the picture is that it made."""
        return colours(self.content)

    def told(self, *secrets: str) -> list[str]:
        """Return which of ``secrets``, and of those no job may tell, are in what it says."""
        said = self.content + self.job.model_dump_json(exclude={"spec"}).encode()
        return [each for each in (SECRET, FILE_TEXT, *secrets) if each.encode() in said]


def colours(picture: bytes) -> int:
    """Return of how many colours ``picture`` is."""
    image = Image.open(BytesIO(picture)).convert("RGB")
    return len(image.getcolors(image.width * image.height) or ())


class RigFarm:
    """What the tests ask of the farm, and all that they know of it."""

    def __init__(self, worker: RunningWorker) -> None:
        self._worker = worker

    def capture(self, page: str, *, zones: Zones = ALL_ZONES, **fields: Any) -> Ended:
        """Read the page at the URL ``page``, or that which it is the HTML of.

        By default as a job of the kind ``content``: what that has seen can be searched.
        ``zones`` are those of the caller's key.
        """
        source = "url" if page.startswith(("http://", "https://")) else "html"
        return self.ended(self.submit(zones, {"kind": "content", source: page, **fields}))

    def probe(self, url: str, *, zones: Zones = ALL_ZONES, **fields: Any) -> Ended:
        """Have ffprobe look at ``url``."""
        return self.ended(self.submit(zones, {"kind": "probe", "url": url, **fields}))

    def submit(self, zones: Zones, fields: dict[str, Any]) -> Job:
        """Hand in the job of ``fields`` for a key with ``zones``."""
        farm = self._worker.farm.on_behalf_of(replace(ANYBODY, zones=zones))
        return farm.submit(JobRequest.model_validate({"timeout": _TIMEOUT_MS, **fields}).root)

    @property
    def service(self) -> JobService:
        """What the API stands on."""
        return self._worker.farm

    def ended(self, submitted: Job) -> Ended:
        """Return the job once it has ended, with what it made."""
        job = self._worker.ended(submitted)
        made = (b"".join(self.service.read(job, each)) for each in job.artifacts)
        return Ended(job, b"".join(made))


@contextmanager
def farming(**settings: str) -> Iterator[RigFarm]:
    """Run a Redis and a worker for the block; the operator has set ``EGRESS_ALLOW``."""
    # Not in pytest's own folder: Chromium has a socket in it, whose path may have 107 bytes.
    with TemporaryDirectory(prefix="rig-", dir="/tmp") as name, redis_server(Path(name)) as url:
        settings = {"EGRESS_ALLOW": EGRESS_ALLOW, **settings}
        with working(url, Path(name), **settings) as worker:
            yield RigFarm(worker)
