"""Requests that come twice under one key, over HTTP."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.app import create_app
from api.settings import ApiSettings
from farm.backends.memory import MemoryLedger
from farm.jobs.errors import BackendUnavailable, DnsError
from farm.jobs.models import Job
from farm.jobs.ports import RESERVED_S, Refusal
from farm.jobs.service import JobService, Limits
from tests.support.builders import NOON, MemoryFarm
from tests.support.keyed import KeyedFarm
from tests.support.uploads import chunked, multipart, problem

SPEC = {"kind": "screenshot", "url": "http://page.test/"}
KEY = {"Idempotency-Key": "order 7"}
REPLAYED = "Idempotency-Replayed"


class BrokenLedger(MemoryLedger):
    """Goes away before it stores what is new, as many times as it is told."""

    times = 1

    def add(self, new: Job, *, backlog_max: int, owner_max: int | None) -> Refusal | None:
        if self.times:
            self.times -= 1
            raise BackendUnavailable("Redis went away.")
        return super().add(new, backlog_max=backlog_max, owner_max=owner_max)


class OvertakenLedger(MemoryLedger):
    """Lets ``overtaking`` happen between a request's last look and its writing, once."""

    overtaking: Callable[[], None] | None = None

    def add(self, new: Job, *, backlog_max: int, owner_max: int | None) -> Refusal | None:
        self._be_overtaken()
        return super().add(new, backlog_max=backlog_max, owner_max=owner_max)

    def swap(self, new: Job) -> bool:
        self._be_overtaken()
        return super().swap(new)

    def _be_overtaken(self) -> None:
        overtaking, self.overtaking = self.overtaking, None
        if overtaking is not None:
            overtaking()


def asking(service: JobService, **settings: Any) -> FlaskClient:
    return create_app(ApiSettings(**settings), service).test_client()


@pytest.fixture
def client(farm: MemoryFarm) -> FlaskClient:
    return asking(farm.service, upload_max_bytes=1000)


def submit(client: FlaskClient, headers: dict[str, str] | None = None, **fields: Any) -> Any:
    return client.post("/v1/jobs", json={**SPEC, **fields}, headers=headers or KEY)


def said(answer: TestResponse) -> tuple[int, bool]:
    return answer.status_code, answer.headers.get(REPLAYED) == "true"


def ids_of(client: FlaskClient) -> list[str]:
    return [job["id"] for job in client.get("/v1/jobs").get_json()["items"]]


def finish(farm: MemoryFarm, job_id: str) -> None:
    claimed = farm.service.get(job_id).claimed("worker-1", NOON, redeliveries=0)
    assert farm.ledger.swap(claimed)
    assert farm.ledger.swap(claimed.failed(DnsError("No such host."), NOON))


