"""What it takes to queue many URLs: ``python -m tests.bench.batch``.

A Redis of its own and, in turns, one request to the farm with all URLs, and a loop of
Celery's ``apply_async`` over them, which keeps no results and checks nothing.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from celery import Celery
from flask.testing import FlaskClient

from api.app import create_app
from api.settings import ApiSettings
from farm.backends.assembly import assemble
from farm.backends.redis_connection import connect
from tests.support.neighbours import redis_server

_URLS = 10_000
_HOSTS = 500
_ROUNDS = 3


def _main() -> None:
    urls = [f"https://host-{n % _HOSTS}.test/page/{n}?q={n}" for n in range(_URLS)]
    body = "\n".join(urls).encode()
    ours: list[float] = []
    theirs: list[float] = []
    folder = tempfile.TemporaryDirectory(prefix="farm-bench-")
    with folder as name, redis_server(Path(name)) as url, connect(url) as client:
        service = assemble(url, None, waiters_max=0)
        farm = create_app(ApiSettings(), service).test_client()
        celery = Celery("bench", broker=url)
        celery.conf.update(task_ignore_result=True)
        task = celery.task(_render)
        for _ in range(_ROUNDS):
            client.flushall()
            ours.append(_seconds(lambda: _submit(farm, body)))
            client.flushall()
            theirs.append(_seconds(lambda: [task.apply_async((each,)) for each in urls]))
    for what, seconds in (("one batch", ours), ("apply_async", theirs)):
        rate = _URLS / statistics.median(seconds)
        each = ", ".join(f"{each:.2f}" for each in seconds)
        print(f"{what:<12} {_URLS} URLs in {each} s; {rate:.0f} a second")
    print(f"{statistics.median(theirs) / statistics.median(ours):.1f} times as fast")


def _render(url: str) -> str:
    return url


def _submit(farm: FlaskClient, body: bytes) -> None:
    answer = farm.post("/v1/batches?kind=screenshot", data=body, content_type="text/plain")
    batch = answer.get_json()
    if answer.status_code != 202 or batch["total"] != _URLS:
        raise RuntimeError(f"not accepted: {batch}")


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


if __name__ == "__main__":
    _main()
