"""Links that read an artifact, or results of a batch, without a key, for a while."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from api.app import create_app
from api.settings import ApiSettings
from farm.client.cli import cli
from farm.client.http import FarmClient
from farm.jobs.batches.views import RESULTS
from farm.jobs.links import LINK_MAX_S
from farm.jobs.models import Job
from tests.support.builders import NOON, MemoryFarm
from tests.support.keyed import Holder, KeyedFarm

CONTENT = b"\x89PNG and so on"
NAMES = ("screenshot.png", "page.html")


@pytest.fixture
def farm() -> KeyedFarm:
    return KeyedFarm()


@pytest.fixture
def ann(farm: KeyedFarm) -> Holder:
    return farm.holder()


def finished(farm: MemoryFarm, job: Job) -> Job:
    running = job.claimed("worker-1", NOON, redeliveries=0)
    made = [
        farm.artifacts.put(running.run_id, name, media_type, [CONTENT], ttl_s=60)
        for name, media_type in zip(NAMES, ("image/png", "text/html"), strict=True)
    ]
    done = running.succeeded(NOON, artifacts=made, report={})
    assert farm.ledger.swap(running)
    assert farm.ledger.swap(done)
    return done


def job_of(farm: KeyedFarm, holder: Holder) -> Job:
    return finished(farm, farm.ledger.get(holder.submit().get_json()["id"]))


def linked(holder: Holder, job: Job, name: str = NAMES[0], **said: Any) -> TestResponse:
    return holder.call("POST", f"/v1/jobs/{job.id}/artifacts/{name}/link", json=said)


def problem(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def test_whoever_has_a_link_reads_the_artifact_from_wherever_it_is(
    farm: KeyedFarm, ann: Holder
) -> None:
    made = linked(ann, job_of(farm, ann), expires_in=60)
    assert (made.status_code, made.headers["Cache-Control"]) == (200, "no-store")
    assert made.get_json()["expires_at"] == "2026-01-01T12:01:00.000Z"
    page = {"Host": "farm.test", "Origin": "http://page.test", "Sec-Fetch-Site": "cross-site"}
    answer = farm.client.get(made.get_json()["url"], headers=page)
    assert (answer.status_code, answer.data) == (200, CONTENT)
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["Content-Disposition"].startswith("inline")
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_113_html_behind_a_link_is_a_download_as_ever(farm: KeyedFarm, ann: Holder) -> None:
    url = linked(ann, job_of(farm, ann), "page.html").get_json()["url"]
    answer = farm.client.get(url)
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_link_ends_when_it_said(farm: KeyedFarm, ann: Holder) -> None:
    url = linked(ann, job_of(farm, ann), expires_in=60).get_json()["url"]
    farm.clock.advance(59.999)
    assert farm.client.get(url).status_code == 200
    farm.clock.advance(0.001)
    assert problem(farm.client.get(url)) == (403, "invalid_link")


def test_a_link_is_for_one_artifact_of_one_job_until_one_time(farm: KeyedFarm, ann: Holder) -> None:
    job, other = job_of(farm, ann), job_of(farm, ann)
    url = linked(ann, job).get_json()["url"]
    parts = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    expires, signature = parts["expires"], parts["signature"]
    here = f"/v1/jobs/{job.id}/artifacts"
    forged = [
        f"/v1/jobs/{other.id}/artifacts/{NAMES[0]}?expires={expires}&signature={signature}",
        f"{here}/{NAMES[1]}?expires={expires}&signature={signature}",
        f"{here}/{NAMES[0]}?expires={int(expires) + 1}&signature={signature}",
        f"{here}/{NAMES[0]}?expires={expires}&signature={signature[:-1]}",
        f"{here}/{NAMES[0]}?expires={expires}&signature={signature.upper()}x",
        f"{here}/{NAMES[0]}?expires={expires}&signature=",
        f"{here}/{NAMES[0]}?expires={expires}&signature=夏",
        f"{here}/{NAMES[0]}?signature={signature}",
        f"{here}/{NAMES[0]}?expires=&signature={signature}",
        f"{here}/{NAMES[0]}?expires=99999999999999999999&signature={signature}",
        f"{here}/{NAMES[0]}?expires=٤&signature={signature}",
        f"{here}/{NAMES[0]}?expires=-1&signature={signature}",
    ]
    for each in forged:
        assert problem(farm.client.get(each)) == (403, "invalid_link"), each
    assert farm.client.get(url).status_code == 200


@pytest.mark.parametrize("path", ["", "/result", "/artifacts/page.html"])
def test_a_signature_opens_nothing_beside_its_artifact(
    farm: KeyedFarm, ann: Holder, path: str
) -> None:
    job = job_of(farm, ann)
    query = urlsplit(linked(ann, job).get_json()["url"]).query
    answer = farm.client.get(f"/v1/jobs/{job.id}{path}?{query}")
    assert answer.status_code in {401, 403}
    assert farm.client.delete(f"/v1/jobs/{job.id}?{query}").status_code == 401


def test_109_nobody_makes_a_link_to_another_s_artifact(farm: KeyedFarm, ann: Holder) -> None:
    job = job_of(farm, ann)
    assert problem(linked(farm.holder(), job)) == (404, "unknown_job")


def test_a_link_needs_an_artifact(farm: KeyedFarm, ann: Holder) -> None:
    job = job_of(farm, ann)
    assert problem(linked(ann, job, "nope")) == (404, "unknown_artifact")
    queued = farm.ledger.get(ann.submit().get_json()["id"])
    assert problem(linked(ann, queued)) == (409, "not_finished")


@pytest.mark.parametrize("expires_in", [0, -1, LINK_MAX_S + 1, "60", 1.5, None])
def test_a_link_is_good_for_a_week_at_most(
    farm: KeyedFarm, ann: Holder, expires_in: object
) -> None:
    answer = linked(ann, job_of(farm, ann), expires_in=expires_in)
    assert problem(answer) == (422, "invalid_spec")
    assert answer.get_json()["errors"][0]["field"] == "expires_in"


def test_what_is_forgotten_has_no_link_any_more(farm: KeyedFarm, ann: Holder) -> None:
    job = job_of(farm, ann)
    url = linked(ann, job).get_json()["url"]
    assert ann.call("DELETE", f"/v1/jobs/{job.id}").status_code == 204
    assert problem(farm.client.get(url)) == (404, "unknown_job")


def test_a_secret_of_the_operator_s_outlives_redis() -> None:
    secret = "x" * 32
    farm, later = KeyedFarm(secret=secret), KeyedFarm(secret=secret)
    url = linked(farm.operator, job_of(farm, farm.operator)).get_json()["url"]
    assert problem(later.client.get(url)) == (404, "unknown_job")
    assert problem(KeyedFarm(secret="y" * 32).client.get(url)) == (403, "invalid_link")


class TestResults:
    """Links to all that a batch came to."""

    def batch_of(self, holder: Holder) -> str:
        body = {"defaults": {"kind": "screenshot"}, "items": ["https://page.test/"]}
        return str(holder.call("POST", "/v1/batches", json=body).get_json()["id"])

    def linked(self, holder: Holder, batch_id: str, name: str, **said: Any) -> TestResponse:
        return holder.call("POST", f"/v1/batches/{batch_id}/{name}/link", json=said)

    @pytest.mark.parametrize("name", RESULTS)
    def test_whoever_has_a_link_reads_these_results_until_it_ends(
        self, farm: KeyedFarm, ann: Holder, name: str
    ) -> None:
        batch_id, other = self.batch_of(ann), self.batch_of(ann)
        made = self.linked(ann, batch_id, name, expires_in=60)
        assert (made.status_code, made.headers["Cache-Control"]) == (200, "no-store")
        url = made.get_json()["url"]
        page = {"Host": "farm.test", "Origin": "http://page.test", "Sec-Fetch-Site": "cross-site"}
        answer = farm.client.get(url, headers=page)
        own = ann.get(f"/v1/batches/{batch_id}/{name}")
        assert (answer.status_code, answer.content_type) == (200, own.content_type)
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.data[:8] == own.data[:8] != b""
        here = f"/v1/batches/{batch_id}"
        query = urlsplit(url).query
        others = [f"{here}/{each}" for each in RESULTS if each != name]
        for path in (f"/v1/batches/{other}/{name}", *others):
            assert problem(farm.client.get(f"{path}?{query}")) == (403, "invalid_link"), path
        for path in (here, f"{here}/jobs", f"{here}/events"):
            assert farm.client.get(f"{path}?{query}").status_code == 401, path
        farm.clock.advance(60)
        assert problem(farm.client.get(url)) == (403, "invalid_link")

    def test_the_link_of_an_artifact_is_not_one_to_results(
        self, farm: KeyedFarm, ann: Holder
    ) -> None:
        batch_id = self.batch_of(ann)
        query = urlsplit(linked(ann, job_of(farm, ann)).get_json()["url"]).query
        answer = farm.client.get(f"/v1/batches/{batch_id}/archive.zip?{query}")
        assert problem(answer) == (403, "invalid_link")

    def test_109_nobody_makes_a_link_to_another_s_results(
        self, farm: KeyedFarm, ann: Holder
    ) -> None:
        answer = self.linked(farm.holder(), self.batch_of(ann), "archive.zip")
        assert problem(answer) == (404, "unknown_batch")

    def test_there_are_no_other_results(self, ann: Holder) -> None:
        answer = self.linked(ann, self.batch_of(ann), "jobs")
        assert problem(answer) == (404, "not_found")
        assert "report.html" in answer.get_json()["detail"]

    def test_what_is_wrong_with_a_link_is_named(self, ann: Holder) -> None:
        answer = self.linked(ann, self.batch_of(ann), "archive.zip", expires_in=LINK_MAX_S + 1)
        assert problem(answer) == (422, "invalid_spec")
        assert answer.get_json()["errors"][0]["field"] == "expires_in"

    def test_110_the_same_request_twice_is_one_link(self, farm: KeyedFarm, ann: Holder) -> None:
        path = f"/v1/batches/{self.batch_of(ann)}/report.html/link"
        key = {"Idempotency-Key": "order 7"}
        first = ann.call("POST", path, json={}, headers=key)
        farm.clock.advance(30)
        again = ann.call("POST", path, json={}, headers=key)
        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.get_json() == first.get_json()
        other = ann.call("POST", path.replace("report.html", "archive.zip"), json={}, headers=key)
        assert problem(other) == (422, "idempotency_conflict")


class TestClient:
    """The command and the client, over the farm's own API."""

    def run(self, farm: MemoryFarm, *arguments: str) -> Result:
        app = create_app(ApiSettings(), farm.service)
        transport = httpx.WSGITransport(app)

        def client(url: str | None, key: str | None) -> FarmClient:
            return FarmClient(url or "http://localhost:8000", key or "", transport=transport)

        with capture_logs():
            return CliRunner(env={"FARM_KEY": "", "FARM_URL": ""}).invoke(
                cli, arguments, obj=client, prog_name="farm"
            )

    @pytest.mark.parametrize("name", [None, *NAMES])
    def test_a_link_is_printed_whole(self, name: str | None) -> None:
        farm = MemoryFarm()
        job = finished(farm, farm.submit())
        done = self.run(farm, "link", job.id, *([name] if name else []), "--expires-in", "60")
        assert (done.exit_code, done.stderr) == (0, "")
        url = done.stdout.strip()
        assert url.startswith(
            f"http://localhost:8000/v1/jobs/{job.id}/artifacts/{name or NAMES[0]}?"
        )
        client: FlaskClient = create_app(ApiSettings(), farm.service).test_client()
        assert client.get(url.removeprefix("http://localhost:8000")).data == CONTENT

    def test_a_link_to_all_results_of_a_batch_is_printed_whole(self) -> None:
        farm = MemoryFarm()
        client: FlaskClient = create_app(ApiSettings(), farm.service).test_client()
        body = {"defaults": {"kind": "pdf"}, "items": ["https://page.test/"]}
        batch_id = client.post("/v1/batches", json=body).get_json()["id"]
        done = self.run(farm, "link", batch_id, "results.csv")
        assert (done.exit_code, done.stderr) == (0, "")
        url = done.stdout.strip()
        assert url.startswith(f"http://localhost:8000/v1/batches/{batch_id}/results.csv?")
        assert b"page.test" in client.get(url.removeprefix("http://localhost:8000")).data

    def test_where_there_is_nothing_to_link_to_the_farm_says_why(self) -> None:
        farm = MemoryFarm()
        done = self.run(farm, "link", farm.submit().id)
        assert done.exit_code == 2
        assert "queued" in done.stderr
