"""Every error is a problem of one shape, whatever a caller sends and whatever breaks."""

from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from api.app import create_app
from api.bodies import JSON_MAX_BYTES
from api.problems import STATUSES
from api.settings import ApiSettings
from farm.backends.memory import MemoryLedger
from farm.backends.memory_batches import MemoryBatches
from farm.jobs.batches.models import Batch
from farm.jobs.batches.service import SUBMIT_BATCH
from farm.jobs.errors import BackendUnavailable, DnsError
from farm.jobs.models import Artifact, Job
from farm.jobs.ports import Refusal, Reserved
from tests.support.builders import NOON, MemoryFarm, a_job, a_spec

GONE = Artifact(name="screenshot.png", media_type="image/png", size_bytes=1, sha256="ab")
Answer = tuple[str, str, dict[str, Any], int, str]
"""Method, path, what is sent; status and code of the answer."""
JSON = {"content_type": "application/json"}
USED = {"Idempotency-Key": "k"}
URLS = {"data": b"no URL", "content_type": "text/plain"}
GOOD_START = '{"kind": "screenshot", "url": "http://page.test/"'


WITH_SECRET = a_spec(extra_http_headers={"Authorization": "hunter2"})


class BreakingLedger(MemoryLedger):
    """Breaks where the id says so, cannot store a job tagged ``away``, has no room for ``full``."""

    def get(self, job_id: str) -> Job:
        if job_id == "away":
            raise BackendUnavailable("Redis is away.")
        if job_id == "broken":
            raise RuntimeError("redis://:hunter2@redis.test")
        return super().get(job_id)

    def add(self, new: Job, *, backlog_max: int, owner_max: int | None) -> Refusal | None:
        room = 0 if "full" in new.spec.tags else backlog_max
        return super().add(new, backlog_max=room, owner_max=owner_max)

    def swap(self, new: Job) -> bool:
        if "away" in new.spec.tags:
            raise BackendUnavailable("Redis is away.")
        return super().swap(new)


@pytest.fixture
def farm() -> MemoryFarm:
    """A farm with one job of each sort, and an idempotency key of another request."""
    farm = MemoryFarm()
    farm.ledger = BreakingLedger(farm.clock)
    farm.batches = MemoryBatches(farm.ledger, farm.clock)
    farm.service = replace(farm.service, ledger=farm.ledger, batches=farm.batches)
    for job_id in ("queued", "failed", "done", "expired"):
        farm.ledger.swap(a_job(job_id))
    farm.ledger.swap(a_job("failed").failed(DnsError("No such host."), NOON))
    farm.ledger.swap(a_job("expired").cancelled(NOON - timedelta(days=9)))
    farm.ledger.swap(a_job("secret", spec=WITH_SECRET))
    farm.ledger.swap(a_job("secret", spec=WITH_SECRET).cancelled(NOON))
    running = a_job("done").claimed("worker-1", NOON, redeliveries=0)
    farm.ledger.swap(running)
    farm.ledger.swap(running.succeeded(NOON, artifacts=[GONE], report={}))
    farm.reservations.reserve("", "k", Reserved("done", "ab"))
    farm.ledger.batches["ended"] = Batch(id="ended", created_at=NOON)
    farm.reservations.reserve("", "batch", Reserved("over", SUBMIT_BATCH))
    farm.reservations.spend("over")
    return farm


@pytest.fixture
def client(farm: MemoryFarm) -> FlaskClient:
    return create_app(
        ApiSettings(upload_max_bytes=1000, batch_max_bytes=1000), farm.service
    ).test_client()


def submitted(client: FlaskClient, content: str | bytes) -> TestResponse:
    return client.post("/v1/jobs", data=content, **JSON)


def is_stored(farm: MemoryFarm) -> bool:
    open_ids = {job.id for job in farm.ledger.due(NOON + timedelta(days=365), 100)}
    return open_ids != {"queued"}


