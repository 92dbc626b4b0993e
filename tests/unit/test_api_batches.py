"""Batches over HTTP: what may be sent, what is refused, and what is answered."""

import json
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient

from farm.jobs.service import Limits
from tests.support.builders import MemoryFarm
from tests.support.keyed import KeyedFarm
from tests.unit.test_api_jobs import asking

URLS = [f"https://page-{number}.test/" for number in range(3)]


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


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], ""),
        ({}, "items"),
        ({"items": "https://a.test/"}, "items"),
        ({"items": URLS, "defaults": []}, "defaults"),
        ({"items": URLS, "defaults": {"url": "https://a.test/"}}, "defaults.url"),
        ({"items": URLS, "dedupe": "yes"}, "dedupe"),
        ({"items": URLS, "per_host_concurrency": 0}, "per_host_concurrency"),
        ({"items": URLS, "per_host_delay": -1}, "per_host_delay"),
        ({"items": URLS, "max_failures": 0}, "max_failures"),
        ({"items": URLS, "on_complete": {}}, "on_complete.webhook_url"),
        ({"items": URLS, "on_complete": {"webhook_url": "ftp://a"}}, "on_complete.webhook_url"),
        ({"items": URLS, "maxfailures": 1}, "maxfailures"),
    ],
)
def test_what_is_wrong_with_a_batch_is_named(client: FlaskClient, body: Any, field: str) -> None:
    answer = posted(client, body)
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json["errors"]] == [field]
    assert read(client, "/v1/batches")["items"] == []


def test_an_unknown_option_is_told_with_its_nearest(client: FlaskClient) -> None:
    answer = posted(client, {"items": URLS, "maxfailures": 1})
    assert "did you mean 'max_failures'" in answer.json["errors"][0]["message"]
    answer = sent(client, "text/plain", URLS[0], kind="pdf", landscap="true")
    assert "did you mean 'landscape'" in answer.json["errors"][0]["message"]


def test_with_a_json_body_the_query_says_nothing(client: FlaskClient) -> None:
    answer = client.post("/v1/batches?kind=pdf", json={"items": URLS})
    assert (answer.status_code, read_json(answer)["errors"][0]["field"]) == (422, "kind")


def read_json(answer: Any) -> Any:
    return answer.get_json(force=True)


def test_options_of_the_batch_may_stand_in_the_query(client: FlaskClient, farm: MemoryFarm) -> None:
    hook = "https://hooks.test/"
    query = {"per_host_delay": "250", "dedupe": "false", "on_complete.webhook_url": hook}
    answer = sent(client, "text/plain", "\n".join([*URLS, *URLS]), kind="pdf", **query)
    assert (answer.json["total"], answer.json["duplicates"]) == (6, 0)
    options = farm.batches.get(answer.json["id"]).batch.options
    assert (options.per_host_delay, options.per_host_concurrency) == (250, 2)
    assert options.on_complete is not None
    assert options.on_complete.webhook_url == hook


@pytest.mark.parametrize(
    "name",
    ["cookies", "http_credentials.password", "on_complete.webhook_secret", "webhook_secret"],
)
def test_secrets_do_not_stand_in_an_address(client: FlaskClient, name: str) -> None:
    answer = sent(client, "text/plain", URLS[0], kind="pdf", **{name: "hunter2"})
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json["errors"]] == [name]
    assert "hunter2" not in answer.text


def test_nor_do_they_within_the_json_of_another_field(client: FlaskClient) -> None:
    hook = '{"webhook_url": "https://hooks.test/", "webhook_secret": "hunter2"}'
    answer = sent(client, "text/plain", URLS[0], kind="pdf", on_complete=hook)
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json["errors"]] == ["on_complete.webhook_secret"]
    assert "hunter2" not in answer.text


def test_the_number_of_lines_is_bounded_good_and_bad_ones(farm: MemoryFarm) -> None:
    limits = Limits(batch_items_max=3)
    client = asking(replace(farm.service, limits=limits))
    assert sent(client, "text/plain", "\n".join(URLS), kind="pdf").status_code == 202
    answer = sent(client, "text/plain", "\n".join(["x", "y", *URLS]), kind="pdf")
    assert answer.status_code == 422
    message = "a batch of this farm may have 3 lines at most"
    assert answer.json["errors"] == [{"field": "items", "message": message}]
    assert len(read(client, "/v1/batches")["items"]) == 1


