"""The batches of a farm in memory: how they go is for the test to say."""

import json
from collections.abc import Callable
from typing import Any

import httpx

_COUNTED = ("queued", "running", "succeeded", "failed", "cancelled")


class FakeBatches:
    """Batches whose jobs end as the test says, one look after the other."""

    def __init__(self, jobs: dict[str, dict[str, Any]], add_job: Callable[..., str]) -> None:
        self._jobs = jobs
        """Of the whole farm, by id, in the order of their creation."""
        self._add_job = add_job
        self.batches: dict[str, dict[str, Any]] = {}
        self.script: list[list[str]] = []
        """Ids of the jobs that end before each look at a batch; after the last, all."""
        self.pauses_after_script = False
        """Whether a batch pauses instead, as with ``max_failures``."""

    def answer(self, request: httpx.Request, rest: list[str]) -> httpx.Response | None:
        match request.method, *rest:
            case ["POST"]:
                return self._made(request)
            case [_, batch_id, *rest] if batch_id in self.batches:
                return self._told(request, batch_id, rest)
        return None

    def _made(self, request: httpx.Request) -> httpx.Response:
        body: dict[str, Any] = {"defaults": {}, "items": []}
        if request.headers["Content-Type"] == "application/json":
            body = json.loads(request.content)
        else:
            body["items"] = [json.loads(line) for line in request.content.splitlines()]
        batch_id = f"batch-{len(self.batches) + 1}"
        rejected = []
        for line, item in enumerate(body["items"], 1):
            spec = body["defaults"] | ({"url": item} if isinstance(item, str) else item)
            if "://" not in spec.get("url", "://"):
                error = {"field": "url", "message": "must have a scheme"}
                rejected.append({"line": line, "errors": [error]})
                continue
            more = {"batch_id": batch_id, "spec": spec, "metadata": spec.get("metadata", {})}
            kind = spec.get("kind", "screenshot")
            job_id = self._add_job(kind, spec.get("collect", ()), **more)
            self._jobs[job_id]["end"] = self._jobs[job_id]["state"]
            self._jobs[job_id]["state"] = "queued"
        self.batches[batch_id] = {"state": "running"}
        return httpx.Response(
            202, json=self._shown(batch_id) | {"rejected": rejected, "duplicates": 0}
        )

    def _told(self, request: httpx.Request, batch_id: str, rest: list[str]) -> httpx.Response:
        match request.method, *rest:
            case ["GET"]:
                self._goes_on(batch_id)
            case ["GET", "jobs"]:
                return self._listed(batch_id, request.url.params)
            case ["GET", "results.ndjson"]:
                lines = [json.dumps(job) for job in self._jobs_of(batch_id)]
                return httpx.Response(200, text="".join(f"{line}\n" for line in lines))
            case ["POST", action]:
                self._act(batch_id, action)
                return httpx.Response(202, json=self._shown(batch_id))
        return httpx.Response(200, json=self._shown(batch_id))

    def end(self, job_id: str, finished_at: str, state: str | None = None) -> None:
        job = self._jobs[job_id]
        job |= {"state": state or job["end"], "finished_at": finished_at}

    def _goes_on(self, batch_id: str) -> None:
        if self.batches[batch_id]["state"] != "running":
            return
        if self.pauses_after_script and not self.script:
            self.batches[batch_id]["state"] = "paused"
            return
        waiting = [job for job in self._jobs_of(batch_id) if job["state"] == "queued"]
        ending = self.script.pop(0) if self.script else [job["id"] for job in waiting]
        for second, job_id in enumerate(ending):
            self.end(job_id, f"2026-01-02T03:{second // 60:02}:{second % 60:02}.000Z")

    def _act(self, batch_id: str, action: str) -> None:
        if action == "retry-failed":
            for job in self._jobs_of(batch_id):
                if job["state"] == "failed":
                    job |= {"state": "queued", "end": "succeeded", "retries": 1}
        if action == "cancel":
            for job in self._jobs_of(batch_id):
                if job["state"] == "queued":
                    self.end(job["id"], "2026-01-02T03:05:00.000Z", "cancelled")
        states = {"pause": "paused", "cancel": "cancelled"}
        self.batches[batch_id]["state"] = states.get(action, "running")

    def _jobs_of(self, batch_id: str) -> list[dict[str, Any]]:
        return [job for job in self._jobs.values() if job["batch_id"] == batch_id]

    def _listed(self, batch_id: str, query: httpx.QueryParams) -> httpx.Response:
        found = [job for job in self._jobs_of(batch_id)[::-1] if job["state"] == query["state"]]
        start = int(query.get("cursor", 0))
        end = start + int(query["limit"])
        following = str(end) if end < len(found) else None
        return httpx.Response(200, json={"items": found[start:end], "next": following})

    def _shown(self, batch_id: str) -> dict[str, Any]:
        states = [job["state"] for job in self._jobs_of(batch_id)]
        counts = {state: states.count(state) for state in _COUNTED}
        state = self.batches[batch_id]["state"]
        is_over = counts["queued"] + counts["running"] == 0 and state == "running"
        return {
            "id": batch_id,
            "state": "finished" if is_over else state,
            "total": len(states),
            **counts,
            "rate_per_min": 0.0,
            "eta_s": None,
            "failures_by_code": {},
            "created_at": "2026-01-02T03:04:05.006Z",
            "finished_at": None,
            "a_field_of_a_newer_farm": True,
        }
