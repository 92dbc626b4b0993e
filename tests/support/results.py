"""Jobs that have ended, with what they made, as workers leave them."""

from typing import Any

from farm.jobs.errors import DnsError, FarmError
from farm.jobs.models import Job, new_id
from tests.support.builders import NOON, MemoryFarm, a_spec

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def a_running_job(batch_id: str | None = None, **fields: Any) -> Job:
    job = Job(id=new_id(), spec=a_spec(**fields), created_at=NOON, queued_at=NOON)
    running = job.claimed("worker-1", NOON, redeliveries=0)
    return running.model_copy(update={"batch_id": batch_id})


def succeeded(
    farm: MemoryFarm,
    running: Job,
    title: str = "A page",
    content: bytes = PNG,
    **more: tuple[str, bytes],
) -> Job:
    """Return the job with a screenshot; ``more``: artifacts, by the beginnings of their names."""
    made = {"screenshot": ("image/png", content), **more}
    suffixes = {"image/png": "png", "image/webp": "webp", "text/html": "html"}
    artifacts = [
        farm.artifacts.put(running.run_id, f"{name}.{suffixes[kind]}", kind, [given], ttl_s=60)
        for name, (kind, given) in made.items()
    ]
    report = {"final_url": running.spec.url, "http_status": 200, "title": title}
    return running.succeeded(NOON, artifacts=artifacts, report=report)


def failed(running: Job, error: FarmError | None = None) -> Job:
    return running.failed(error or DnsError("There is no such host."), NOON)
