"""Finding jobs again over HTTP."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from farm.jobs.errors import DnsError, FarmError, WorkerLost
from farm.jobs.listing import PAGE_MAX
from farm.jobs.models import Job
from tests.support.builders import NOON, MemoryFarm, a_job, a_spec

LOST = WorkerLost("The worker vanished.")
UNRESOLVED = DnsError("No such host.")


def store(farm: MemoryFarm, job_id: str, **fields: Any) -> Job:
    batch_id = fields.pop("batch_id", None)
    job = a_job(job_id, spec=a_spec(**fields)).model_copy(update={"batch_id": batch_id})
    farm.ledger.swap(job)
    return job


def fail(farm: MemoryFarm, job: Job, error: FarmError) -> None:
    claimed = job.claimed("worker-1", NOON, redeliveries=0)
    farm.ledger.swap(claimed)
    farm.ledger.swap(claimed.failed(error, NOON))


def listed(client: FlaskClient, **query: Any) -> list[str]:
    answer = client.get("/v1/jobs", query_string=query)
    assert answer.status_code == 200
    return ids(answer)


def ids(answer: TestResponse) -> list[str]:
    return [job["id"] for job in answer.get_json()["items"]]


@pytest.fixture
def mixed(farm: MemoryFarm) -> MemoryFarm:
    """A farm with one job of each sort, and one that is all of them."""
    store(farm, "plain")
    fail(farm, store(farm, "lost"), LOST)
    store(farm, "pdf", kind="pdf")
    store(farm, "tagged", tags=["shop", "nightly"])
    store(farm, "elsewhere", url="https://Other.Test:8443/a")
    store(farm, "batched", batch_id="b-1")
    fields: dict[str, Any] = {"kind": "pdf", "tags": ["shop"], "url": "https://other.test/"}
    fail(farm, store(farm, "all", **fields, batch_id="b-1"), LOST)
    fail(farm, store(farm, "nearly", **fields, batch_id="b-1"), UNRESOLVED)
    return farm


def test_an_empty_farm_lists_nothing(client: FlaskClient) -> None:
    answer = client.get("/v1/jobs")
    assert (answer.status_code, answer.json) == (200, {"items": [], "next": None})
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Link" not in answer.headers


def test_the_newest_comes_first_and_each_as_it_is_read_alone(
    mixed: MemoryFarm, client: FlaskClient
) -> None:
    answer = client.get("/v1/jobs")
    assert ids(answer) == [
        *("nearly", "all", "batched", "elsewhere", "tagged", "pdf", "lost", "plain")
    ]
    for job in answer.get_json()["items"]:
        assert client.get(job["links"]["self"]).json == job
    assert mixed.queue.waiting == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"state": "queued"}, {"plain", "pdf", "tagged", "elsewhere", "batched"}),
        ({"state": "failed"}, {"lost", "all", "nearly"}),
        ({"state": "running"}, set()),
        ({"kind": "pdf"}, {"pdf", "all", "nearly"}),
        ({"kind": "probe"}, set()),
        ({"batch": "b-1"}, {"batched", "all", "nearly"}),
        ({"batch": "b-2"}, set()),
        ({"tag": "shop"}, {"tagged", "all", "nearly"}),
        ({"tag": "nightly"}, {"tagged"}),
        ({"tag": "SHOP"}, set()),
        ({"host": "other.test"}, {"elsewhere", "all", "nearly"}),
        ({"host": "test"}, set()),
        ({"error": "worker_lost"}, {"lost", "all"}),
        ({"error": "no_such_code"}, set()),
        ({"error": "worker_lost", "kind": "screenshot"}, {"lost"}),
        ({"state": "queued", "error": "worker_lost"}, set()),
        (
            {
                "state": "failed",
                "kind": "pdf",
                "batch": "b-1",
                "tag": "shop",
                "host": "other.test",
                "error": "worker_lost",
            },
            {"all"},
        ),
    ],
)
@pytest.mark.usefixtures("mixed")
def test_what_is_listed_is_all_that_is_asked_for(
    client: FlaskClient, query: dict[str, str], found: set[str]
) -> None:
    assert set(listed(client, **query)) == found


def test_a_job_is_listed_as_it_stands_now(farm: MemoryFarm, client: FlaskClient) -> None:
    job = store(farm, "job-1")
    fail(farm, job, UNRESOLVED)
    assert listed(client, state="queued") == []
    client.post("/v1/jobs/job-1/retry")
    assert listed(client, state="queued") == ["job-1"]
    assert listed(client, error="dns_error") == []


def test_a_job_past_its_retention_and_a_forgotten_one_are_not_listed(
    farm: MemoryFarm, client: FlaskClient
) -> None:
    for job_id, retention in (("short", 60), ("long", 3600), ("forgotten", 3600)):
        fail(farm, store(farm, job_id, retention=retention), UNRESOLVED)
    client.delete("/v1/jobs/forgotten")
    farm.clock.advance(60)
    assert listed(client) == ["long"]


@pytest.mark.parametrize("limit", [1, 3, 7, 8, 200])
@pytest.mark.parametrize("query", [{}, {"state": "queued"}, {"tag": "shop", "kind": "pdf"}])
@pytest.mark.usefixtures("mixed")
def test_pages_hold_each_job_once_until_the_end(
    client: FlaskClient, limit: int, query: dict[str, str]
) -> None:
    whole = listed(client, **query)
    page = client.get("/v1/jobs", query_string={**query, "limit": limit})
    found = ids(page)
    while "Link" in page.headers:
        address = page.headers["Link"].removesuffix('>; rel="next"').removeprefix("<")
        assert f"cursor={page.get_json()['next']}" in address
        page = client.get(address)
        assert len(ids(page)) <= limit
        found += ids(page)
    assert page.get_json()["next"] is None
    assert found == whole


def test_new_jobs_neither_repeat_nor_hide_what_is_on_later_pages(
    farm: MemoryFarm, client: FlaskClient
) -> None:
    for number in range(4):
        store(farm, f"old-{number}")
    first = client.get("/v1/jobs?limit=2")
    store(farm, "new")
    later = listed(client, limit=2, cursor=first.get_json()["next"])
    assert [*ids(first), *later] == ["old-3", "old-2", "old-1", "old-0"]


def test_the_address_of_the_next_page_keeps_what_was_asked_for(
    farm: MemoryFarm, client: FlaskClient
) -> None:
    tag = 'a&b="é">; rel="prev"'
    for number in range(3):
        store(farm, f"job-{number}", tags=[tag])
    link = client.get("/v1/jobs", query_string={"tag": tag, "limit": 1}).headers["Link"]
    assert link.count(">") == 1
    assert ids(client.get(link.partition(">")[0].removeprefix("<"))) == ["job-1"]


@pytest.mark.parametrize(
    ("query", "field", "said"),
    [
        ("state=done", "state", "'queued', 'running', 'succeeded', 'failed' or 'cancelled'"),
        ("state=", "state", "'queued'"),
        ("kind=gif", "kind", "'screenshot', 'pdf', 'content' or 'probe'"),
        ("tag=", "tag", "at least 1"),
        (f"tag={'a' * 65}", "tag", "at most 64"),
        (f"batch={'a' * 65}", "batch", "at most 64"),
        (f"host={'a' * 256}", "host", "at most 255"),
        (f"error={'a' * 65}", "error", "at most 64"),
        ("limit=0", "limit", "greater than or equal to 1"),
        (f"limit={PAGE_MAX + 1}", "limit", f"less than or equal to {PAGE_MAX}"),
        ("limit=1.5", "limit", "integer"),
        ("limit=many", "limit", "integer"),
        (f"limit={'9' * 5000}", "limit", "integer"),
        ("cursor=", "cursor", "[0-9]"),
        ("cursor=-1", "cursor", "[0-9]"),
        ("cursor=1e3", "cursor", "[0-9]"),
        ("cursor=%D9%A3", "cursor", "[0-9]"),
        ("cursor=1%0A", "cursor", "[0-9]"),
        (f"cursor={'9' * 16}", "cursor", "[0-9]"),
        ("stat=queued", "stat", ""),
    ],
)
def test_a_question_that_makes_no_sense_is_422_naming_the_field_and_what_may_be(
    client: FlaskClient, query: str, field: str, said: str
) -> None:
    answer = client.get(f"/v1/jobs?{query}")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_spec")
    (error,) = answer.get_json()["errors"]
    assert error["field"] == field
    assert said in error["message"]


@pytest.mark.parametrize(
    "query",
    [
        "cursor=0",
        f"cursor={'9' * 15}",
        "cursor=000000000000001",
        "tag=%00",
        "tag=%FF%FE",
        "tag=*",
        "host=%F0%9F%98%80",
        "host=[::1]",
        "error=a:b%0D%0Ac",
        "batch=..%2F..%2F",
        "batch=",
        "&&&",
    ],
)
@pytest.mark.usefixtures("mixed")
def test_an_odd_question_is_answered_and_never_an_error_of_the_farm(
    client: FlaskClient, query: str
) -> None:
    answer = client.get(f"/v1/jobs?{query}")
    assert answer.status_code == 200
    assert answer.get_json()["next"] is None


def test_a_field_that_is_given_twice_is_refused_rather_than_half_heeded(
    client: FlaskClient,
) -> None:
    answer = client.get("/v1/jobs?state=queued&limit=1&state=failed")
    assert (answer.status_code, answer.get_json()["errors"]) == (
        422,
        [{"field": "state", "message": "is given twice"}],
    )


def test_a_list_shows_no_secret(farm: MemoryFarm, client: FlaskClient) -> None:
    store(farm, "job-1", extra_http_headers={"Authorization": "hunter2"})
    answer = client.get("/v1/jobs")
    assert "hunter2" not in answer.text
    assert answer.get_json()["items"][0]["spec"]["extra_http_headers"] == "***"
