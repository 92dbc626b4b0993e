"""The dashboard in a real browser, over a farm in memory."""

import io
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Self

from flask import Flask
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page
from werkzeug.serving import WSGIRequestHandler, make_server

from api.app import create_app
from api.settings import ApiSettings
from farm.jobs.errors import DnsError
from farm.jobs.metrics.history import EVERY_S, SAMPLES_MAX, Sample
from farm.jobs.models import Job
from tests.support.builders import NOON, MemoryFarm, a_child, a_worker
from tests.support.results import succeeded

TITLES = (
    "A shop",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "</title></style></script><svg onload=alert(3)>",
    "\u202egnp.exe",
    "x" * 3000,
)
TAG = "<b>night</b>"
SUMMARY = {
    "format_name": "mov,mp4",
    "format_long_name": "QuickTime / MOV",
    "duration": 83.4,
    "size": 10_444_222,
    "bit_rate": 1_002_000,
    "video": {"index": 0, "codec_name": "h264", "width": 1920, "height": 1080},
    "audio": [{"index": 1, "codec_name": "aac", "channels": 2, "sample_rate": 48_000}],
    "chapters": [{"start_time": 3.5, "title": TITLES[2]}],
    "tags": {"title": TITLES[1], "comment": "y" * 500},
}
TIMINGS_MS = {"queue": 30, "browser": 40, "load": 810, "settle": 120, "capture": 260, "store": 12}


def picture(width_px: int = 400, height_px: int = 250, media_type: str = "png") -> bytes:
    made = io.BytesIO()
    Image.radial_gradient("L").resize((width_px, height_px)).convert("RGB").save(made, media_type)
    return made.getvalue()


def dotted() -> bytes:
    """Return the picture as it is, but for a square of 40 pixels."""
    made = io.BytesIO()
    image = Image.open(io.BytesIO(picture()))
    image.paste((255, 0, 0), (100, 50, 140, 90))
    image.save(made, "png")
    return made.getvalue()


class _Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's
        """Say nothing."""


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """Serve ``app`` on loopback for the block, and return its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def end(farm: MemoryFarm, job: Job, title: str = "A page", content: bytes | None = None) -> Job:
    """End the job well, with a picture (``content``) and a thumbnail."""
    running = job.claimed("worker-1", NOON, redeliveries=0)
    assert farm.ledger.swap(running)
    small = ("image/webp", picture(64, 40, "webp"))
    done = succeeded(farm, running, title, content or picture(), thumbnail=small)
    report = {**(done.report or {}), "timings_ms": TIMINGS_MS, "width": 400}
    done = done.model_copy(update={"report": report, "warnings": ("Fonts were late.",)})
    assert farm.ledger.swap(done)
    return done


def fail(farm: MemoryFarm, job: Job) -> Job:
    running = job.claimed("worker-1", NOON, redeliveries=0)
    assert farm.ledger.swap(running)
    failed = running.failed(DnsError("<b>No</b> such host."), NOON)
    assert farm.ledger.swap(failed)
    return failed


def fill(farm: MemoryFarm) -> dict[str, str]:
    """Give the farm some of everything; return the address of each page by a name."""
    done = [end(farm, farm.submit(tags=[TAG]), title) for title in TITLES]
    failed, waiting = fail(farm, farm.submit()), farm.submit()
    secret = fail(farm, farm.submit(extra_http_headers={"Authorization": "Bearer x"}))
    farm.clock.advance(60)
    other = end(farm, farm.submit(), TITLES[1], dotted())
    farm.service.tag(other.id, [TAG])
    batch = half_done(farm)
    sampled(farm)
    worker = a_worker()
    farm.workers.beat(worker, ttl_s=60)
    farm.workers.child_beat(worker.id, a_child(), ttl_s=60)
    return {
        "submit": "/",
        "jobs": "/jobs",
        "gallery": "/gallery",
        "done": f"/jobs/{done[3].id}",
        "failed": f"/jobs/{failed.id}",
        "secret": f"/jobs/{secret.id}",
        "compare": f"/jobs/{other.id}/compare",
        "waiting": f"/jobs/{waiting.id}",
        "probe": f"/jobs/{probed(farm).id}",
        "batches": "/batches",
        "new-batch": "/batches/new",
        "batch": f"/batches/{batch}",
        "farm": "/farm",
        "sign-in": "/sign-in",
        "refused": "/jobs/nope",
    }


def sampled(farm: MemoryFarm) -> None:
    """Let an hour pass, of which the farm keeps samples; the dispatcher is away for a while."""
    begun = farm.clock.now()
    for number in range(SAMPLES_MAX):
        at = begun + timedelta(seconds=number * EVERY_S)
        ended = {"succeeded": 3 * number, "failed": number // 10, "cancelled": number // 40}
        took_ms = {stage: 2 * number * ms for stage, ms in TIMINGS_MS.items()}
        wave = round(100 * abs(math.sin(number / 30)))
        sample = Sample(
            at=at,
            queued={"pages": wave, "media": 0},
            oldest_wait_s={"pages": wave / 3, "media": 0},
            ended=ended,
            failed={"dns_error": number // 12, "timeout": number // 60},
            stages=dict.fromkeys(TIMINGS_MS, 2 * number),
            stages_ms=took_ms,
        )
        if not 100 < number < 120:
            farm.statistics.keep(sample)
    farm.clock.advance(SAMPLES_MAX * EVERY_S)


def probed(farm: MemoryFarm) -> Job:
    job = farm.submit(kind="probe", url="http://page.test/clip.mp4")
    running = job.claimed("worker-1", NOON, redeliveries=0)
    assert farm.ledger.swap(running)
    still = picture(160, 90, "webp")
    artifacts = [
        farm.artifacts.put(running.run_id, name, kind, [content], ttl_s=60)
        for name, kind, content in (
            ("probe.json", "application/json", b"{}"),
            *((f"still-00{number}.webp", "image/webp", still) for number in range(1, 10)),
        )
    ]
    report = {"summary": SUMMARY, "timings_ms": {"load": 20, "capture": 70}}
    done = running.succeeded(NOON, artifacts=artifacts, report=report)
    assert farm.ledger.swap(done)
    return done


def half_done(farm: MemoryFarm, count: int = 10) -> str:
    """Submit a batch of which half has ended, one job badly; return its id."""
    items = [f"http://page-{number}.test/" for number in range(count)]
    body = {"defaults": {"kind": "screenshot"}, "items": items}
    client = create_app(ApiSettings(), farm.service).test_client()
    batch_id: str = client.post("/v1/batches", json=body).get_json()["id"]
    jobs = list(farm.batches.open_jobs(batch_id, count))
    fail(farm, jobs[0])
    for job in jobs[1 : count // 2]:
        end(farm, job)
    return batch_id


class Visit:
    """A browser at the dashboard, and what happened in it that should not."""

    def __init__(self, browser: Browser, url: str, **context: Any) -> None:
        self.url = url
        self.context: BrowserContext = browser.new_context(base_url=url, **context)
        self.page: Page = self.context.new_page()
        self.wrong: list[str] = []
        self.page.on("dialog", lambda dialog: self.wrong.append(dialog.message))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda said: self.wrong.append(said.text))
        self.page.on("request", self._note)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def _note(self, request: Any) -> None:
        if not request.url.startswith(self.url):
            self.wrong.append(f"went to {request.url}")
