"""Setting the tags of a job over HTTP."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from farm.jobs.models import Job
from tests.support.builders import NOON, MemoryFarm
from tests.support.keyed import KeyedFarm


def ids(client: FlaskClient, tag: str) -> list[str]:
    items = client.get("/v1/jobs", query_string={"tag": tag}).get_json()["items"]
    return [job["id"] for job in items]


def test_a_job_is_found_by_its_new_tags_and_not_by_those_before(
    farm: MemoryFarm, client: FlaskClient
) -> None:
    job = farm.submit(tags=["old"])
    answer = client.put(f"/v1/jobs/{job.id}/tags", json={"tags": ["new", "good", "new"]})
    assert answer.status_code == 200
    assert answer.get_json()["tags"] == ["new", "good"]
    assert client.get(f"/v1/jobs/{job.id}").get_json() == answer.get_json()
    assert (ids(client, "good"), ids(client, "old")) == ([job.id], [])
    assert client.put(f"/v1/jobs/{job.id}/tags", json={"tags": []}).get_json()["tags"] == []
    assert ids(client, "good") == []


def test_a_worker_that_runs_the_job_meanwhile_still_ends_it(
    farm: MemoryFarm, client: FlaskClient
) -> None:
    job = farm.submit()
    running = job.claimed("worker-1", NOON, redeliveries=0)
    assert farm.ledger.swap(running)
    client.put(f"/v1/jobs/{job.id}/tags", json={"tags": ["new"]})
    assert farm.ledger.swap(running.succeeded(NOON, artifacts=[], report={}))
    assert client.get(f"/v1/jobs/{job.id}").get_json()["state"] == "succeeded"
    assert ids(client, "new") == [job.id]


def test_a_copy_of_the_job_is_out_of_date_once_its_tags_are_others(
    farm: MemoryFarm, client: FlaskClient
) -> None:
    job = farm.submit()
    before = client.get(f"/v1/jobs/{job.id}").headers["ETag"]
    client.put(f"/v1/jobs/{job.id}/tags", json={"tags": ["new"]})
    answer = client.get(f"/v1/jobs/{job.id}", headers={"If-None-Match": before})
    assert answer.status_code == 200
    held = {"If-None-Match": answer.headers["ETag"]}
    assert client.get(f"/v1/jobs/{job.id}", headers=held).status_code == 304


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "tags"),
        ({"tags": "new"}, "tags"),
        ({"tags": [""]}, "tags.0"),
        ({"tags": ["x" * 65]}, "tags.0"),
        ({"tags": [7]}, "tags.0"),
        ({"tags": ["\ud800"]}, "tags.0"),
        ({"tags": [str(number) for number in range(17)]}, "tags"),
        ({"tags": [], "colour": "red"}, "colour"),
    ],
)
def test_what_are_no_tags_is_named_and_changes_nothing(
    farm: MemoryFarm, client: FlaskClient, body: dict[str, Any], field: str
) -> None:
    job = farm.submit(tags=["old"])
    answer = client.put(f"/v1/jobs/{job.id}/tags", json=body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]
    assert ids(client, "old") == [job.id]


def test_nobody_tags_the_job_of_another() -> None:
    farm = KeyedFarm()
    job_id = farm.holder().submit().get_json()["id"]
    answer = farm.holder().call("PUT", f"/v1/jobs/{job_id}/tags", json={"tags": ["mine"]})
    assert (answer.status_code, answer.get_json()["code"]) == (404, "unknown_job")
    assert _stored(farm, job_id).tags == ()


def _stored(farm: KeyedFarm, job_id: str) -> Job:
    return farm.ledger.get(job_id)
