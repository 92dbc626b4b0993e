"""Keys, links and webhooks that are asked for twice under one idempotency key."""

import pytest
from werkzeug.test import TestResponse

from farm.jobs.errors import DnsError
from farm.jobs.models import Job
from farm.jobs.ports import RESERVED_S
from tests.support.builders import NOON
from tests.support.keyed import Holder, KeyedFarm

KEY = {"Idempotency-Key": "order 7"}
HOOK = {"webhook_url": "https://hooks.test/"}


@pytest.fixture
def farm() -> KeyedFarm:
    return KeyedFarm()


def said(answer: TestResponse) -> tuple[int, bool]:
    return answer.status_code, answer.headers.get("Idempotency-Replayed") == "true"


def problem(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def ended(farm: KeyedFarm, holder: Holder, *, well: bool = True) -> Job:
    job = farm.ledger.get(holder.submit(**HOOK).get_json()["id"])
    running = job.claimed("w", NOON, redeliveries=0)
    made = [farm.artifacts.put(running.run_id, "screenshot.png", "image/png", [b"p"], ttl_s=60)]
    good = running.succeeded(NOON, artifacts=made, report={})
    done = good if well else running.failed(DnsError("No such host."), NOON)
    assert farm.ledger.swap(running)
    assert farm.ledger.swap(done)
    return done


class TestKeys:
    def make(self, farm: KeyedFarm, name: str = "shop", **headers: str) -> TestResponse:
        return farm.operator.call("POST", "/v1/keys", json={"name": name}, headers=headers or KEY)

    def test_110_the_same_request_twice_is_one_key_whose_secret_is_told_once(
        self, farm: KeyedFarm
    ) -> None:
        first, again = self.make(farm), self.make(farm)
        assert (said(first), said(again)) == ((201, False), (201, True))
        assert again.get_json() == {**first.get_json(), "key": None}
        assert [key.name for key in farm.keys.all()].count("shop") == 1

    def test_110_the_secret_of_the_first_answer_stays_good(self, farm: KeyedFarm) -> None:
        text = self.make(farm).get_json()["key"]
        self.make(farm)
        holder = Holder(farm.app, "", text)
        assert holder.get("/v1/jobs").status_code == 200

    def test_110_another_request_is_422_and_makes_no_key(self, farm: KeyedFarm) -> None:
        self.make(farm)
        before = farm.keys.all()
        assert problem(self.make(farm, "other")) == (422, "idempotency_conflict")
        assert farm.keys.all() == before

    def test_without_an_idempotency_key_each_is_another(self, farm: KeyedFarm) -> None:
        ids = {self.make(farm, **{"X-Nothing": "1"}).get_json()["id"] for _ in range(2)}
        assert len(ids) == 2

    def test_what_cannot_be_made_uses_no_key_up(self, farm: KeyedFarm) -> None:
        wrong = farm.operator.call("POST", "/v1/keys", json={"name": ""}, headers=KEY)
        assert wrong.status_code == 422
        assert said(self.make(farm)) == (201, False)

    def test_after_a_day_it_is_another_key(self, farm: KeyedFarm) -> None:
        first = self.make(farm).get_json()["id"]
        farm.clock.advance(RESERVED_S)
        again = self.make(farm)
        assert said(again) == (201, False)
        assert again.get_json()["id"] != first


class TestLinks:
    def link(self, holder: Holder, job: Job, expires_in: int = 60) -> TestResponse:
        path = f"/v1/jobs/{job.id}/artifacts/screenshot.png/link"
        return holder.call("POST", path, json={"expires_in": expires_in}, headers=KEY)

    def test_110_the_same_request_later_is_the_very_link(self, farm: KeyedFarm) -> None:
        holder = farm.holder()
        job = ended(farm, holder)
        first = self.link(holder, job)
        farm.clock.advance(30)
        again = self.link(holder, job)
        assert (said(first), said(again)) == ((200, False), (200, True))
        assert again.get_json() == first.get_json()
        assert farm.client.get(again.get_json()["url"]).data == b"p"

    def test_110_another_one_is_422(self, farm: KeyedFarm) -> None:
        holder = farm.holder()
        job = ended(farm, holder)
        self.link(holder, job)
        assert problem(self.link(holder, job, 61)) == (422, "idempotency_conflict")
        other = ended(farm, holder)
        assert problem(self.link(holder, other)) == (422, "idempotency_conflict")


class TestWebhooks:
    def deliver(self, holder: Holder, job: Job) -> TestResponse:
        return holder.call("POST", f"/v1/jobs/{job.id}/webhook", headers=KEY)

    def test_110_the_same_request_twice_delivers_once(self, farm: KeyedFarm) -> None:
        holder = farm.holder()
        job = ended(farm, holder, well=False)
        first = self.deliver(holder, job)
        sent = farm.deliveries.of([job])[job.id].model_copy(
            update={"state": "delivered", "attempts": 1, "due_at": None}
        )
        assert farm.deliveries.record(job, sent)
        again = self.deliver(holder, job)
        assert (said(first), said(again)) == ((202, False), (202, True))
        assert again.get_json()["webhook"]["state"] == "delivered"
        assert farm.deliveries.of([job])[job.id] == sent

    def test_what_is_refused_uses_no_key_up(self, farm: KeyedFarm) -> None:
        holder = farm.holder()
        job = farm.ledger.get(holder.submit(**HOOK).get_json()["id"])
        assert problem(self.deliver(holder, job)) == (409, "not_finished")
        assert farm.ledger.swap(job.cancelled(NOON))
        assert said(self.deliver(holder, job)) == (202, False)

    def test_another_s_job_is_unknown_under_any_key(self, farm: KeyedFarm) -> None:
        job = ended(farm, farm.holder())
        assert problem(self.deliver(farm.holder(), job)) == (404, "unknown_job")


def test_a_key_that_is_none_is_422_everywhere(farm: KeyedFarm) -> None:
    holder = farm.holder(*("jobs:read", "jobs:write", "keys"))
    job = ended(farm, holder)
    for path, body in (
        ("/v1/keys", {"name": "shop"}),
        (f"/v1/jobs/{job.id}/artifacts/screenshot.png/link", {}),
        (f"/v1/jobs/{job.id}/webhook", None),
    ):
        answer = holder.call("POST", path, json=body, headers={"Idempotency-Key": "é"})
        assert answer.get_json()["errors"][0]["field"] == "Idempotency-Key", path
