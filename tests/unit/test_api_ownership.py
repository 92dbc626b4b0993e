"""Whose a job is: another's is as if it were not there."""

from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import TestResponse

from farm.jobs.models import Job
from tests.support.builders import NOON
from tests.support.keyed import Holder, KeyedFarm

NOBODY = "0" * 32


class Two:
    """A farm with two callers, one of whom has jobs."""

    def __init__(self) -> None:
        self.farm = KeyedFarm()
        self.ann = self.farm.holder()
        self.ben = self.farm.holder()

    def job_of(self, holder: Holder) -> Job:
        return self.farm.ledger.get(holder.submit(tags=["shop"]).get_json()["id"])

    def finished(self, holder: Holder) -> Job:
        job = self.job_of(holder).claimed("worker-1", NOON, redeliveries=0)
        made = self.farm.artifacts.put(job.run_id, "a.png", "image/png", [b"abc"], ttl_s=60)
        done = job.succeeded(NOON, artifacts=[made], report={})
        assert self.farm.ledger.swap(job)
        assert self.farm.ledger.swap(done)
        return done

    def expired(self, holder: Holder) -> Job:
        ended = self.job_of(holder).cancelled(NOON)
        assert self.farm.ledger.swap(ended)
        self.farm.clock.advance(ended.spec.retention)
        return ended


@pytest.fixture
def two() -> Two:
    return Two()


def said_of(answer: TestResponse, job_id: str) -> tuple[int, dict[str, Any]]:
    """Return the answer with what is another one in each taken out."""
    body = {**answer.get_json(), "trace_id": None}
    return answer.status_code, {**body, "detail": body["detail"].replace(job_id, "ID")}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", ""), ("GET", "?wait=1"), ("DELETE", ""), ("POST", "/retry")),
        *(("GET", "/result"), ("GET", "/artifacts/a.png"), ("GET", "/events")),
    ],
)
@pytest.mark.parametrize("sort", [Two.job_of, Two.finished, Two.expired])
def test_109_another_s_job_is_answered_as_one_that_never_was(
    two: Two, sort: Callable[[Two, Holder], Job], method: str, path: str
) -> None:
    job = sort(two, two.ann)
    foreign = two.ben.call(method, f"/v1/jobs/{job.id}{path}")
    unknown = two.ben.call(method, f"/v1/jobs/{NOBODY}{path}")
    assert foreign.status_code == 404
    assert said_of(foreign, job.id) == said_of(unknown, NOBODY)
    own = two.ann.call("GET", f"/v1/jobs/{job.id}")
    assert own.status_code in {200, 410}


def test_109_not_even_the_operator_s_key_sees_it(two: Two) -> None:
    job = two.job_of(two.ann)
    assert two.farm.operator.get(f"/v1/jobs/{job.id}").status_code == 404
    assert two.farm.operator.get("/v1/jobs").get_json()["items"] == []


def test_109_lists_have_the_caller_s_own(two: Two) -> None:
    mine = [two.job_of(two.ann).id for _ in range(3)]
    two.job_of(two.ben)
    for query in ("", "?tag=shop", "?state=queued&kind=screenshot&host=page.test"):
        items = two.ann.get(f"/v1/jobs{query}").get_json()["items"]
        assert [item["id"] for item in items] == mine[::-1]
    page = two.ann.get("/v1/jobs?limit=2").get_json()
    rest = two.ann.get(f"/v1/jobs?limit=2&cursor={page['next']}").get_json()
    assert [item["id"] for item in (*page["items"], *rest["items"])] == mine[::-1]


def test_nobody_can_ask_for_another_s_list(two: Two) -> None:
    assert two.ben.get(f"/v1/jobs?owner={two.ann.key_id}").status_code == 422


def test_a_job_carries_its_key_and_where_it_may_lead(two: Two) -> None:
    job = two.job_of(two.ann)
    assert (job.owner, job.zones) == (two.ann.key_id, ("public",))
    inside = two.farm.holder(zones=["public", "internal"])
    assert two.job_of(inside).zones == ("public", "internal")


def test_109_another_s_upload_is_neither_probed_nor_forgotten(two: Two) -> None:
    upload_id = two.ann.call("POST", "/v1/uploads", data=b"abc").get_json()["id"]
    for one in (upload_id, NOBODY):
        refused = two.ben.submit(kind="probe", url=None, upload_id=one)
        assert refused.status_code == 422
        assert refused.get_json()["errors"] == [{"field": "upload_id", "message": "no such upload"}]
        assert two.ben.call("DELETE", f"/v1/uploads/{one}").status_code == 404
    assert two.ann.submit(kind="probe", url=None, upload_id=upload_id).status_code == 202
    assert two.ann.call("DELETE", f"/v1/uploads/{upload_id}").status_code == 204


def test_no_id_can_be_made_up_that_leads_to_another_s_upload(two: Two) -> None:
    upload_id = two.ann.call("POST", "/v1/uploads", data=b"abc").get_json()["id"]
    for one in (upload_id[16:], two.ben.key_id + upload_id[16:], two.ben.key_id + upload_id):
        assert two.ben.submit(kind="probe", url=None, upload_id=one).status_code == 422


def test_118_beyond_its_own_quota_a_key_is_refused_and_its_jobs_stand(two: Two) -> None:
    small = two.farm.holder(open_jobs_max=2)
    mine = [two.job_of(small).id for _ in range(2)]
    answer = small.submit()
    assert (answer.status_code, answer.get_json()["code"]) == (429, "queue_full")
    assert int(answer.headers["Retry-After"]) >= 1
    assert "2 open jobs" in answer.get_json()["detail"]
    assert [item["id"] for item in small.get("/v1/jobs").get_json()["items"]] == mine[::-1]
    assert two.ben.submit().status_code == 202


def test_118_the_1001st_job_of_a_key_is_refused(two: Two) -> None:
    holder = two.farm.holder(open_jobs_max=1000)
    assert {holder.submit().status_code for _ in range(1000)} == {202}
    assert holder.submit().status_code == 429
