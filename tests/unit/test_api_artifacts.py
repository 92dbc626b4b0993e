"""The bytes that jobs made, and the headers that keep them harmless."""

import hashlib

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from farm.jobs.errors import DnsError
from farm.jobs.models import Job
from tests.support.builders import NOON, MemoryFarm

CONTENT = b"\x89PNG" + bytes(range(256))
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def finished(farm: MemoryFarm, name: str = "made", media_type: str = "image/png") -> Job:
    """Return a job that made one artifact, as a worker leaves it."""
    job = farm.submit().claimed("worker-1", NOON, redeliveries=0)
    made = farm.artifacts.put(job.run_id, name, media_type, [CONTENT], ttl_s=60)
    done = job.succeeded(NOON, artifacts=[made], report={})
    assert farm.ledger.swap(job)
    assert farm.ledger.swap(done)
    return done


def result(client: FlaskClient, job: Job, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get(f"/v1/jobs/{job.id}/result", headers=named)


def lasting_headers(answer: TestResponse) -> dict[str, str]:
    own = {"Date", "X-Request-ID"}  # Of each answer.
    return {name: value for name, value in answer.headers.items() if name not in own}


def problem(answer: TestResponse) -> tuple[int, str | None, str]:
    assert answer.content_type == "application/problem+json"
    return answer.status_code, answer.headers.get("Retry-After"), answer.get_json()["code"]


def test_result_and_artifact_are_the_same_bytes_with_the_same_headers(
    farm: MemoryFarm, client: FlaskClient
) -> None:
    job = finished(farm, "screenshot.png")
    by_name = client.get(f"/v1/jobs/{job.id}/artifacts/screenshot.png")
    assert by_name.data == result(client, job).data == CONTENT
    assert lasting_headers(by_name) == lasting_headers(result(client, job))


def test_a_result_carries_the_headers_that_keep_it_harmless(
    farm: MemoryFarm, client: FlaskClient
) -> None:
    job = finished(farm, "screenshot.png")
    assert lasting_headers(result(client, job)) == {
        "Content-Type": "image/png",
        "Content-Length": str(len(CONTENT)),
        "Content-Disposition": f'inline; filename="{job.id}-screenshot.png"',
        "Cache-Control": "private, no-cache",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "ETag": f'"{SHA256}"',
    }


@pytest.mark.parametrize(
    ("media_type", "disposition"),
    [
        ("image/png", "inline"),
        ("image/jpeg", "inline"),
        ("image/webp", "inline"),
        ("application/json", "attachment"),
        ("text/html; charset=utf-8", "attachment"),
        ("text/plain; charset=utf-8", "attachment"),
        ("image/svg+xml", "attachment"),
        ("application/pdf", "attachment"),
    ],
)
def test_113_only_pictures_are_shown_and_all_else_is_a_download_that_may_do_nothing(
    farm: MemoryFarm, client: FlaskClient, media_type: str, disposition: str
) -> None:
    answer = result(client, finished(farm, media_type=media_type))
    assert answer.headers["Content-Disposition"].split(";")[0] == disposition
    assert answer.headers["Content-Type"] == media_type
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


@pytest.mark.parametrize("tag", [f'"{SHA256}"', f'W/"{SHA256}"', f'"other", "{SHA256}"', "*"])
def test_bytes_that_the_caller_has_are_304_and_empty(
    farm: MemoryFarm, client: FlaskClient, tag: str
) -> None:
    answer = result(client, finished(farm), If_None_Match=tag)
    assert (answer.status_code, answer.data) == (304, b"")
    assert answer.headers["ETag"] == f'"{SHA256}"'


@pytest.mark.parametrize("tag", ['"other"', SHA256[:10], 'garbage,,"'])
def test_bytes_that_the_caller_has_not_are_sent(
    farm: MemoryFarm, client: FlaskClient, tag: str
) -> None:
    assert result(client, finished(farm), If_None_Match=tag).data == CONTENT


@pytest.mark.parametrize("condition", ["If-Match", "If-Range", "If-Unmodified-Since", "Range"])
def test_bytes_are_sent_whole_under_any_other_condition(
    farm: MemoryFarm, client: FlaskClient, condition: str
) -> None:
    answer = result(client, finished(farm), **{condition: '"other"'})
    assert (answer.status_code, answer.data) == (200, CONTENT)


def test_a_head_request_has_the_length_and_no_bytes(farm: MemoryFarm, client: FlaskClient) -> None:
    answer = client.head(f"/v1/jobs/{finished(farm).id}/result")
    assert (answer.headers["Content-Length"], answer.data) == (str(len(CONTENT)), b"")


@pytest.mark.parametrize("path", ["result", "artifacts/made"])
class TestWithoutBytes:
    def test_an_open_job_is_409_and_says_when_to_ask_again(
        self, farm: MemoryFarm, client: FlaskClient, path: str
    ) -> None:
        answer = client.get(f"/v1/jobs/{farm.submit().id}/{path}")
        assert problem(answer) == (409, "2", "not_finished")

    def test_a_failed_job_is_409_with_its_failure(
        self, farm: MemoryFarm, client: FlaskClient, path: str
    ) -> None:
        job = farm.submit().failed(DnsError("No such host."), NOON)
        farm.ledger.swap(job)
        answer = client.get(f"/v1/jobs/{job.id}/{path}")
        assert problem(answer) == (409, None, "job_failed")
        assert answer.get_json()["failure"] == {
            "code": "dns_error",
            "message": "No such host.",
            "retryable": False,
        }

    def test_a_cancelled_job_is_409_without_a_failure(
        self, farm: MemoryFarm, client: FlaskClient, path: str
    ) -> None:
        job = farm.submit()
        farm.service.cancel_or_forget(job.id)
        answer = client.get(f"/v1/jobs/{job.id}/{path}")
        assert problem(answer) == (409, None, "job_failed")
        assert answer.get_json().get("failure") is None

    def test_bytes_that_are_gone_are_410(
        self, farm: MemoryFarm, client: FlaskClient, path: str
    ) -> None:
        job = finished(farm)
        farm.artifacts.expire(job.run_id, "made", 0)
        answer = client.get(f"/v1/jobs/{job.id}/{path}")
        assert problem(answer) == (410, None, "artifact_evicted")

    def test_an_unknown_job_is_404(self, client: FlaskClient, path: str) -> None:
        assert problem(client.get(f"/v1/jobs/nope/{path}")) == (404, None, "unknown_job")


@pytest.mark.parametrize("name", ["nope.png", "..", "%2e%2e", "made%00", "made.png", "MADE"])
def test_an_artifact_that_was_not_made_is_404(
    farm: MemoryFarm, client: FlaskClient, name: str
) -> None:
    answer = client.get(f"/v1/jobs/{finished(farm).id}/artifacts/{name}")
    assert answer.status_code == 404
    assert answer.get_json()["code"] in {"unknown_artifact", "not_found"}


def test_forgetting_a_job_drops_its_bytes(farm: MemoryFarm, client: FlaskClient) -> None:
    job = finished(farm)
    assert client.delete(f"/v1/jobs/{job.id}").status_code == 204
    assert farm.artifacts.find(job.run_id, "made") is None