def test_a_body_that_breaks_off_leaves_nothing(client: FlaskClient, farm: MemoryFarm) -> None:
    answer = client.post(
        "/v1/batches?kind=pdf",
        input_stream=BytesIO("\n".join(URLS).encode()),
        content_type="text/plain",
        environ_overrides={"CONTENT_LENGTH": "9999", "wsgi.input_terminated": True},
    )
    assert answer.status_code == 400
    assert farm.batches.listed(None, 10).batches == ()
    assert farm.batches.drafts == {}


def test_more_than_may_wait_is_refused_whole(farm: MemoryFarm) -> None:
    client = asking(replace(farm.service, limits=Limits(backlog_max=4)))
    body = {"defaults": {"kind": "pdf"}, "items": URLS}
    assert posted(client, body).status_code == 202
    answer = posted(client, body)
    assert (answer.status_code, answer.json["code"]) == (429, "queue_full")
    assert int(answer.headers["Retry-After"]) > 0
    # What would never fit is not worth another try.
    answer = posted(client, {**body, "items": [*URLS, "https://d.test/", "https://e.test/"]})
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_spec")
    assert len(read(client, "/v1/batches")["items"]) == 1
    assert farm.batches.drafts == {}


def test_the_same_request_with_a_key_is_the_same_batch(client: FlaskClient) -> None:
    body = "\n".join(["nonsense", *URLS])
    sends = {"content_type": "text/plain", "headers": {"Idempotency-Key": "k"}}
    first = client.post("/v1/batches?kind=pdf", data=body, **sends)
    again = client.post("/v1/batches?kind=pdf", data=body, **sends)
    assert read_json(again) == read_json(first)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    for path, other in (("?kind=pdf", f"{body}\n#"), ("?kind=screenshot", body)):
        answer = client.post(f"/v1/batches{path}", data=other, **sends)
        assert (answer.status_code, read_json(answer)["code"]) == (422, "idempotency_conflict")
    assert len(read(client, "/v1/batches")["items"]) == 1


def test_a_request_that_was_refused_does_not_use_its_key_up(client: FlaskClient) -> None:
    sends = {"content_type": "text/plain", "headers": {"Idempotency-Key": "k"}}
    assert client.post("/v1/batches?kind=pdf", data="no URL", **sends).status_code == 422
    answer = client.post("/v1/batches?kind=pdf", data=URLS[0], **sends)
    assert answer.status_code == 202
    assert "Idempotency-Replayed" not in answer.headers


def test_a_line_of_five_megabytes_harms_nobody(client: FlaskClient) -> None:
    page = json.dumps({"kind": "pdf", "html": "x" * 2_000_000})
    lines = ["x" * 5_000_000, page, json.dumps({"kind": "pdf", "html": "x" * 3_000_000})]
    answer = sent(client, "application/x-ndjson", "\n".join(lines))
    assert answer.status_code == 202
    assert answer.json["total"] == 1
    assert [each["line"] for each in answer.json["rejected"]] == [1, 3]


def test_a_line_may_have_a_file_that_was_uploaded(client: FlaskClient) -> None:
    upload = read_json(client.post("/v1/uploads", data=b"RIFF"))["id"]
    items = [{"upload_id": upload}, {"upload_id": "0" * 32}, "https://media.test/a.mp4"]
    answer = posted(client, {"defaults": {"kind": "probe"}, "items": items})
    assert answer.json["total"] == 2
    no_such = {"field": "upload_id", "message": "no such upload"}
    assert answer.json["rejected"] == [{"line": 2, "errors": [no_such]}]


def test_a_key_has_its_own_batches() -> None:
    farm = KeyedFarm()
    ann, bob = farm.holder(), farm.holder()
    body = {"defaults": {"kind": "pdf"}, "items": URLS}
    batch = read_json(ann.call("POST", "/v1/batches", json=body))["id"]
    assert ann.get(f"/v1/batches/{batch}").status_code == 200
    assert len(read_json(ann.get("/v1/batches"))["items"]) == 1
    assert read_json(bob.get("/v1/batches"))["items"] == []
    for method, path in (
        ("GET", ""),
        ("GET", "/jobs"),
        ("POST", "/pause"),
        ("POST", "/cancel"),
        ("POST", "/retry-failed"),
    ):
        answer = bob.call(method, f"/v1/batches/{batch}{path}")
        assert (answer.status_code, read_json(answer)["code"]) == (404, "unknown_batch")
    assert read_json(ann.get(f"/v1/batches/{batch}"))["queued"] == 3


