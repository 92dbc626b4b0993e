"""What a job costs, counted: the same on a slow machine as on a fast one.

Each count has what it counted, so that two commits can be compared line by line:
``python -m tests.bench.counts "NAME"`` prints it.
"""

import os
import re
import socket
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from flask.testing import FlaskClient
from playwright.sync_api import sync_playwright
from redis import Redis

from api.app import create_app
from api.settings import ApiSettings
from farm.backends.assembly import assemble
from farm.jobs.models import Job
from farm.jobs.service import JobService
from tasks.pages.browser import BrowserHolder
from tasks.pages.chromium import find_chromium
from tests.support.bare import bare_capture
from tests.support.counting import (
    Request,
    addresses,
    driver_messages,
    gate_orders,
    modules_of,
    peak_bytes,
    redis_requests,
)
from tests.support.gate import gate
from tests.support.pages import shoot
from tests.support.site import Site
from tests.support.waiting import until
from tests.support.workers import RunningWorker, working

_ARTIFACT_BYTES = 8 * 1024 * 1024
_CAPTURES = 6
_PAGE = "/article"
_URLS = 500
_BY_THE_CLOCK = re.compile(r"HGETALL door:keys$|HGET farm:job:\S+ revision$")
"""Asked now and then, whatever is done: who may call, and whether a run is still wanted."""


BARE = "Driver: a screenshot by a bare script"
"""The reference; it is not ours to limit."""


@dataclass(frozen=True)
class Count:
    """A number, and what it is the number of."""

    name: str
    number: float
    counted: Sequence[str] = ()


CEILINGS: Mapping[str, float] = {
    "Redis: POST /v1/jobs, sent": 3,
    "Redis: POST /v1/jobs, carried out": 16,
    "Redis: worker's main process, sent": 2,
    "Redis: worker's main process, carried out": 4,
    "Redis: worker's child, sent": 4,
    "Redis: worker's child, carried out": 42,
    "Redis: GET /v1/jobs/{id}, sent": 1,
    "Redis: GET /v1/jobs/{id}, carried out": 1,
    "Redis: GET /v1/jobs/{id}/result, sent": 4,
    "Redis: GET /v1/jobs/{id}/result, carried out": 4,
    "Bytes: a job's message to the worker": 1010,
    "Bytes: the record of a screenshot that succeeded": 1220,
    "Redis: POST /v1/batches of 500 jobs, sent": 8,
    "Redis: POST /v1/batches of 500 jobs, carried out": 634,
    "Redis: GET /v1/batches/{id} of 50 jobs, sent": 1,
    "Redis: GET /v1/batches/{id} of 50 jobs, carried out": 1,
    "Redis: GET /v1/batches/{id} of 500 jobs, sent": 1,
    "Redis: GET /v1/batches/{id} of 500 jobs, carried out": 1,
    "Driver: a screenshot": 14,
    "Driver: between two jobs": 6,
    "Driver: a screenshot, isolation batch": 14,
    "Driver: between two jobs, isolation batch": 7,
    "Gate: orders for a screenshot": 2,
    "Gate: orders for a screenshot, isolation batch": 4,
    "Copies: an artifact of 8 MiB is stored": 0.15,
    "Copies: an artifact of 8 MiB is read": 0.15,
    "Modules: api.app": 785,
    "Modules: farm.client.http": 415,
    "Modules: farm.client.cli": 455,
    "Modules: tasks.app": 1025,
}
"""Today's figures; libraries have a little to spare. Who makes one less lowers it here."""


def over(counts: Iterable[Count]) -> Sequence[str]:
    """Return, for each count above its ceiling, what to look at."""
    return [
        f"{each.name}: {each.number:g}, and {CEILINGS[each.name]:g} are allowed. Compare what "
        f'`python -m tests.bench.counts "{each.name}"` prints with the same of an earlier '
        "commit. Counted here:\n" + "\n".join(line[:150] for line in each.counted)
        for each in counts
        if each.number > CEILINGS[each.name]
    ]


def all_counts(redis_url: str, site: Site) -> Iterator[Count]:
    """Count everything, and the reference. A gate must be kept for this process."""
    yield from of_a_job(redis_url, site)
    yield from of_a_batch(redis_url)
    yield from of_a_capture(site)
    yield of_a_bare_capture(site)
    yield from of_an_artifact(redis_url)
    yield from of_imports()


def of_a_job(redis_url: str, site: Site) -> Iterator[Count]:
    """Count what Redis is asked for one screenshot, from the request to its result.

    And how large the job's message and its record are.
    """
    spec = {"kind": "screenshot", "url": site.url("/colours")}
    with (
        tempfile.TemporaryDirectory() as folder,
        working(redis_url, Path(folder)) as worker,
        _door(redis_url) as door,
    ):
        _done(worker, _submitted(worker.farm, door, spec), redis_url)
        with redis_requests(redis_url) as posted:
            _submitted(worker.farm, door, spec)
            own = addresses(psutil.Process(os.getpid()))
        with redis_requests(redis_url) as worked:
            job = _done(worker, _submitted(worker.farm, door, spec), redis_url)
            main = addresses(psutil.Process(worker.process.pid))
            (child,) = (addresses(psutil.Process(pid)) for pid in worker.children())
        about = _about(job.id, worked)
        # Reading the job back is not the door's.
        yield from _redis("POST /v1/jobs", [each for each in posted if each.sender in own][:-1])
        yield from _redis("worker's main process", [each for each in about if each.sender in main])
        yield from _redis("worker's child", [each for each in about if each.sender in child])
        for what in ("/v1/jobs/{id}", "/v1/jobs/{id}/result"):
            path = what.format(id=job.id)
            door.get(path)
            with redis_requests(redis_url) as read:
                door.get(path)
            yield from _redis(f"GET {what}", [each for each in read if each.sender in own])
        yield from _sizes(job, posted, redis_url)


