"""The page kinds through the whole farm: one load, many artifacts."""

import hashlib
import json
from typing import Any

import httpx
from redis import Redis

from dev.stack import Stack
from farm.client.http import FarmClient
from farm.jobs.states import JobState
from farm.jobs.views import JobView
from tests.support.redis_contents import everything_in
from tests.support.site import Site
from tests.support.waiting import until

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


def test_113_scripts_of_a_page_that_was_kept_cannot_act_as_the_api_s(
    farm: Stack, client: FarmClient
) -> None:
    html = "<!doctype html><svg onload='alert(1)'></svg><script>alert(1)</script>"
    job = run_job(client, kind="content", html=html, collect=["html"])
    kept = next(each for each in job.artifacts if each.name == "page.html")
    answer = httpx.get(f"{farm.url}{kept.url}")
    assert "<script>alert(1)</script>" in answer.text
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


def test_114_markup_in_a_title_is_never_markup_of_an_answer(
    farm: Stack, client: FarmClient
) -> None:
    title = "</script><img src=x onerror=alert(1)>"
    html = f"<!doctype html><title>{title.replace('<', '&lt;')}</title><p>Hello"
    job = run_job(client, kind="content", html=html)
    assert job.report is not None
    assert job.report["title"] == title
    for path in (f"/v1/jobs/{job.id}", "/v1/jobs", f"/v1/jobs/{job.id}/result"):
        answer = httpx.get(f"{farm.url}{path}")
        assert answer.headers["Content-Type"] == "application/json"
        assert title in json.dumps(answer.json())


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


def test_116_a_caller_s_secrets_are_in_no_answer_no_artifact_no_log_and_not_in_flower(
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
    with httpx.Client(base_url=farm.flower_url, auth=("farm", farm.flower_password)) as flower:
        until(
            lambda: flower.get(f"/api/task/info/{job.id}").status_code == 200,
            "Flower shows the job under its id",
            timeout_s=30,
        )
        for path in (f"/api/task/info/{job.id}", f"/task/{job.id}", "/api/tasks", "/api/workers"):
            answer = flower.get(path)
            assert answer.status_code == 200, path
            assert secret not in answer.text
    assert secret not in (farm.run_dir / "farm.log").read_text(encoding="utf-8", errors="replace")
    with Redis.from_url(farm.redis_url) as redis:
        assert job.id in (held := everything_in(redis))
        assert secret not in held


def test_a_page_at_fault_leaves_no_artifact_and_says_why(client: FarmClient, site: Site) -> None:
    job = run_job(client, kind="pdf", url=site.url("/no-content"), collect=EVERYTHING)
    assert (job.state, job.artifacts) == (JobState.FAILED, ())
    assert job.failure is not None
    assert job.failure.code == "empty_response"
