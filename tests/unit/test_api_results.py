"""Results of a batch over HTTP: each as one download, while it runs or after."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from zipfile import ZipFile

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api import downloads
from api.app import create_app
from api.results.report import POLICY, Thumbnails
from api.settings import ApiSettings
from farm.backends.memory import MemoryArtifacts
from farm.jobs.batches import reading
from farm.jobs.errors import BackendUnavailable, DnsError, HttpError
from farm.jobs.models import Job
from tests.support.builders import NOON, MemoryFarm
from tests.support.keyed import KeyedFarm
from tests.support.results import PNG, succeeded

FILES = ("results.ndjson", "results.csv", "archive.zip", "report.html")
WEBP = b"RIFF____WEBP"
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}'


class Farm(MemoryFarm):
    """Has a batch of five jobs, of which two succeeded, two failed, and one waits."""

    def __init__(self) -> None:
        super().__init__()
        self.client = create_app(ApiSettings(), self.service).test_client()
        items = [f"http://page-{number}.test/" for number in range(5)]
        body = {"defaults": {"kind": "screenshot"}, "items": items}
        self.batch_id = self.client.post("/v1/batches", json=body).get_json()["id"]
        first, second, third, fourth, self.waiting = self.batches.open_jobs(self.batch_id, 5)
        self.with_thumbnail = self.ended(first, "Plain", thumbnail=("image/webp", WEBP))
        self.hostile = self.ended(second, HOSTILE, content=PNG * 1000)
        for job, error in ((third, DnsError("No <b>host</b>.")), (fourth, HttpError("It is 503."))):
            running = self.running(job)
            assert self.ledger.swap(running.failed(error, NOON))

    def running(self, job: Job) -> Job:
        running = job.claimed("worker-1", NOON, redeliveries=0)
        assert self.ledger.swap(running)
        return running

    def ended(self, job: Job, title: str, content: bytes = PNG, **more: tuple[str, bytes]) -> Job:
        done = succeeded(self, self.running(job), title, content, **more)
        assert self.ledger.swap(done)
        return done

    def read(self, name: str) -> TestResponse:
        return self.client.get(f"/v1/batches/{self.batch_id}/{name}")


class Elements(HTMLParser):
    """The elements of a text, as a browser would have them, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture
def farm() -> Farm:
    return Farm()


@pytest.fixture
def client(farm: Farm) -> FlaskClient:
    return farm.client


def test_lines_are_all_jobs_in_their_order_as_they_stand(farm: Farm) -> None:
    answer = farm.read("results.ndjson")
    jobs = [json.loads(line) for line in answer.text.splitlines()]
    assert [job["spec"]["url"] for job in jobs] == [f"http://page-{n}.test/" for n in range(5)]
    assert [job["state"] for job in jobs] == ["succeeded"] * 2 + ["failed"] * 2 + ["queued"]
    assert jobs[0] == farm.client.get(f"/v1/jobs/{jobs[0]['id']}").get_json()
    assert answer.mimetype == "application/x-ndjson"