class TestSubmit:
    def test_110_the_same_body_twice_is_one_job(
        self, farm: MemoryFarm, client: FlaskClient
    ) -> None:
        first, again = submit(client), submit(client)
        assert (said(first), said(again)) == ((202, False), (202, True))
        assert again.get_json() == first.get_json()
        assert again.headers["Location"] == first.headers["Location"]
        assert again.headers["Retry-After"] == "1"
        assert ids_of(client) == [first.get_json()["id"]]
        assert farm.queue.count(first.get_json()["id"]) == 1

    @pytest.mark.parametrize(
        "fields",
        [
            {"url": "http://page.test/other"},
            {"kind": "pdf"},
            {"tags": ["a"]},
            {"full_page": True},
            {"full_page": False},
            {"http_credentials": {"username": "a", "password": "b"}},
        ],
        ids=str,
    )
    def test_110_another_body_is_422_and_makes_nothing(
        self, client: FlaskClient, fields: dict[str, Any]
    ) -> None:
        job_id = submit(client).get_json()["id"]
        assert problem(submit(client, **fields)) == (422, "idempotency_conflict")
        assert ids_of(client) == [job_id]
        assert said(submit(client)) == (202, True)

    def test_the_spelling_of_the_body_does_not_matter(self, client: FlaskClient) -> None:
        fields = {"metadata": {"a": "ä", "b": "c"}}
        submit(client, **fields)
        body = (
            '{ "metadata": {"b": "c", "a": "\\u00e4"},'
            ' "url": "HTTP://page.test:80", "kind": "screenshot"}'
        )
        media_type = "application/json"
        answer = client.post("/v1/jobs", data=body, headers=KEY, content_type=media_type)
        assert said(answer) == (202, True)

    def test_without_a_key_or_with_another_it_is_another_job(self, client: FlaskClient) -> None:
        submit(client)
        for headers in ({}, {}, {"Idempotency-Key": "order 8"}):
            answer = client.post("/v1/jobs", json=SPEC, headers=headers)
            assert said(answer) == (202, False)
        assert len(set(ids_of(client))) == 4

    @pytest.mark.parametrize("key", ["", "a\tb", "schlüssel", "夏", "a\x7f", "k" * 256])
    def test_a_key_that_is_none_is_422_naming_the_header(
        self, client: FlaskClient, key: str
    ) -> None:
        sent = {"HTTP_IDEMPOTENCY_KEY": key.encode().decode("latin-1")}
        job_id = submit(client, {"Idempotency-Key": "first"}).get_json()["id"]
        finish_path = f"/v1/jobs/{job_id}/retry"
        for path, body in [("/v1/jobs", {"json": SPEC}), (finish_path, {}), ("/v1/uploads", {})]:
            answer = client.post(path, environ_overrides=sent, **body)
            assert problem(answer) == (422, "invalid_spec")
            assert [error["field"] for error in answer.get_json()["errors"]] == ["Idempotency-Key"]
        assert ids_of(client) == [job_id]

    @pytest.mark.parametrize("key", ["k", "k" * 255, '"a, b"', "~!@#$%^&*()[]{}\\", "0"])
    def test_any_printable_ascii_is_a_key(self, client: FlaskClient, key: str) -> None:
        answers = [said(submit(client, {"Idempotency-Key": key})) for _ in range(2)]
        assert answers == [(202, False), (202, True)]

    def test_a_replay_tells_of_the_job_as_it_stands(
        self, farm: MemoryFarm, client: FlaskClient
    ) -> None:
        job_id = submit(client).get_json()["id"]
        finish(farm, job_id)
        answer = submit(client)
        assert (said(answer), answer.get_json()["state"]) == ((200, True), "failed")
        assert "Retry-After" not in answer.headers

    def test_a_replay_waits_like_the_first(self, farm: MemoryFarm) -> None:
        waited: list[float] = []

        class Ledger(MemoryLedger):
            def wait_for_end(self, job_id: str, timeout_s: float) -> None:
                waited.append(timeout_s)
                claimed = self.get(job_id).claimed("worker-1", NOON, redeliveries=0)
                self.swap(claimed)
                self.swap(claimed.failed(DnsError("No such host."), NOON))

        client = asking(replace(farm.service, ledger=Ledger(farm.clock)))
        submit(client)
        answer = submit(client, {**KEY, "Prefer": "wait=7"})
        assert (said(answer), waited) == ((200, True), [7])
        assert answer.headers["Preference-Applied"] == "wait=7"

    def test_after_a_day_the_key_is_free(self, farm: MemoryFarm, client: FlaskClient) -> None:
        first = submit(client)
        farm.clock.advance(RESERVED_S - 1)
        assert said(submit(client)) == (202, True)
        farm.clock.advance(1)
        again = submit(client, full_page=True)
        assert said(again) == (202, False)
        assert again.get_json()["id"] != first.get_json()["id"]

    @pytest.mark.parametrize("end", ["expire", "forget"])
    def test_a_job_that_is_no_longer_kept_is_410_and_not_made_anew(
        self, farm: MemoryFarm, client: FlaskClient, end: str
    ) -> None:
        job_id = submit(client, retention=60).get_json()["id"]
        finish(farm, job_id)
        if end == "forget":
            assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
            assert client.get(f"/v1/jobs/{job_id}").status_code == 404
        else:
            farm.clock.advance(60)
        for _ in range(2):
            assert problem(submit(client, retention=60)) == (410, "job_expired")
        assert ids_of(client) == []

    def test_a_cancelled_job_stays_cancelled(self, client: FlaskClient) -> None:
        client.delete(f"/v1/jobs/{submit(client).get_json()['id']}")
        answer = submit(client)
        assert (said(answer), answer.get_json()["state"]) == ((200, True), "cancelled")

    def test_a_replay_of_a_probe_does_not_need_its_upload_any_more(
        self, client: FlaskClient
    ) -> None:
        upload_id = client.post("/v1/uploads", data=b"abc").get_json()["id"]
        probe = {"kind": "probe", "upload_id": upload_id}
        first = client.post("/v1/jobs", json=probe, headers=KEY)
        client.delete(f"/v1/uploads/{upload_id}")
        again = client.post("/v1/jobs", json=probe, headers=KEY)
        assert (said(again), again.get_json()) == ((202, True), first.get_json())


