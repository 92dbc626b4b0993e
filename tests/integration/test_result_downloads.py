"""Results of a batch through gunicorn and Redis: many rows, many bytes, and clients that leave."""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast
from zipfile import ZipFile

import httpx
import pytest
from redis import Redis

from farm.backends.assembly import assemble
from farm.backends.redis_connection import connect
from farm.jobs.batches.reading import Reading
from farm.jobs.errors import DnsError
from farm.jobs.models import Artifact, Job
from farm.jobs.service import JobService
from tests.support.builders import NOON
from tests.support.doors import Door, door
from tests.support.waiting import until

MANY = 5000
ENDED = 2000
LARGE_BYTES = 8 << 20
LARGE_JOBS = 16
GROWTH_MAX_BYTES = 40 << 20
HOSTILE = ('=1+1"</title><script>alert(1)</script>', "\u202eevil", "x" * 2000, "a\nb,c;\td'")

pytestmark = [pytest.mark.redis, pytest.mark.timeout(300)]


class Farm:
    """The API, and the rules over the same Redis in place of its workers."""

    def __init__(self, door: Door, service: JobService, redis: Redis) -> None:
        self.door = door
        self.service = service
        self.redis = redis
        self.http = httpx.Client(base_url=door.url, trust_env=False, timeout=60)

    def batch(self, size: int) -> Reading:
        """Make a batch of so many jobs."""
        lines = "\n".join(f"http://page-{number}.test/a" for number in range(size))
        answer = self.http.post(
            "/v1/batches?kind=screenshot",
            content=lines,
            headers={"Content-Type": "text/plain"},
        )
        assert answer.status_code == 202
        return Reading(self.service, answer.json()["id"])

    def end(self, job: Job, number: int, content: bytes) -> None:
        """Run the job to its end; every seventh fails."""
        running = job.claimed("worker-1", NOON, redeliveries=0)
        assert self.service.ledger.swap(running)
        now = self.service.clock.now()
        if number % 7 == 6:
            assert self.service.ledger.swap(running.failed(DnsError("No such host."), now))
            return
        made: list[Artifact] = []
        if content:
            put = self.service.artifacts.put
            made = [put(running.run_id, "screenshot.png", "image/png", [content], ttl_s=600)]
        report = {"title": HOSTILE[number % len(HOSTILE)], "http_status": 200}
        assert self.service.ledger.swap(running.succeeded(now, artifacts=made, report=report))


@pytest.fixture(scope="module")
def farm(redis_of_session: str) -> Iterator[Farm]:
    with connect(redis_of_session) as client, door(redis_of_session) as served:
        client.flushall()
        farm = Farm(served, assemble(redis_of_session, None, waiters_max=0, client=client), client)
        with farm.http:
            yield farm
        client.flushall()


@pytest.fixture(scope="module")
def many(farm: Farm) -> Reading:
    """A batch of many jobs, of which the first have ended."""
    reading = farm.batch(MANY)
    for number, job in enumerate(reading.jobs()):
        if number < ENDED:
            farm.end(job, number, b"")
    return reading


@pytest.fixture(scope="module")
def large(farm: Farm) -> Reading:
    """A batch of large pictures."""
    reading = farm.batch(LARGE_JOBS)
    for number, job in enumerate(reading.jobs()):
        farm.end(job, 0, bytes([number]) * LARGE_BYTES)
    return reading


def path(reading: Reading, name: str) -> str:
    return f"/v1/batches/{reading.batch_id}/{name}"


def saved(farm: Farm, address: str, file: Path, meanwhile: Callable[[int], None]) -> None:
    """Write the download into ``file``; tell ``meanwhile`` its size so far after each piece."""
    with farm.http.stream("GET", address) as answer, file.open("wb") as target:
        assert answer.status_code == 200
        for piece in answer.iter_raw():
            target.write(piece)
            meanwhile(target.tell())


