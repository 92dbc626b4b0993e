"""What the API alone can take: new jobs, and questions about them."""

import http.client
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from celery import Celery
from redis import Redis

from dev.stack import ROOT
from tests.bench.figures import Figure
from tests.bench.support import is_open, per_second
from tests.support.neighbours import free_port, redis_server
from tests.support.waiting import until

_HOSTS = 500
_WARM_UP = 40
"""Requests, so that each of the API's processes has had some."""
_LOOP = "a loop of Celery's `apply_async`, which keeps no record and checks nothing"


class Door:
    """One connection to an API whose jobs nobody runs."""

    def __init__(self, port: int, redis_url: str, pid: int) -> None:
        """Connect at the first request; ``redis_url`` is what the API works with."""
        self.port = port
        self.redis_url = redis_url
        self.pid = pid
        """Of the API's main process."""
        self._connection = http.client.HTTPConnection("127.0.0.1", port)

    def ask(self, path: str, body: bytes | None = None, media_type: str = "") -> bytes:
        """Return the answer to a GET, or to a POST of ``body``.

        Raises:
            RuntimeError: It is an error.
        """
        headers = {"Content-Type": media_type} if body is not None else {}
        self._connection.request("GET" if body is None else "POST", path, body, headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status not in {200, 202}:
            raise RuntimeError(f"{path}: {response.status} {content[:200]!r}")
        return content

    def batch(self, urls: Sequence[str]) -> Mapping[str, str]:
        """Submit the URLs as a batch and return it."""
        content = self.ask("/v1/batches?kind=screenshot", "\n".join(urls).encode(), "text/plain")
        batch: Mapping[str, str] = json.loads(content)
        return batch

    def job_of(self, batch: Mapping[str, str]) -> str:
        """Return the path of one job of the batch."""
        page = json.loads(self.ask(f"/v1/batches/{batch['id']}/jobs?limit=1"))
        return f"/v1/jobs/{page['items'][0]['id']}"

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


@contextmanager
def door() -> Iterator[Door]:
    """Run a Redis and an API for the block, as `make run` does; no worker, no dispatcher."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="farm-bench-") as name:
        folder = Path(name)
        with redis_server(folder) as redis_url, (folder / "api.log").open("wb") as log:
            argv = [sys.executable, "-m", "gunicorn", "-c", "python:api.gunicorn_conf"]
            argv += ["--bind", f"127.0.0.1:{port}", "api.wsgi:create()"]
            environment = {**os.environ, "FARM_REDIS_URL": redis_url}
            process = subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=log, stderr=log)
            found = Door(port, redis_url, process.pid)
            try:
                until(lambda: is_open(port), "the API listens", 60)
                yield found
            finally:
                found.close()
                process.terminate()
                process.wait()


def some_urls(count: int) -> list[str]:
    """Return addresses of many hosts, no two of them the same."""
    return [f"https://host-{n % _HOSTS}.test/page/{n}?q={n}" for n in range(count)]


def submission(quick: bool) -> Iterator[Figure]:
    """Measure item 4: jobs a second, one by one and as a batch."""
    rounds, singles, urls = (2, 50, 200) if quick else (5, 2000, 10_000)
    one_by_one: list[float] = []
    at_once: list[float] = []
    loops: list[float] = []
    with door() as api, Redis.from_url(api.redis_url) as redis:
        celery = Celery("bench", broker=api.redis_url)
        celery.conf.update(task_ignore_result=True)
        task = celery.task(_render)
        many = some_urls(urls)
        bodies = [json.dumps({"kind": "screenshot", "url": url}).encode() for url in many[:singles]]
        _submit_all(api, bodies[:_WARM_UP])
        for _ in range(rounds):
            redis.flushall()
            one_by_one.append(per_second(singles, lambda: _submit_all(api, bodies)))
            redis.flushall()
            at_once.append(per_second(urls, lambda: api.batch(many)))
            redis.flushall()
            loops.append(per_second(urls, lambda: [task.apply_async((each,)) for each in many]))
    yield Figure(
        f"{singles} times `POST /v1/jobs`, one connection", "jobs/s", one_by_one, loops, _LOOP
    )
    yield Figure(f"one batch of {urls} URLs", "jobs/s", at_once, loops, _LOOP)


def polling(quick: bool) -> Iterator[Figure]:
    """Measure item 5: questions a second, of which none may depend on the batch's size."""
    rounds, questions, few, many = (2, 50, 10, 200) if quick else (7, 1500, 50, 5000)
    with door() as api:
        small, large = (api.batch(some_urls(count)) for count in (few, many))
        paths = {
            "nothing": "/healthz",
            "job, few": api.job_of(small),
            "job, many": api.job_of(large),
            "batch, few": f"/v1/batches/{small['id']}",
            "batch, many": f"/v1/batches/{large['id']}",
        }
        rates: dict[str, list[float]] = {name: [] for name in paths}
        for path in paths.values():
            _rate(api, path, _WARM_UP)
        for _ in range(rounds):
            for name, path in paths.items():
                rates[name].append(_rate(api, path, questions))
    for what, name in (("GET /v1/jobs/{id}", "job"), ("GET /v1/batches/{id}", "batch")):
        bare = "`GET /healthz` by the same connection, which asks Redis nothing"
        farm, reference = rates[f"{name}, many"], rates[f"{name}, few"]
        yield Figure(f"`{what}`, batch of {many}", "/s", farm, rates["nothing"], bare)
        larger = f"`{what}`, batch of {many} against one of {few}"
        yield Figure(larger, "/s", farm, reference, f"the same of the batch of {few}")


def _rate(api: Door, path: str, count: int) -> float:
    return per_second(count, lambda: [api.ask(path) for _ in range(count)])


def _submit_all(api: Door, bodies: Sequence[bytes]) -> None:
    for body in bodies:
        api.ask("/v1/jobs", body, "application/json")


def _render(url: str) -> str:
    return url