class TestKeyIsNotUsedUp:
    @pytest.mark.parametrize(
        "refused",
        [{"url": "file:///"}, {"kind": "gif"}, {"kind": "probe", "url": None, "upload_id": "no"}],
        ids=str,
    )
    def test_by_a_spec_that_is_refused(self, client: FlaskClient, refused: dict[str, Any]) -> None:
        assert problem(submit(client, **refused)) == (422, "invalid_spec")
        assert said(submit(client)) == (202, False)

    def test_by_a_scope_that_is_missing(self) -> None:
        holder = KeyedFarm().holder()
        spec = {**SPEC, "style": "a{}"}
        answer = holder.call("POST", "/v1/jobs", json=spec, headers=KEY)
        assert problem(answer) == (403, "scope_required")
        assert said(holder.call("POST", "/v1/jobs", json=SPEC, headers=KEY)) == (202, False)

    def test_by_a_full_queue(self, farm: MemoryFarm, client: FlaskClient) -> None:
        farm.submit()
        full = asking(replace(farm.service, limits=Limits(backlog_max=1)))
        for _ in range(2):
            assert problem(submit(full)) == (429, "queue_full")
        assert (said(submit(client)), said(submit(full))) == ((202, False), (202, True))
        assert len(ids_of(client)) == 2

    def test_by_a_crash_between_reservation_and_record(self, farm: MemoryFarm) -> None:
        farm.ledger = BrokenLedger(farm.clock)
        client = asking(replace(farm.service, ledger=farm.ledger))
        assert problem(submit(client)) == (503, "backend_unavailable")
        reserved = farm.reservations.find("", "order 7")
        answers = [submit(client) for _ in range(2)]
        assert [said(answer) for answer in answers] == [(202, False), (202, True)]
        assert reserved is not None
        assert {answer.get_json()["id"] for answer in answers} == {reserved.id}
        assert farm.queue.count(reserved.id) == 1


class TestRace:
    """Both requests are of the same millisecond: the clock stands."""

    @pytest.mark.parametrize("what", ["submit", "retry"])
    def test_110_of_two_at_once_one_does_it_and_the_other_knows(
        self, farm: MemoryFarm, what: str
    ) -> None:
        ledger = farm.ledger = OvertakenLedger(farm.clock)
        farm.service = replace(farm.service, ledger=ledger)
        client, faster = asking(farm.service), asking(farm.service)
        path, body, before = "/v1/jobs", SPEC, 0
        if what == "retry":
            job_id = farm.submit().id
            finish(farm, job_id)
            path, body, before = f"/v1/jobs/{job_id}/retry", {}, 1
        found: list[TestResponse] = []
        ledger.overtaking = lambda: found.append(faster.post(path, json=body, headers=KEY))
        late = client.post(path, json=body, headers=KEY)
        assert (said(found[0]), said(late)) == ((202, False), (202, True))
        assert late.get_json() == found[0].get_json()
        assert farm.queue.count(late.get_json()["id"]) == before + 1