def of_a_batch(redis_url: str) -> Iterator[Count]:
    """Count what Redis is asked for a batch without workers."""
    with _door(redis_url) as door:
        for count in (_URLS // 10, _URLS):
            urls = "\n".join(f"https://host-{n % 7}.test/{n}" for n in range(count))
            with redis_requests(redis_url) as posted:
                answer = door.post(
                    "/v1/batches?kind=screenshot", data=urls, content_type="text/plain"
                )
            path = f"/v1/batches/{answer.get_json()['id']}"
            with redis_requests(redis_url) as read:
                door.get(path)
            yield from _redis(f"GET /v1/batches/{{id}} of {count} jobs", read)
        # The first one has loaded the scripts.
        yield from _redis(f"POST /v1/batches of {_URLS} jobs", posted)


def of_a_capture(site: Site) -> Iterator[Count]:
    """Count the messages to the browser's driver, and to the gate, for a screenshot like others.

    The least of several: on a busy machine some are looked after once more.
    """
    yield from _of_captures(site, "", {})
    yield from _of_captures(
        site, ", isolation batch", {"isolation": "batch", "of": {"batch_id": "batch-1"}}
    )


def _of_captures(site: Site, how: str, fields: Mapping[str, Any]) -> Iterator[Count]:
    runs, rests, told = [], [], []
    browser = BrowserHolder(None, "auto", gate())
    try:
        with driver_messages() as sent, gate_orders() as orders:
            for _ in range(_CAPTURES):
                sent.clear()
                orders.clear()
                shoot(browser, site.url(_PAGE), **fields)
                runs.append(list(sent))
                sent.clear()
                browser.rest()
                rests.append(list(sent))
                told.append(list(orders))
    finally:
        browser.close()
    yield _listed(f"Driver: a screenshot{how}", min(runs[2:], key=len))
    yield _listed(f"Driver: between two jobs{how}", min(rests[2:], key=len))
    yield _listed(f"Gate: orders for a screenshot{how}", min(told[2:], key=len))


def of_a_bare_capture(site: Site) -> Count:
    """Count the same for the plainest script there is."""
    with sync_playwright() as playwright, driver_messages() as sent:
        browser = playwright.chromium.launch(executable_path=find_chromium(None).path)
        sent.clear()
        bare_capture(browser, site.url(_PAGE))
        found = list(sent)
        browser.close()
    return _listed(BARE, found)


def of_an_artifact(redis_url: str) -> Iterator[Count]:
    """Count how many times over an artifact is in memory while it is stored and read."""
    artifacts = assemble(redis_url, None, waiters_max=0).artifacts
    artifacts.ping()
    content = os.urandom(_ARTIFACT_BYTES)

    def put() -> None:
        artifacts.put("count", "a.bin", "application/octet-stream", [content], ttl_s=60)

    def read() -> None:
        for _ in artifacts.read("count", "a.bin"):
            pass

    for name, work in (("stored", put), ("read", read)):
        copies = peak_bytes(work) / _ARTIFACT_BYTES
        yield Count(f"Copies: an artifact of 8 MiB is {name}", round(copies, 2))


def of_imports() -> Iterator[Count]:
    """Count the modules that a process starts with."""
    for module in ("api.app", "farm.client.http", "farm.client.cli", "tasks.app"):
        yield _listed(f"Modules: {module}", modules_of(module))


@contextmanager
def _door(redis_url: str) -> Iterator[FlaskClient]:
    door = create_app(ApiSettings(), assemble(redis_url, None, waiters_max=0)).test_client()
    door.get("/v1/pressure")
    yield door


def _submitted(farm: JobService, door: FlaskClient, spec: Mapping[str, str]) -> Job:
    return farm.get(door.post("/v1/jobs", json=spec).get_json()["id"])


def _done(worker: RunningWorker, job: Job, redis_url: str) -> Job:
    """Return the job once it has ended and its message is acknowledged, as all before it."""
    ended = worker.ended(job)
    with Redis.from_url(redis_url) as client:
        until(lambda: not client.hlen("unacked") and not client.llen("pages"), "all is done", 60)
    return ended


def _about(job_id: str, requests: Sequence[Request]) -> Sequence[Request]:
    """Return those that would not be without the job."""
    taken = (command for each in requests if each.is_about(job_id) for command in each.commands)
    tags = [found[1] for each in taken if (found := re.match(r"HSET unacked (\S+) ", each))]
    return [each for each in requests if each.is_about(job_id, *tags)]


def _redis(name: str, all_requests: Sequence[Request]) -> Iterator[Count]:
    requests = [each for each in all_requests if not _BY_THE_CLOCK.match(each.commands[0])]
    yield _listed(f"Redis: {name}, sent", [each.commands[0] for each in requests])
    done = [command for each in requests for command in each.commands]
    yield _listed(f"Redis: {name}, carried out", done)


def _sizes(job: Job, posted: Sequence[Request], redis_url: str) -> Iterator[Count]:
    commands = [command for each in posted for command in each.commands]
    (message,) = (each for each in commands if each.startswith("LPUSH pages"))
    with Redis.from_url(redis_url, decode_responses=True) as client:
        record = client.hget(f"farm:job:{job.id}", "record") or ""
    for what, text in (
        ("a job's message to the worker", message[message.index("{") :]),
        ("the record of a screenshot that succeeded", record),
    ):
        # Both have the machine's name in them, which may be as long as it likes.
        yield Count(f"Bytes: {what}", len(text.replace(socket.gethostname(), "").encode()))


def _listed(name: str, found: Sequence[str]) -> Count:
    return Count(name, len(found), found)
