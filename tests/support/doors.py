"""The API alone, as gunicorn serves it, over a Redis of the tests."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from tests.support.neighbours import free_port
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Door:
    """One process that answers, and the one above it."""

    url: str
    master: psutil.Process

    @property
    def process(self) -> psutil.Process:
        """The process whose threads answer."""
        return self.master.children()[0]

    def answers(self) -> bool:
        """Return whether it is up."""
        try:
            return httpx.get(f"{self.url}/healthz", trust_env=False).is_success
        except httpx.TransportError:
            return False


@contextmanager
def door(redis_url: str, **settings: str) -> Iterator[Door]:
    """Serve the API from one process for the block; ``settings`` are variables for it."""
    port = free_port()
    served = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "-c", "python:api.gunicorn_conf"),
            *("--workers", "1", "--bind", f"127.0.0.1:{port}", "api.wsgi:create()"),
        ],
        cwd=ROOT,
        env={**os.environ, "FARM_REDIS_URL": redis_url, **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        found = Door(f"http://127.0.0.1:{port}", psutil.Process(served.pid))
        until(found.answers, "the API answers")
        yield found
    finally:
        served.terminate()
        try:
            served.wait(40)
        except subprocess.TimeoutExpired:
            served.kill()
            served.wait()
