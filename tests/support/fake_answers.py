"""What a busy farm says of itself, as the HTTP contract has it."""

from typing import Any

PRESSURE: dict[str, Any] = {
    "accepting": False,
    "reason": "20000 jobs wait on the queue pages, as many as may.",
    "queues": {
        "pages": {
            "queued": 20_000,
            "running": 4,
            "limit": 20_000,
            "oldest_wait_s": 1234.56,
            "ended_per_min": 88.2,
        },
        "media": {
            "queued": 0,
            "running": 0,
            "limit": 20_000,
            "oldest_wait_s": None,
            "ended_per_min": 0.0,
        },
    },
}
_BEAT = {"beat_at": "2026-01-02T03:04:05.006Z"}
WORKERS: dict[str, Any] = {
    "items": [
        {
            "id": "media@a.1.100",
            "name": "media@a",
            "queues": ["media"],
            "pid": 1,
            "concurrency": 2,
            "started_at": "2026-01-02T03:04:05.006Z",
            **_BEAT,
            "facts": {},
            "children": [],
        },
        {
            "id": "pages@a.2.100",
            "name": "pages@a",
            "queues": ["pages"],
            "pid": 2,
            "concurrency": 2,
            "started_at": "2026-01-02T03:04:05.006Z",
            **_BEAT,
            "facts": {"python": "3.11.2"},
            "children": [
                {
                    "pid": 8,
                    "job": None,
                    "jobs_done": 1234,
                    "browser_version": None,
                    "sandbox": None,
                    "memory_bytes": 50_000_000,
                    **_BEAT,
                },
                {
                    "pid": 9,
                    "job": {
                        "id": "job-7",
                        "kind": "pdf",
                        "attempt": 2,
                        "started_at": "2026-01-02T03:04:05.006Z",
                    },
                    "jobs_done": 7,
                    "browser_version": "156.0",
                    "sandbox": False,
                    "memory_bytes": 412_300_000,
                    **_BEAT,
                },
            ],
        },
    ]
}