ANSWERS: list[Answer] = [
    ("POST", "/v1/jobs", {"data": b"{", **JSON}, 400, "invalid_json"),
    ("POST", "/v1/uploads", {"environ_overrides": {"CONTENT_LENGTH": "9"}}, 400, "bad_request"),
    ("GET", "/v1/jobs", {"headers": {"Host": "farm.test"}}, 403, "forbidden_host"),
    ("GET", "/v1/jobs", {"headers": {"Origin": "http://page.test"}}, 403, "forbidden_origin"),
    ("GET", "/nope", {}, 404, "not_found"),
    ("POST", "/v1/jobs/", {"json": {}}, 404, "not_found"),
    ("GET", "/v1/jobs/nope", {}, 404, "unknown_job"),
    ("DELETE", "/v1/jobs/nope", {}, 404, "unknown_job"),
    ("GET", "/v1/jobs/nope/result", {}, 404, "unknown_job"),
    ("GET", "/v1/batches/nope", {}, 404, "unknown_batch"),
    ("POST", "/v1/jobs/nope/retry", {}, 404, "unknown_job"),
    ("GET", "/v1/jobs/done/artifacts/nope", {}, 404, "unknown_artifact"),
    ("DELETE", "/v1/uploads/nope", {}, 404, "unknown_upload"),
    ("DELETE", "/v1/keys/nope", {}, 404, "unknown_key"),
    ("PUT", "/v1/jobs", {}, 405, "method_not_allowed"),
    ("GET", "/v1/jobs/queued/result", {}, 409, "not_finished"),
    ("GET", "/v1/jobs/failed/result", {}, 409, "job_failed"),
    ("POST", "/v1/jobs/queued/retry", {}, 409, "nothing_to_retry"),
    ("POST", "/v1/jobs/done/retry", {}, 409, "nothing_to_retry"),
    ("POST", "/v1/jobs/secret/retry", {}, 409, "secrets_needed"),
    ("POST", "/v1/jobs/secret/retry", {"data": b"{", **JSON}, 400, "invalid_json"),
    ("POST", "/v1/jobs/secret/retry", {"data": b"{}"}, 415, "unsupported_media_type"),
    ("POST", "/v1/jobs/secret/retry", {"json": {"url": "a"}}, 422, "invalid_spec"),
    ("POST", "/v1/batches/ended/pause", {}, 409, "batch_over"),
    ("GET", "/v1/jobs/expired", {}, 410, "job_expired"),
    ("POST", "/v1/jobs/done/webhook", {}, 409, "nothing_to_deliver"),
    ("POST", "/v1/jobs/expired/retry", {}, 410, "job_expired"),
    ("GET", "/v1/jobs/done/result", {}, 410, "artifact_evicted"),
    (
        "POST",
        "/v1/batches",
        {**URLS, "headers": {"Idempotency-Key": "batch"}},
        410,
        "batch_expired",
    ),
    ("POST", "/v1/jobs", {"data": b" " * (JSON_MAX_BYTES + 1), **JSON}, 413, "payload_too_large"),
    ("POST", "/v1/uploads", {"data": b" " * 1001}, 413, "payload_too_large"),
    ("POST", "/v1/batches", {**URLS, "data": b" " * 1001}, 413, "payload_too_large"),
    ("POST", "/v1/jobs", {"data": b"{}"}, 415, "unsupported_media_type"),
    ("POST", "/v1/batches", {"data": b"{}"}, 415, "unsupported_media_type"),
    (
        "POST",
        "/v1/jobs",
        {"data": b"{}", "content_type": "text/plain"},
        415,
        "unsupported_media_type",
    ),
    ("POST", "/v1/jobs", {"data": {"kind": "screenshot"}}, 415, "unsupported_media_type"),
    ("POST", "/v1/jobs", {"json": {}}, 422, "invalid_spec"),
    ("POST", "/v1/jobs/failed/retry", {"headers": {"Idempotency-Key": "é"}}, 422, "invalid_spec"),
    ("POST", "/v1/jobs/failed/retry", {"headers": USED}, 422, "idempotency_conflict"),
    ("POST", "/v1/uploads", {"data": b"abc", "headers": USED}, 422, "idempotency_conflict"),
    ("POST", "/v1/batches", {**URLS, "headers": USED}, 422, "idempotency_conflict"),
    ("POST", "/v1/batches", URLS, 422, "invalid_spec"),
    ("GET", "/v1/jobs/queued?wait=31", {}, 422, "invalid_spec"),
    ("GET", "/v1/jobs?cursor=x", {}, 422, "invalid_spec"),
    ("POST", "/v1/jobs", {"data": GOOD_START + ', "tags": ["full"]}', **JSON}, 429, "queue_full"),
    ("GET", "/v1/jobs/broken", {}, 500, "internal_error"),
    ("GET", "/v1/jobs/away", {}, 503, "backend_unavailable"),
    ("DELETE", "/v1/jobs/away", {}, 503, "backend_unavailable"),
    (
        "POST",
        "/v1/jobs",
        {"data": GOOD_START + ', "tags": ["away"]}', **JSON},
        503,
        "backend_unavailable",
    ),
]

TAKE_A_KEY = {
    (401, "unauthenticated"),
    (403, "scope_required"),
    (403, "invalid_link"),
    (409, "would_lock_out"),
    (429, "rate_limited"),
}
"""Errors of a farm that has keys; test_api_auth.py and its neighbours have them."""
TAKE_MANY = {(429, "too_many_downloads")}
"""Errors that one request alone does not end in; test_api_results.py has it."""


