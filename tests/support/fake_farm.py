"""A farm that answers from memory, as the HTTP contract has it, for the client's tests."""

import asyncio
import hashlib
import json
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx

from farm.client.async_http import AsyncFarmClient
from farm.client.http import FarmClient
from tests.support.fake_answers import PRESSURE, WORKERS
from tests.support.fake_batches import FakeBatches

URL = "http://farm.test:8000"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 600
REPORT: dict[str, Any] = {
    "summary": {
        "format_name": "mov,mp4,m4a,3gp,3g2,mj2",
        "format_long_name": "QuickTime / MOV",
        "duration": 3723.4,
        "size": 12_345_678,
        "bit_rate": 26_500,
        "has_cover": True,
        "video": {
            "codec_name": "hevc",
            "profile": "Main 10",
            "bit_rate": 24_000,
            "language": "und",
            "disposition": ["default"],
            "width": 1920,
            "height": 1080,
            "display_aspect_ratio": "16:9",
            "rotation": 90,
            "avg_frame_rate": 29.97003,
            "nb_frames": 111_600,
            "pix_fmt": "yuv420p10le",
            "bit_depth": 10,
            "hdr": "HDR10",
        },
        "audio": [
            {
                "codec_name": "aac",
                "profile": "LC",
                "language": "eng",
                "title": "Ça, 動画",
                "disposition": ["default"],
                "channels": 6,
                "channel_layout": "5.1",
                "sample_rate": 48_000,
            },
            {"codec_name": "ac3", "language": "ger", "disposition": ["comment"], "channels": 2},
        ],
        "subtitles": [{"codec_name": "mov_text", "language": "ger", "disposition": ["forced"]}],
        "chapters": [
            {"start_time": 0.0, "end_time": 61.0, "title": "First"},
            {"start_time": 61.0, "end_time": 3723.4, "title": None},
        ],
        "tags": {"title": "A test", "encoder": "Lavf"},
    },
    "ffprobe": {"format": {"nb_streams": 4}},
}
DNS_ERROR = {
    "code": "dns_error",
    "message": "The name nowhere.test does not resolve.",
    "retryable": False,
    "docs": "/docs/errors#dns_error",
}
CONTENT = {"title": "Ça, 動画", "text": "Half a pair: \ud83d", "select": {"prices": ["1 €"]}}
DOCUMENT = b"%PDF-1.4\n" + bytes(range(256))
_MAIN = {
    "screenshot": "screenshot.png",
    "pdf": "page.pdf",
    "content": "content.json",
    "probe": "probe.json",
}
STILLS = ("still-001.webp", "contact-sheet.webp")
_COLLECTED = {
    "html": "page.html",
    "text": "page.txt",
    "pdf": "page.pdf",
    "har": "network.har",
    "console": "console.json",
    "network": "network.json",
    "thumbnail": "thumbnail.webp",
}
_ARTIFACTS = {
    "screenshot.png": ("image/png", PICTURE),
    "page.pdf": ("application/pdf", DOCUMENT),
    "content.json": ("application/json", json.dumps(CONTENT).encode()),
    "probe.json": ("application/json", json.dumps(REPORT).encode()),
    "page.html": ("text/html; charset=utf-8", b"<p>Hello</p>"),
    "page.txt": ("text/plain; charset=utf-8", b"Hello"),
    "network.har": ("application/json", b'{"log":{}}'),
    "console.json": ("application/json", b"[]"),
    "network.json": ("application/json", b"{}"),
    "thumbnail.webp": ("image/webp", b"RIFF\x00\x00\x00\x00WEBP"),
    **{name: ("image/webp", name.encode()) for name in STILLS},
}
_UNKNOWN = ("application/octet-stream", b"\x00")


def problem(
    status: int, code: str, detail: str, *, headers: dict[str, str] | None = None, **more: Any
) -> httpx.Response:
    body = {"type": f"/docs/errors#{code}", "title": "Title", "status": status, **more}
    body |= {"detail": detail, "code": code, "trace_id": "0123"}
    media_type = {"Content-Type": "application/problem+json"}
    return httpx.Response(status, json=body, headers={**media_type, **(headers or {})})