def test_what_takes_a_power_takes_it_in_a_batch_too() -> None:
    ann = KeyedFarm().holder("jobs:write", "jobs:read")
    with_script = {"url": "https://a.test/", "scripts": ["1"]}
    body = {"defaults": {"kind": "pdf"}, "items": [with_script, *URLS, with_script]}
    answer = read_json(ann.call("POST", "/v1/batches", json=body))
    assert answer["total"] == 3
    takes = {"field": "scripts", "message": "takes the scope script"}
    assert answer["rejected"] == [{"line": line, "errors": [takes]} for line in (1, 5)]
    body = {"defaults": {"kind": "pdf", "scripts": ["1"]}, "items": URLS}
    refused = ann.call("POST", "/v1/batches", json=body)
    assert (refused.status_code, read_json(refused)["code"]) == (403, "scope_required")


def test_a_batch_is_no_way_around_a_quota() -> None:
    ann = KeyedFarm().holder("jobs:write", "jobs:read", open_jobs_max=4)
    body = {"defaults": {"kind": "pdf"}, "items": URLS}
    assert ann.call("POST", "/v1/batches", json=body).status_code == 202
    assert ann.submit().status_code == 202
    assert ann.submit().status_code == 429
    body["items"] = ["https://d.test/"]
    assert ann.call("POST", "/v1/batches", json=body).status_code == 429


HOSTILE: list[tuple[str, bytes]] = [
    ("application/x-ndjson", b'{"\\ud800": 1}'),
    ("application/x-ndjson", b'{"kind": "\\ud800"}'),
    ("application/x-ndjson", b'"\\ud800"'),
    ("application/x-ndjson", b'{"url": "https://a.test/", "tags": ["\\ud800"]}'),
    ("application/x-ndjson", b"[" * 100_000),
    ("application/x-ndjson", b'{"url": 1, "url": 2}'),
    ("application/x-ndjson", b"9" * 100_000),
    ("application/x-ndjson", b"NaN"),
    ("text/plain", b"\0"),
    ("text/plain", b"https://\xc3\xbc.test/"),
    ("text/plain", b"https://a.test/" + b"x" * 10_000),
    ("text/csv", b"url,metadata\n,{}\n"),
    ("text/csv", b"url,metadata.a.b\nhttps://a.test/,1\n"),
    ("text/csv", b"url,viewport,viewport.width\nhttps://a.test/,1,2\n"),
    ("text/csv", b"url,,\nhttps://a.test/,1,2\n"),
    ("text/csv", b'url\n"https://a.test/"x\n'),
    ("text/csv", b"url\nhttps://a.test/\0\n"),
]


@pytest.mark.parametrize(("media_type", "body"), HOSTILE)
def test_a_hostile_line_is_a_bad_line_and_no_more(
    client: FlaskClient, farm: MemoryFarm, media_type: str, body: bytes
) -> None:
    good = {"text/csv": b"https://good.test/", "text/plain": b"https://good.test/"}
    line = good.get(media_type, b'{"url": "https://good.test/"}')
    answer = sent(client, media_type, body.rstrip(b"\n") + b"\n" + line, kind="screenshot")
    assert answer.status_code == 202, answer.json
    assert urls_of(farm, answer.json["id"]) == ["https://good.test/"]
    assert len(answer.json["rejected"]) == 1
    assert sent(client, media_type, body, kind="screenshot").status_code == 422


def test_a_query_that_is_no_text_is_no_mistake_of_the_farm(client: FlaskClient) -> None:
    for query in ("kind=%ff", "%ff=1", "kind=screenshot&tags=%ff", ".=1", "a..b=1", "kind.a=1"):
        answer = client.post(f"/v1/batches?{query}", data=URLS[0], content_type="text/plain")
        assert answer.status_code in {202, 422}, query