def test_the_table_has_a_row_for_each_job(farm: Farm) -> None:
    answer = farm.read("results.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["error"] for row in rows] == ["", "", "dns_error", "http_error", ""]
    assert rows[1]["title"] == HOSTILE
    assert answer.content_type == "text/csv; charset=utf-8"


def test_the_table_leads_into_the_archive(farm: Farm) -> None:
    rows = list(csv.DictReader(io.StringIO(farm.read("results.csv").text, newline="")))
    archive = ZipFile(io.BytesIO(farm.read("archive.zip").data))
    assert archive.testzip() is None
    assert archive.read(rows[0]["file"]) == PNG
    assert archive.read(rows[1]["file"]) == PNG * 1000
    assert len(archive.namelist()) == 5


def test_the_archive_s_page_shows_what_lies_beside_it(farm: Farm) -> None:
    archive = ZipFile(io.BytesIO(farm.read("archive.zip").data))
    page = archive.read("report.html").decode()
    shown = re.findall(r'<img src="([^"]+)"', page)
    assert len(shown) == 2
    assert set(shown) <= set(archive.namelist())
    assert "data:image" not in page


def test_the_page_holds_small_pictures_and_leads_to_large_ones(farm: Farm) -> None:
    page = farm.read("report.html").text
    small, large = re.findall(r'<img src="([^"]+)"', page)
    assert small == "data:image/webp;base64,UklGRl9fX19XRUJQ"
    assert large == f"files/page-1.test-{farm.hostile.id[:12]}.screenshot.png"


def test_a_page_holds_so_much_and_no_more(farm: Farm) -> None:
    thumbnails = Thumbnails(farm.service.read, left_bytes=2 * len(WEBP) + 1)
    pictures = [thumbnails.of(farm.with_thumbnail) or "" for _ in range(3)]
    assert [picture.partition(":")[0] for picture in pictures[:2]] == ["data", "data"]
    assert pictures[2].startswith("files/")


def test_a_picture_that_is_gone_is_left_out_of_the_page(farm: Farm) -> None:
    farm.artifacts.expire(farm.with_thumbnail.run_id, "thumbnail.webp", 0)
    page = farm.read("report.html").text
    assert len(re.findall("<img ", page)) == 1
    assert page.count("<li data-state=") == 5


def test_failures_stand_under_their_causes(farm: Farm) -> None:
    page = farm.read("report.html").text
    causes = re.findall(r"<summary><b>(\d+)</b> <code>(\w+)</code>", page)
    assert sorted(causes) == [("1", "dns_error"), ("1", "http_error")]
    assert "No &lt;b&gt;host&lt;/b&gt;." in page


def test_what_pages_say_of_themselves_is_text(farm: Farm) -> None:
    page = farm.read("report.html").text
    head, _, body = page.partition("<body>")
    assert HOSTILE not in page
    assert "&#34;&gt;&lt;script&gt;alert(1)" in body
    assert "{{7*7}}" in body
    found = Elements(body).found
    assert {name for name, _ in found}.isdisjoint({"script", "style", "iframe", "object", "base"})
    assert {name for _, names in found for name in names if name.startswith("on")} == set()
    targets = [names[name] for _, names in found for name in ("href", "src") if name in names]
    assert {(target or "").partition("/")[0] for target in targets} <= {
        "http:",
        "files",
        "data:image",
    }
    assert f'content="{POLICY}"'.replace("'", "&#39;") in head


@pytest.mark.parametrize("name", FILES)
def test_a_download_can_do_nothing_as_a_page_of_ours(farm: Farm, name: str) -> None:
    headers = farm.read(name).headers
    ending = name.rpartition(".")[2]
    assert (
        headers["Content-Disposition"] == f'attachment; filename="batch-{farm.batch_id}.{ending}"'
    )
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert "Content-Length" not in headers


@pytest.mark.parametrize("name", FILES)
def test_a_batch_of_many_pages_is_read_to_its_end(
    farm: Farm, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = farm.read(name).data
    monkeypatch.setattr(reading, "PAGE_JOBS", 2)
    assert farm.read(name).data == whole


@pytest.mark.parametrize("name", FILES)
def test_an_unknown_batch_is_404(client: FlaskClient, name: str) -> None:
    answer = client.get(f"/v1/batches/nope/{name}")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "unknown_batch")


@pytest.mark.parametrize("name", [*FILES, "events"])
def test_another_s_batch_is_404(name: str) -> None:
    farm = KeyedFarm()
    ann, ben = farm.holder(), farm.holder()
    body = {"defaults": {"kind": "screenshot"}, "items": ["http://page.test/"]}
    batch_id = ann.call("POST", "/v1/batches", json=body).get_json()["id"]
    path = f"/v1/batches/{batch_id}/{name}"
    assert (ben.get(path).status_code, farm.client.get(path).status_code) == (404, 401)
    with ann.call("HEAD", path) as answer:
        assert answer.status_code == 200


@pytest.mark.parametrize("read", [0, 1])
def test_a_place_is_free_again_when_a_client_leaves(
    farm: Farm, read: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "_DOWNLOADS_MAX", 1)
    client = create_app(ApiSettings(), farm.service).test_client()
    path = f"/v1/batches/{farm.batch_id}/archive.zip"
    first = client.get(path)
    pieces = first.iter_encoded()
    for _ in range(read):
        next(pieces)
    refused = client.get(path)
    assert (refused.status_code, refused.get_json()["code"]) == (429, "too_many_downloads")
    assert refused.headers["Retry-After"] == "10"
    first.close()
    for method in ("GET", "HEAD", "GET"):
        with client.open(path, method=method) as again:
            assert again.status_code == 200


class AbsentArtifacts(MemoryArtifacts):
    """Are away from the given read on."""

    def __init__(self, stored: MemoryArtifacts, reads: int) -> None:
        super().__init__()
        self.stored = stored.stored
        self.left = reads

    def read(self, owner: str, name: str) -> Iterator[bytes]:
        self.left -= 1
        if self.left < 0:
            raise BackendUnavailable("Redis is away.")
        yield from super().read(owner, name)


def without_artifacts(farm: Farm, reads: int) -> TestResponse:
    service = replace(farm.service, artifacts=AbsentArtifacts(farm.artifacts, reads))
    client = create_app(ApiSettings(), service).test_client()
    return client.get(f"/v1/batches/{farm.batch_id}/archive.zip")


def test_a_redis_that_is_away_from_the_start_is_503(farm: Farm) -> None:
    answer = without_artifacts(farm, 0)
    assert (answer.status_code, answer.get_json()["code"]) == (503, "backend_unavailable")


def test_a_redis_that_goes_away_in_the_middle_breaks_it_off(farm: Farm) -> None:
    farm.ended(farm.waiting, "Last")
    answer = without_artifacts(farm, 3)
    assert answer.status_code == 200
    with pytest.raises(BackendUnavailable):
        list(answer.iter_encoded())