class BrokenOff(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body whose connection is lost before its end."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece

    def __iter__(self) -> Iterator[bytes]:
        yield PICTURE[:1000]
        raise httpx.ReadError("[Errno 104] Connection reset by peer")


class FakeFarm:
    """Answers requests; the attributes say how jobs go and what goes wrong."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.naps: list[float] = []
        self.troubles: list[httpx.Response | BaseException] = []
        """Answered or raised first, one for each request."""
        self.failure: dict[str, Any] | None = None
        """How all jobs fail; ``None``: they succeed."""
        self.failures: dict[str, dict[str, Any]] = {}
        """How the jobs of single addresses fail."""
        self.report = REPORT
        """What probes find."""
        self.barrier: threading.Barrier | None = None
        """Where submissions wait for each other."""
        self.warnings: list[str] = []
        self.further: list[str] = []
        """Names of further artifacts that every job has, asked for or not."""
        self.page_max = 200
        """Jobs that one page of the list has at most."""
        self.workers = WORKERS
        self.answers_before_the_end = 0
        self.checks = {"redis": "ok", "pages": "ok"}
        self.uploads: dict[str, bytes] = {}
        self.damaged = False
        """Whether artifacts come with other bytes than were made."""
        self._jobs: dict[str, dict[str, Any]] = {}
        self.batches = FakeBatches(self._jobs, self.add_job)
        self._uploads_seen = 0
        self._lock = threading.Lock()

    def client(self, url: str | None = URL, key: str | None = None) -> FarmClient:
        return FarmClient(url, key, transport=httpx.MockTransport(self), sleep=self.naps.append)

    def async_client(self, url: str | None = URL, key: str | None = None) -> AsyncFarmClient:
        async def sleep(pause_s: float) -> None:
            self.naps.append(pause_s)
            await asyncio.sleep(0)

        return AsyncFarmClient(url, key, transport=httpx.MockTransport(self), sleep=sleep)

    @property
    def asked(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.requests]

    @property
    def made(self) -> int:
        """How many jobs there are."""
        return len(self._jobs)

    def forget_all(self) -> None:
        """Be as a farm is after the retention of all its jobs."""
        self._jobs.clear()
        self.batches.batches.clear()

    def last_json(self) -> Any:
        return json.loads(self.requests[-1].content)

    def add_job(self, kind: str = "screenshot", collect: Iterable[str] = (), **changes: Any) -> str:
        """Store a job as it will be in the end; until then it is shown as running."""
        job_id = f"job-{len(self._jobs) + 1}"
        here = f"/v1/jobs/{job_id}"
        # Each name once: a pdf does not have itself as a further artifact.
        collected = [_COLLECTED.get(each, each) for each in collect]
        names = dict.fromkeys([_MAIN[kind], *collected, *self.further])
        artifacts = [_artifact(here, name) for name in names]
        address = changes.get("spec", {}).get("url", "")
        failure = changes.get("failure", self.failures.get(address, self.failure))
        failed = failure is not None
        job = {
            "id": job_id,
            "kind": kind,
            "state": "failed" if failed else "succeeded",
            "attempt": 1,
            "priority": "normal",
            "batch_id": None,
            "tags": [],
            "metadata": {},
            "created_at": "2026-01-02T03:04:05.006Z",
            "started_at": "2026-01-02T03:04:05.106Z",
            "finished_at": "2026-01-02T03:04:06.006Z",
            "expires_at": "2026-01-03T03:04:06.006Z",
            "spec": {"url": "https://example.com/"},
            "artifacts": [] if failed else artifacts,
            "report": None if failed else {"timings_ms": {"load": 210, "capture": 60}},
            "failure": failure,
            "warnings": self.warnings,
            "links": {"self": here, "result": None if failed else f"{here}/result"},
            "a_field_of_a_newer_farm": True,
        }
        self._jobs[job_id] = job | changes
        return job_id

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        if self.barrier is not None and (request.method, request.url.path) == ("POST", "/v1/jobs"):
            self.barrier.wait(20)
        with self._lock:
            self.requests.append(request)
            if not self.troubles:
                return self._answer(request)
            trouble = self.troubles.pop(0)
        if isinstance(trouble, BaseException):
            raise trouble
        return trouble

    def _answer(self, request: httpx.Request) -> httpx.Response:
        match request.method, *request.url.path.strip("/").split("/"):
            case "POST", "v1", "jobs":
                spec = json.loads(request.content)
                asked = spec.get("collect", STILLS if "thumbnails" in spec else ())
                failure = self.failures.get(spec.get("url", ""), self.failure)
                job_id = self.add_job(spec["kind"], asked, failure=failure)
                return httpx.Response(202, json=self._shown(job_id))
            case _, "v1", "batches", *rest:
                return self.batches.answer(request, rest) or _unknown()
            case method, "v1", "jobs", job_id, *rest if job_id in self._jobs:
                return self._answer_about(job_id, method, rest)
            case _, "v1", "uploads", *rest:
                return self._keep(request) if not rest else self._dropped(*rest)
            case "GET", *path:
                return self._told(path, request.url.params)
        return _unknown()

    def _told(self, path: list[str], query: httpx.QueryParams) -> httpx.Response:
        match path:
            case ["v1", "jobs"]:
                return self._listed(query)
            case ["v1", "pressure"]:
                return httpx.Response(200, json=PRESSURE)
            case ["v1", "workers"]:
                return httpx.Response(200, json=self.workers)
            case ["readyz"]:
                ready = set(self.checks.values()) == {"ok"}
                body = {"ready": ready, "checks": self.checks}
                headers = {} if ready else {"Retry-After": "2"}
                return httpx.Response(200 if ready else 503, json=body, headers=headers)
        return _unknown()

    def _answer_about(self, job_id: str, method: str, rest: list[str]) -> httpx.Response:
        job = self._jobs[job_id]
        names = [artifact["name"] for artifact in job["artifacts"]]
        match method, *rest:
            case ["GET"]:
                return httpx.Response(200, json=self._shown(job_id))
            case ["POST", "retry"]:
                return _retried(job)
            case ["DELETE"]:
                return self._deleted(job)
            case ["GET", "result"] | ["GET", "artifacts", _] if not names:
                return problem(409, "job_failed", f"Job {job_id!r} has no result.")
            case ["GET", "result"] | ["GET", "artifacts", _] if rest[-1] in ("result", *names):
                return self._bytes_of(names[0] if rest == ["result"] else rest[-1])
        return problem(404, "unknown_artifact", f"Job {job_id!r} has no such artifact.")

    def _deleted(self, job: dict[str, Any]) -> httpx.Response:
        if not self.answers_before_the_end:
            return httpx.Response(204)
        job |= {"state": "cancelled", "artifacts": []}
        return httpx.Response(202, json=job)

    def _bytes_of(self, name: str) -> httpx.Response:
        media_type, content = _ARTIFACTS.get(name, _UNKNOWN)
        if name == "probe.json":
            content = json.dumps(self.report).encode()
        sent = content[::-1] if self.damaged else content
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        return httpx.Response(200, content=sent, headers={"Content-Type": media_type, "ETag": etag})

    def _shown(self, job_id: str) -> dict[str, Any]:
        if not self.answers_before_the_end or self._jobs[job_id]["state"] == "cancelled":
            return self._jobs[job_id]
        self.answers_before_the_end -= 1
        running: dict[str, Any] = {
            "state": "running",
            "artifacts": [],
            "report": None,
            "failure": None,
        }
        return self._jobs[job_id] | running | {"finished_at": None, "expires_at": None}

    def _listed(self, query: httpx.QueryParams) -> httpx.Response:
        """Answer with a page; its cursor is the number of jobs before it, the oldest of all 1."""
        jobs = list(enumerate(self._jobs.values(), 1))[: int(query.get("cursor", 0)) or None]
        wanted = {name: query[name] for name in query if name not in ("limit", "cursor")}
        found = [(number, job) for number, job in reversed(jobs) if _is_wanted(job, wanted)]
        page = found[: min(int(query["limit"]), self.page_max)]
        following = str(page[-1][0] - 1) if len(page) < len(found) else None
        return httpx.Response(200, json={"items": [job for _, job in page], "next": following})

    def _dropped(self, upload_id: str) -> httpx.Response:
        del self.uploads[upload_id]
        return httpx.Response(204)

    def _keep(self, request: httpx.Request) -> httpx.Response:
        self._uploads_seen += 1
        upload_id = f"upload-{self._uploads_seen}"
        self.uploads[upload_id] = request.content
        view = {
            "id": upload_id,
            "filename": request.url.params["filename"],
            "size_bytes": len(request.content),
            "sha256": hashlib.sha256(request.content).hexdigest(),
            "expires_at": "2026-01-03T03:04:06.006Z",
        }
        return httpx.Response(201, json=view)


def _unknown() -> httpx.Response:
    return problem(404, "unknown_job", "There is no job 'nope'.")


def _retried(job: dict[str, Any]) -> httpx.Response:
    if job["state"] not in ("failed", "cancelled"):
        return problem(409, "nothing_to_retry", f"Job {job['id']!r} is {job['state']}.")
    before = [*job.get("previous_failures", []), *([job["failure"]] if job["failure"] else [])]
    job |= {"retries": job.get("retries", 0) + 1, "previous_failures": before}
    job |= {"state": "queued", "attempt": 0, "failure": None}
    return httpx.Response(202, json=job)


def _is_wanted(job: dict[str, Any], wanted: dict[str, str]) -> bool:
    found = {
        "state": [job["state"]],
        "kind": [job["kind"]],
        "tag": job["tags"],
        "host": [urlsplit(job["spec"]["url"]).hostname],
        "error": [(job["failure"] or {}).get("code")],
    }
    return all(value in found[name] for name, value in wanted.items())


def _artifact(job_path: str, name: str) -> dict[str, Any]:
    media_type, content = _ARTIFACTS.get(name, _UNKNOWN)
    return {
        "name": name,
        "media_type": media_type,
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "url": f"{job_path}/artifacts/{name}",
    }