class TestOwners:
    def test_110_two_owners_may_use_the_same_key(self) -> None:
        farm = KeyedFarm()
        ann, ben = farm.holder(), farm.holder()
        bodies = [SPEC, {**SPEC, "full_page": True}]
        made = [
            holder.call("POST", "/v1/jobs", json=body, headers=KEY)
            for _ in range(2)
            for holder, body in zip((ann, ben), bodies, strict=True)
        ]
        assert [said(answer) for answer in made] == [(202, False)] * 2 + [(202, True)] * 2
        ids = [answer.get_json()["id"] for answer in made]
        assert ids[:2] == ids[2:]
        assert len(set(ids)) == 2

    def test_an_upload_of_another_s_key_is_one_s_own(self) -> None:
        farm = KeyedFarm()
        uploads = [
            holder.call("POST", "/v1/uploads", data=b"abc", headers=KEY)
            for holder in (farm.holder(), farm.holder())
        ]
        assert [said(answer) for answer in uploads] == [(201, False)] * 2
        assert len({answer.get_json()["id"] for answer in uploads}) == 2


class TestRetry:
    def lost(self, farm: MemoryFarm) -> str:
        job_id = farm.submit().id
        finish(farm, job_id)
        return job_id

    def retry(self, client: FlaskClient, job_id: str) -> TestResponse:
        return client.post(f"/v1/jobs/{job_id}/retry", headers=KEY)

    def test_110_the_same_retry_twice_queues_the_job_once(
        self, farm: MemoryFarm, client: FlaskClient
    ) -> None:
        job_id = self.lost(farm)
        answers = [self.retry(client, job_id) for _ in range(2)]
        assert [said(answer) for answer in answers] == [(202, False), (202, True)]
        assert answers[0].get_json() == answers[1].get_json()
        assert (farm.service.get(job_id).retries, farm.queue.count(job_id)) == (1, 2)

    def test_it_does_not_queue_it_again_when_it_has_failed_again(
        self, farm: MemoryFarm, client: FlaskClient
    ) -> None:
        job_id = self.lost(farm)
        self.retry(client, job_id)
        finish(farm, job_id)
        again = self.retry(client, job_id)
        assert (said(again), again.get_json()["state"]) == ((200, True), "failed")
        other = client.post(f"/v1/jobs/{job_id}/retry", headers={"Idempotency-Key": "order 8"})
        assert (said(other), other.get_json()["retries"]) == ((202, False), 2)
        assert said(self.retry(client, job_id)) == (202, True)

    def test_a_refused_one_does_not_use_the_key_up(
        self, farm: MemoryFarm, client: FlaskClient
    ) -> None:
        job_id = farm.submit().id
        assert problem(self.retry(client, job_id)) == (409, "nothing_to_retry")
        finish(farm, job_id)
        assert said(self.retry(client, job_id)) == (202, False)

    def test_one_that_was_reserved_and_not_done_is_done(
        self, farm: MemoryFarm, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job_id = self.lost(farm)

        def away(_: Job) -> bool:
            raise BackendUnavailable("Redis went away.")

        with monkeypatch.context() as patched:
            patched.setattr(farm.ledger, "swap", away)
            assert problem(self.retry(client, job_id)) == (503, "backend_unavailable")
        assert [said(self.retry(client, job_id)) for _ in range(2)] == [(202, False), (202, True)]
        assert farm.service.get(job_id).retries == 1

    def test_the_key_of_something_else_is_422(self, farm: MemoryFarm, client: FlaskClient) -> None:
        submit(client)
        jobs = [self.lost(farm) for _ in range(2)]
        assert problem(self.retry(client, jobs[0])) == (422, "idempotency_conflict")
        other = {"Idempotency-Key": "order 8"}
        client.post(f"/v1/jobs/{jobs[0]}/retry", headers=other)
        answer = client.post(f"/v1/jobs/{jobs[1]}/retry", headers=other)
        assert problem(answer) == (422, "idempotency_conflict")
        assert farm.service.get(jobs[1]).retries == 0

    def test_a_replayed_submission_is_answered_with_the_job_that_was_queued_again(
        self, farm: MemoryFarm, client: FlaskClient
    ) -> None:
        job_id = submit(client).get_json()["id"]
        finish(farm, job_id)
        client.post(f"/v1/jobs/{job_id}/retry")
        answer = submit(client)
        assert (said(answer), answer.get_json()["retries"]) == ((202, True), 1)


class TestUpload:
    def leave(self, client: FlaskClient, content: bytes, **query: str) -> TestResponse:
        return client.post("/v1/uploads", data=content, headers=KEY, query_string=query)

    def test_110_the_same_bytes_twice_are_one_upload(
        self, farm: MemoryFarm, client: FlaskClient
    ) -> None:
        first, again = (self.leave(client, b"abc", filename="a.mp4") for _ in range(2))
        assert (said(first), said(again)) == ((201, False), (201, True))
        assert again.get_json() == first.get_json()
        assert again.get_json()["sha256"] == hashlib.sha256(b"abc").hexdigest()
        assert len(farm.artifacts.stored) == 1

    @pytest.mark.parametrize("content", [b"", b"abd", b"abcd"])
    def test_110_other_bytes_are_422_and_nothing_of_them_is_kept(
        self, farm: MemoryFarm, client: FlaskClient, content: bytes
    ) -> None:
        upload_id = self.leave(client, b"abc").get_json()["id"]
        assert problem(self.leave(client, content)) == (422, "idempotency_conflict")
        assert [owner for owner, _ in farm.artifacts.stored] == [upload_id]

    @pytest.mark.parametrize("send", [chunked, multipart])
    def test_how_the_bytes_come_does_not_matter(
        self, client: FlaskClient, send: Callable[..., TestResponse]
    ) -> None:
        self.leave(client, b"abc")
        client.environ_base["HTTP_IDEMPOTENCY_KEY"] = KEY["Idempotency-Key"]
        assert said(send(client, b"abc")) == (201, True)
        assert problem(send(client, b"abd")) == (422, "idempotency_conflict")

    def test_a_refused_one_does_not_use_the_key_up(
        self, farm: MemoryFarm, client: FlaskClient
    ) -> None:
        assert problem(self.leave(client, b"x" * 1001)) == (413, "payload_too_large")
        broken = {"CONTENT_LENGTH": "100"}
        answer = client.post("/v1/uploads", data=b"x", headers=KEY, environ_overrides=broken)
        assert problem(answer) == (400, "bad_request")
        assert farm.artifacts.stored == {}
        assert said(self.leave(client, b"abc")) == (201, False)

    def test_two_at_once_are_one(self, farm: MemoryFarm, client: FlaskClient) -> None:
        """The second is whole and reserved while the first is still on its way."""
        found: list[TestResponse] = []
        put = farm.artifacts.put

        def overtaken(owner: str, name: str, *rest: Any, **named: Any) -> Any:
            farm.artifacts.put = put  # type: ignore[method-assign]
            stored = put(owner, name, *rest, **named)
            found.append(self.leave(asking(farm.service), b"abc"))
            return stored

        farm.artifacts.put = overtaken  # type: ignore[method-assign]
        late = self.leave(client, b"abc")
        assert (said(found[0]), said(late)) == ((201, False), (201, True))
        assert late.get_json()["id"] == found[0].get_json()["id"]
        assert len(farm.artifacts.stored) == 1

    def test_one_that_was_forgotten_is_kept_anew(self, client: FlaskClient) -> None:
        first = self.leave(client, b"abc")
        client.delete(f"/v1/uploads/{first.get_json()['id']}")
        assert said(self.leave(client, b"abc")) == (201, False)
        assert problem(self.leave(client, b"abd")) == (422, "idempotency_conflict")

    def test_the_key_of_a_job_is_422(self, farm: MemoryFarm, client: FlaskClient) -> None:
        submit(client)
        assert problem(self.leave(client, b"abc")) == (422, "idempotency_conflict")
        assert farm.artifacts.stored == {}