@pytest.mark.parametrize(
    "row", ANSWERS, ids=[f"{status} {method} {path}" for method, path, _, status, _ in ANSWERS]
)
def test_every_error_is_a_problem_of_one_shape(
    farm: MemoryFarm, client: FlaskClient, row: Answer
) -> None:
    method, path, sent, status, code = row
    answer = client.open(path, method=method, **sent)
    problem = answer.get_json(force=True)
    assert (answer.status_code, problem["code"]) == (status, code)
    assert answer.content_type == "application/problem+json"
    documented = {"type", "title", "status", "detail", "code", "errors", "retryable", "trace_id"}
    assert set(problem) - {"failure"} == documented
    assert ("failure" in problem) == (code == "job_failed")
    assert (problem["type"], problem["status"]) == (f"/docs/errors#{code}", status)
    assert bool(problem["errors"]) == (code in {"invalid_spec", "secrets_needed"})
    assert ("Retry-After" in answer.headers) == problem["retryable"]
    assert all(problem[key] for key in ("title", "detail", "trace_id"))
    assert not is_stored(farm)


def test_every_error_that_has_a_status_is_in_the_table_above_or_takes_a_key() -> None:
    assert {(status, code) for *_, status, code in ANSWERS} | TAKE_A_KEY | TAKE_MANY == {
        (status.value, error.code) for error, status in STATUSES.items()
    }


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/jobs", {"GET", "HEAD", "POST", "OPTIONS"}),
        ("GET", "/v1/jobs/failed/retry", {"POST", "OPTIONS"}),
        ("POST", "/v1/pressure", {"GET", "HEAD", "OPTIONS"}),
        ("POST", "/v1/workers", {"GET", "HEAD", "OPTIONS"}),
        ("PATCH", "/v1/jobs/queued", {"GET", "HEAD", "DELETE", "OPTIONS"}),
        ("POST", "/v1/jobs/done/result", {"GET", "HEAD", "OPTIONS"}),
        ("POST", "/healthz", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_wrong_method_is_405_with_those_that_are_right(
    client: FlaskClient, method: str, path: str, allowed: set[str]
) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == allowed


HOSTILE: dict[str, tuple[str | bytes, int]] = {
    "empty": (b"", 400),
    "white space": (b" \n", 400),
    "cut off": (GOOD_START, 400),
    "two documents": (b"{} {}", 400),
    "a comment": (b"{} // x", 400),
    "single quotes": (b"{'kind': 'probe'}", 400),
    "a trailing comma": (GOOD_START + ",}", 400),
    "a byte order mark": (b"\xef\xbb\xbf" + GOOD_START.encode() + b"}", 400),
    "UTF-16": ((GOOD_START + "}").encode("utf-16"), 400),
    "invalid UTF-8": (b'{"kind": "\xff"}', 400),
    "an encoded surrogate": (b'{"kind": "\xed\xa0\x80"}', 400),
    "a raw control character": (b'{"kind": "a\x00b"}', 400),
    "arrays 30000 deep": ("[" * 30_000, 400),
    "objects 10000 deep": ('{"a":' * 10_000 + "1" + "}" * 10_000, 400),
    "deep inside a spec": (GOOD_START + ', "metadata": ' + "[" * 20 + "]" * 20 + "}", 400),
    "closed more than opened": ("]" * 30_000 + "[" * 30_000, 400),
    "a name twice": (GOOD_START + ', "url": "http://other.test/"}', 400),
    "a name twice, escaped": (GOOD_START + ', "\\u0075rl": "http://other.test/"}', 400),
    "a name twice, nested": (GOOD_START + ', "viewport": {"width": 1, "width": 2}}', 400),
    "NaN": (GOOD_START + ', "timeout": NaN}', 400),
    "Infinity": (GOOD_START + ', "timeout": Infinity}', 400),
    "-Infinity": (GOOD_START + ', "timeout": -Infinity}', 400),
    "1e999": (GOOD_START + ', "timeout": 1e999}', 400),
    "5000 digits": (GOOD_START + f', "timeout": {"9" * 5000}}}', 400),
    "101 digits": (GOOD_START + f', "timeout": {"9" * 101}}}', 400),
    "100 digits": (GOOD_START + f', "timeout": {"9" * 100}}}', 422),
    "a whole number as a float": (GOOD_START + ', "timeout": 3e4}', 422),
    "null": (b"null", 422),
    "an array": (b"[]", 422),
    "a string": (b'"screenshot"', 422),
    "brackets in a string": (GOOD_START + f', "tags": ["\\"{"[" * 99}"]}}', 422),
    "a surrogate as kind": ('{"kind": "\\ud800"}', 422),
    "a surrogate in a name": (GOOD_START + ', "\\ud800": 1}', 422),
    "a surrogate in the URL": ('{"kind": "screenshot", "url": "http://page.test/\\ud800"}', 422),
    "a surrogate in a tag": (GOOD_START + ', "tags": ["\\udfff"]}', 422),
    "a surrogate in a key": (GOOD_START + ', "metadata": {"\\ud800": "v"}}', 422),
    "a surrogate in metadata": (GOOD_START + ', "metadata": {"k": "\\ud800"}}', 422),
    "a surrogate in an upload's id": ('{"kind": "probe", "upload_id": "\\ud800"}', 422),
    "NUL in the URL": ('{"kind": "screenshot", "url": "http://page.test/\\u0000"}', 422),
    "NUL in an upload's id": ('{"kind": "probe", "upload_id": "\\u0000"}', 422),
    "thousands of unknown names": (
        GOOD_START + "".join(f', "timeou{number}": 0' for number in range(3000)) + "}",
        422,
    ),
    "an endless name": (GOOD_START + f', "{"timeout" * 8000}": 0}}', 422),
}


@pytest.mark.parametrize(("content", "status"), HOSTILE.values(), ids=HOSTILE)
def test_100_hostile_json_is_refused_and_never_an_error_of_the_farm(
    farm: MemoryFarm, client: FlaskClient, content: str | bytes, status: int
) -> None:
    answer = submitted(client, content)
    assert answer.status_code == status
    assert answer.get_json()["code"] == {400: "invalid_json", 422: "invalid_spec"}[status]
    assert not is_stored(farm)


@pytest.mark.parametrize(
    "content",
    [
        GOOD_START + ', "tags": ["[[[[[[[[[[[[[[[[[[[[{{{{"]}',
        GOOD_START + ', "tags": ["\\"[[[[[[[[[[[[[[[[[["]}',
        GOOD_START + ', "metadata": {"k": "\\ud83d\\ude00"}}',
        GOOD_START + ', "metadata": {"k": "\\u0000"}}',
        " \r\n\t" + GOOD_START + "}" + "\n" * 60_000,
    ],
)
def test_what_only_looks_hostile_is_taken(client: FlaskClient, content: str) -> None:
    assert submitted(client, content).status_code == 202


@pytest.mark.parametrize("size_bytes", [JSON_MAX_BYTES, JSON_MAX_BYTES + 1])
def test_102_a_spec_without_a_declared_length_has_the_same_limit(
    client: FlaskClient, size_bytes: int
) -> None:
    content = (GOOD_START + "}").encode().ljust(size_bytes)
    answer = client.post(
        "/v1/jobs",
        input_stream=BytesIO(content),
        environ_overrides={"wsgi.input_terminated": True},
        **JSON,
    )
    assert answer.status_code == (202 if size_bytes == JSON_MAX_BYTES else 413)


@pytest.mark.parametrize(
    "fields",
    [
        '"url": "http://user:hunter2@page.test/"',
        '"url": "http://page.test:99999/?token=hunter2"',
        '"url": "file:///hunter2"',
        '"url": {"password": "hunter2"}',
        '"url": "http://page.test/", "timeout": "hunter2"',
        '"url": "http://page.test/", "tags": [{"hunter2": "hunter2"}]',
        '"url": "http://page.test/", "metadata": {"k": ["hunter2"]}',
        '"url": "http://page.test/", "metadata": "hunter2"',
        '"url": "http://page.test/", "webhook_secret": "hunter2"',
        '"url": "hunter2", }',
    ],
)
def test_an_error_does_not_repeat_what_may_be_a_secret(client: FlaskClient, fields: str) -> None:
    answer = submitted(client, f'{{"kind": "screenshot", {fields}}}')
    assert answer.status_code in {400, 422}
    assert "hunter2" not in answer.text


def test_a_mistake_of_the_farm_shows_nothing_of_its_insides(client: FlaskClient) -> None:
    answer = client.get("/v1/jobs/broken")
    assert answer.status_code == 500
    assert not [word for word in ("hunter2", "RuntimeError", "Traceback") if word in answer.text]


def test_the_log_has_the_trace_id_beside_what_happened(client: FlaskClient) -> None:
    with capture_logs(processors=[merge_contextvars]) as logs:
        trace_id = client.get("/v1/jobs/broken").get_json()["trace_id"]
    (unforeseen,) = [line for line in logs if "exc_info" in line]
    assert unforeseen["request_id"] == trace_id


def test_no_two_problems_share_a_trace_id(client: FlaskClient) -> None:
    assert len({client.get("/nope").get_json()["trace_id"] for _ in range(50)}) == 50