def test_all_rows_of_a_large_batch_come_once_and_in_order(farm: Farm, many: Reading) -> None:
    urls = [f"http://page-{number}.test/a" for number in range(MANY)]
    lines = farm.http.get(path(many, "results.ndjson")).text.split("\n")
    assert lines.pop() == ""
    jobs = [json.loads(line) for line in lines]
    assert [job["spec"]["url"] for job in jobs] == urls
    table = farm.http.get(path(many, "results.csv")).text
    rows = list(csv.DictReader(io.StringIO(table, newline=""), strict=True))
    assert [(row["url"], row["id"]) for row in rows] == [
        (job["spec"]["url"], job["id"]) for job in jobs
    ]
    assert {row["title"] for row in rows} == {"", *HOSTILE[1:], f"'{HOSTILE[0]}"}
    page = farm.http.get(path(many, "report.html")).text
    assert page.count("<li data-state=") == MANY
    assert HOSTILE[0] not in page


def test_every_end_of_a_large_batch_is_told_once(farm: Farm, many: Reading) -> None:
    told: list[str] = []
    last: str | None = None
    while len(told) < ENDED:
        headers = {} if last is None else {"Last-Event-ID": last}
        with farm.http.stream("GET", path(many, "events"), headers=headers) as answer:
            event = ""
            for line in answer.iter_lines():
                name, _, said = line.partition(": ")
                if name == "id":
                    last = said
                event = said if name == "event" else event
                if name == "data" and event == "job":
                    told.append(json.loads(said)["id"])
                    if len(told) % 700 == 0:
                        break
                if event == "progress":
                    break
    assert len(set(told)) == len(told) == ENDED


def test_a_large_archive_is_held_nowhere(farm: Farm, large: Reading, tmp_path: Path) -> None:
    farm.http.get(path(large, "results.csv"))
    process = farm.door.process
    seen = [process.memory_info().rss]

    def look(size_bytes: int) -> None:
        if size_bytes >> 20 > len(seen):
            seen.append(process.memory_info().rss)

    saved(farm, path(large, "archive.zip"), tmp_path / "a.zip", look)
    assert len(seen) > LARGE_JOBS * LARGE_BYTES >> 21
    assert max(seen) - seen[0] < GROWTH_MAX_BYTES
    with ZipFile(tmp_path / "a.zip") as found:
        assert found.testzip() is None
        entries = [json.loads(line)["files"][0] for line in found.open("manifest.jsonl")]
        for entry in entries:
            assert hashlib.sha256(found.read(entry["path"])).hexdigest() == entry["sha256"]


def test_a_picture_that_is_evicted_meanwhile_is_named(
    farm: Farm, large: Reading, tmp_path: Path
) -> None:
    jobs = list(large.jobs())
    lost = jobs[-2]
    chunks = [f"farm:artifact:{lost.run_id}:screenshot.png:{n}" for n in range(3, 6)]
    kept = {chunk: cast("bytes", farm.redis.dump(chunk)) for chunk in chunks}

    def evict(size_bytes: int) -> None:
        if size_bytes > LARGE_BYTES:
            farm.redis.delete(*chunks)

    try:
        saved(farm, path(large, "archive.zip"), tmp_path / "a.zip", evict)
    finally:
        for chunk, value in kept.items():
            farm.redis.restore(chunk, 600_000, value)
    with ZipFile(tmp_path / "a.zip") as found:
        assert found.testzip() is None
        lines = [json.loads(line) for line in found.open("manifest.jsonl")]
        assert [line["id"] for line in lines if line["files"][0]["evicted"]] == [lost.id]
        assert len(found.namelist()) == LARGE_JOBS - 1 + 2


def test_clients_that_go_away_in_the_middle_leave_nothing(farm: Farm, large: Reading) -> None:
    address = path(large, "archive.zip")
    files = farm.door.process.num_fds()
    for _ in range(20):
        with farm.http.stream("GET", address) as answer:
            assert answer.status_code == 200
            next(answer.iter_raw())
    until(lambda: farm.door.process.num_fds() <= files + 2, "their connections are closed")
    until(lambda: farm.http.get(address, headers={"Range": "x"}).status_code == 200, "it is served")


def test_no_more_downloads_than_eight_and_short_requests_go_on(farm: Farm, large: Reading) -> None:
    address = path(large, "archive.zip")
    begun = [farm.http.send(farm.http.build_request("GET", address), stream=True) for _ in range(9)]
    try:
        assert [answer.status_code for answer in begun] == [200] * 8 + [429]
        assert farm.http.get(f"/v1/batches/{large.batch_id}").status_code == 200
    finally:
        for answer in begun:
            answer.close()
    until(lambda: farm.http.head(address).status_code == 200, "a place is free")
