"""Batches over HTTP: what may be sent, what is refused, and what is answered."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.builders import MemoryFarm
from tests.unit.test_api_jobs import asking

URLS = [f"https://page-{number}.test/" for number in range(3)]


@pytest.fixture
def farm() -> MemoryFarm:
    return MemoryFarm()


@pytest.fixture
def client(farm: MemoryFarm) -> FlaskClient:
    return asking(farm.service)


def posted(client: FlaskClient, body: Any, **headers: str) -> Any:
    return client.post("/v1/batches", json=body, headers=headers)


def sent(client: FlaskClient, media_type: str, body: str | bytes, **query: str) -> Any:
    return client.post("/v1/batches", data=body, content_type=media_type, query_string=query)


def read(client: FlaskClient, address: str) -> Any:
    return client.get(address).json


def urls_of(farm: MemoryFarm, batch_id: str) -> list[str | None]:
    return [job.spec.url for job in farm.batches.open_jobs(batch_id, 100)]


def test_a_batch_is_accepted_and_can_be_read(client: FlaskClient, farm: MemoryFarm) -> None:
    answer = posted(client, {"defaults": {"kind": "screenshot", "full_page": True}, "items": URLS})
    assert answer.status_code == 202
    batch = answer.json
    assert answer.headers["Location"] == f"/v1/batches/{batch['id']}"
    assert (batch["state"], batch["total"], batch["queued"]) == ("running", 3, 3)
    assert (batch["rejected"], batch["duplicates"]) == ([], 0)
    shown = read(client, answer.headers["Location"])
    assert shown == {k: v for k, v in batch.items() if k not in {"rejected", "duplicates"}}
    assert urls_of(farm, batch["id"]) == URLS
    jobs = read(client, f"/v1/batches/{batch['id']}/jobs")["items"]
    assert [job["spec"] for job in jobs] == [{"url": u, "full_page": True} for u in URLS[::-1]]
    assert {job["priority"] for job in jobs} == {"low"}
    assert {job["batch_id"] for job in jobs} == {batch["id"]}


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("text/plain", "\n".join(URLS)),
        ("text/plain", "\ufeff# a list\r\n\r\n" + "\r\n".join(URLS) + "\r\n"),
        ("application/x-ndjson", "\n".join(json.dumps({"url": url}) for url in URLS)),
        ("application/x-ndjson", "\n".join(json.dumps(url) for url in URLS)),
        ("text/csv", "url\n" + "\n".join(URLS)),
        ("text/csv", "\ufefftags, url\r\n" + "".join(f',"{url}"\r\n' for url in URLS)),
    ],
)
def test_lines_come_in_many_forms(
    client: FlaskClient, farm: MemoryFarm, media_type: str, body: str
) -> None:
    answer = sent(client, media_type, body.encode(), kind="pdf", landscape="true")
    assert answer.status_code == 202, answer.json
    assert urls_of(farm, answer.json["id"]) == URLS
    for job in farm.batches.open_jobs(answer.json["id"], 10):
        assert (job.kind, getattr(job.spec, "landscape", None)) == ("pdf", True)


def test_good_lines_are_taken_and_bad_ones_told_by_number(client: FlaskClient) -> None:
    body = b"# list\nhttps://a.test/\nftp://b.test/\n\n\xff\nhttps://c.test/\nhttps://a.test/\n"
    answer = sent(client, "text/plain", body, kind="screenshot").json
    assert (answer["total"], answer["duplicates"]) == (2, 1)
    assert [each["line"] for each in answer["rejected"]] == [3, 5]
    assert answer["rejected"][0]["errors"] == [
        {"field": "url", "message": "must start with http:// or https://"}
    ]
    assert answer["rejected"][1]["errors"] == [{"field": "", "message": "is not UTF-8"}]


def test_where_no_line_is_good_nothing_is_stored(client: FlaskClient) -> None:
    answer = posted(client, {"defaults": {"kind": "pdf"}, "items": ["nonsense", 7]})
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json["errors"]] == ["items.1.url", "items.2"]
    assert read(client, "/v1/batches") == {"items": [], "next": None}


def test_an_empty_list_is_no_batch(client: FlaskClient) -> None:
    assert posted(client, {"items": []}).status_code == 422
    assert sent(client, "text/plain", "\n# nothing\n").status_code == 422
    assert sent(client, "text/csv", "").status_code == 422


def test_an_unknown_batch_is_404(client: FlaskClient) -> None:
    for address in ("/v1/batches/nobody", "/v1/batches/nobody/jobs"):
        answer = client.get(address)
        assert answer.status_code == 404
        assert read(client, address)["code"] == "unknown_batch"


def test_batches_are_listed_newest_first_page_by_page(client: FlaskClient) -> None:
    ids = [
        posted(client, {"defaults": {"kind": "pdf"}, "items": URLS}).json["id"] for _ in range(3)
    ]
    first = read(client, "/v1/batches?limit=2")
    assert [batch["id"] for batch in first["items"]] == ids[:0:-1]
    following = f"/v1/batches?limit=2&cursor={first['next']}"
    assert client.get("/v1/batches?limit=2").headers["Link"] == f'<{following}>; rel="next"'
    second = read(client, following)
    assert [batch["id"] for batch in second["items"]] == ids[:1]
    assert second["next"] is None
