"""A farm that answers from memory, as the HTTP contract has it, for the client's tests."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import httpx

from farm.client.http import FarmClient

URL = "http://farm.test:8000"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 600
REPORT = {"summary": {"title": "Ça, 動画"}, "ffprobe": {"format": {"nb_streams": 2}}}
DNS_ERROR = {
    "code": "dns_error",
    "message": "The name nowhere.test does not resolve.",
    "retryable": False,
    "docs": "/docs/errors#dns_error",
}
_MAIN = {
    "screenshot": ("screenshot.png", "image/png", PICTURE),
    "probe": ("probe.json", "application/json", json.dumps(REPORT).encode()),
}


def problem(
    status: int, code: str, detail: str, *, headers: dict[str, str] | None = None, **more: Any
) -> httpx.Response:
    body = {"type": f"/docs/errors#{code}", "title": "Title", "status": status, **more}
    body |= {"detail": detail, "code": code, "trace_id": "0123"}
    media_type = {"Content-Type": "application/problem+json"}
    return httpx.Response(status, json=body, headers={**media_type, **(headers or {})})


class BrokenOff(httpx.SyncByteStream):
    """A body whose connection is lost before its end."""

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
        self.answers_before_the_end = 0
        self.checks = {"redis": "ok", "pages": "ok"}
        self.uploads: dict[str, bytes] = {}
        self.damaged = False
        """Whether artifacts come with other bytes than were made."""
        self._jobs: dict[str, dict[str, Any]] = {}

    def client(self, url: str | None = URL, key: str | None = None) -> FarmClient:
        return FarmClient(url, key, transport=httpx.MockTransport(self), sleep=self.naps.append)

    @property
    def asked(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.requests]

    def last_json(self) -> Any:
        return json.loads(self.requests[-1].content)

    def add_job(self, kind: str = "screenshot", **changes: Any) -> str:
        """Store a job as it will be in the end; until then it is shown as running."""
        job_id = f"job-{len(self._jobs) + 1}"
        name, media_type, content = _MAIN[kind]
        here = f"/v1/jobs/{job_id}"
        artifact = {
            "name": name,
            "media_type": media_type,
            "size_bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "url": f"{here}/artifacts/{name}",
        }
        failed = self.failure is not None
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
            "artifacts": [] if failed else [artifact],
            "report": None if failed else {"timings_ms": {"load": 210, "capture": 60}},
            "failure": self.failure,
            "warnings": [],
            "links": {"self": here, "result": None if failed else f"{here}/result"},
            "a_field_of_a_newer_farm": True,
        }
        self._jobs[job_id] = job | changes
        return job_id

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
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
                job_id = self.add_job(json.loads(request.content)["kind"])
                return httpx.Response(202, json=self._shown(job_id))
            case method, "v1", "jobs", job_id, *rest if job_id in self._jobs:
                return self._answer_about(job_id, method, rest)
            case "POST", "v1", "uploads":
                return self._keep(request)
            case "DELETE", "v1", "uploads", upload_id:
                del self.uploads[upload_id]
                return httpx.Response(204)
            case "GET", "readyz":
                ready = set(self.checks.values()) == {"ok"}
                body = {"ready": ready, "checks": self.checks}
                headers = {} if ready else {"Retry-After": "2"}
                return httpx.Response(200 if ready else 503, json=body, headers=headers)
        return problem(404, "unknown_job", "There is no job 'nope'.")

    def _answer_about(self, job_id: str, method: str, rest: list[str]) -> httpx.Response:
        job = self._jobs[job_id]
        main, media_type, content = _MAIN[job["kind"]]
        match method, *rest:
            case ["GET"]:
                return httpx.Response(200, json=self._shown(job_id))
            case ["DELETE"] if self.answers_before_the_end:
                return httpx.Response(202, json=job | {"state": "cancelled", "artifacts": []})
            case ["DELETE"]:
                return httpx.Response(204)
            case ["GET", "result"] | ["GET", "artifacts", _] if not job["artifacts"]:
                return problem(409, "job_failed", f"Job {job_id!r} has no result.")
            case ["GET", "result"] | ["GET", "artifacts", _] if rest[-1] in ("result", main):
                sent = content[::-1] if self.damaged else content
                return httpx.Response(200, content=sent, headers={"Content-Type": media_type})
        return problem(404, "unknown_artifact", f"Job {job_id!r} has no such artifact.")

    def _shown(self, job_id: str) -> dict[str, Any]:
        if not self.answers_before_the_end:
            return self._jobs[job_id]
        self.answers_before_the_end -= 1
        running: dict[str, Any] = {
            "state": "running",
            "artifacts": [],
            "report": None,
            "failure": None,
        }
        return self._jobs[job_id] | running | {"finished_at": None, "expires_at": None}

    def _keep(self, request: httpx.Request) -> httpx.Response:
        upload_id = f"upload-{len(self.uploads) + 1}"
        self.uploads[upload_id] = request.content
        view = {
            "id": upload_id,
            "filename": request.url.params["filename"],
            "size_bytes": len(request.content),
            "sha256": hashlib.sha256(request.content).hexdigest(),
            "expires_at": "2026-01-03T03:04:06.006Z",
        }
        return httpx.Response(201, json=view)
