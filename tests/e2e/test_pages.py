"""The page kinds through the whole farm: one load, many artifacts."""

import hashlib
import json
from typing import Any

import httpx

from dev.stack import Stack
from farm.client.http import FarmClient
from farm.jobs.states import JobState
from farm.jobs.views import JobView
from tests.support.site import Site

EVERYTHING = ["html", "text", "pdf", "har", "console", "network", "thumbnail"]
MEDIA_TYPES = {
    "content.json": "application/json",
    "page.html": "text/html; charset=utf-8",
    "page.txt": "text/plain; charset=utf-8",
    "page.pdf": "application/pdf",
    "network.har": "application/json",
    "console.json": "application/json",
    "network.json": "application/json",
    "thumbnail.webp": "image/webp",
}


def run_job(client: FarmClient, **spec: Any) -> JobView:
    return client.wait(client.submit(spec), timeout_s=60)


def test_one_load_gives_all_that_is_asked_for(farm: Stack, client: FarmClient, site: Site) -> None:
    before = site.seen("/article")
    job = run_job(client, kind="content", url=site.url("/article"), collect=EVERYTHING)
    assert job.state is JobState.SUCCEEDED, job.failure
    assert site.seen("/article") == before + 1
    assert {each.name: each.media_type for each in job.artifacts} == MEDIA_TYPES
    for artifact in job.artifacts:
        answer = httpx.get(f"{farm.url}{artifact.url}")
        assert answer.headers["Content-Type"] == artifact.media_type
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert len(answer.content) == artifact.size_bytes > 0
        assert hashlib.sha256(answer.content).hexdigest() == artifact.sha256


def test_a_page_of_the_farm_s_own_is_no_page_of_the_api(
    farm: Stack, client: FarmClient, site: Site
) -> None:
    job = run_job(client, kind="content", url=site.url("/article"), collect=["html"])
    html = next(each for each in job.artifacts if each.name == "page.html")
    answer = httpx.get(f"{farm.url}{html.url}")
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_html_of_the_caller_s_own_is_rendered(client: FarmClient) -> None:
    job = run_job(client, kind="content", html="<title>Bill</title><p>Total: <b>7</b>")
    assert job.state is JobState.SUCCEEDED, job.failure
    found = json.loads(client.result(job.id))
    assert (found["title"], found["text"]) == ("Bill", "Total: 7")
    assert job.report is not None
    assert job.report["final_url"] is None


def test_a_pdf_is_a_pdf(client: FarmClient, site: Site) -> None:
    job = run_job(client, kind="pdf", url=site.url("/two-pages"))
    assert job.state is JobState.SUCCEEDED, job.failure
    assert client.result(job.id).startswith(b"%PDF-")


def test_a_caller_s_secrets_are_in_no_answer_and_no_artifact(
    farm: Stack, client: FarmClient, site: Site
) -> None:
    secret = "hunter2-hunter2"
    job = run_job(
        client,
        kind="screenshot",
        url=site.url("/colours"),
        extra_http_headers={"X-Token": secret},
        cookies=[{"name": "session", "value": secret}],
        http_credentials={"username": "ann", "password": secret},
        collect=["har", "network", "console"],
    )
    assert job.state is JobState.SUCCEEDED, job.failure
    assert site.headers("/colours")["x-token"] == secret
    assert secret not in httpx.get(f"{farm.url}/v1/jobs/{job.id}").text
    for artifact in job.artifacts[1:]:
        assert secret not in httpx.get(f"{farm.url}{artifact.url}").text
    assert secret not in (farm.run_dir / "farm.log").read_text(encoding="utf-8", errors="replace")


def test_a_page_at_fault_leaves_no_artifact_and_says_why(client: FarmClient, site: Site) -> None:
    job = run_job(client, kind="pdf", url=site.url("/no-content"), collect=EVERYTHING)
    assert (job.state, job.artifacts) == (JobState.FAILED, ())
    assert job.failure is not None
    assert job.failure.code == "empty_response"
