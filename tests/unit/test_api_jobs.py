"""Submitting, reading and cancelling over HTTP."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.app import create_app
from api.settings import ApiSettings
from farm.backends.memory import MemoryLedger, MemoryQueue
from farm.jobs.errors import BackendUnavailable, DnsError
from farm.jobs.models import Artifact, Job
from farm.jobs.service import JobService
from farm.jobs.specs.requests import SPECS
from tests.support.builders import NOON, MemoryFarm, a_job, a_spec

SPEC = {"kind": "screenshot", "url": "http://page.test/"}


class ImpatientLedger(MemoryLedger):
    """Notes how long callers would wait, and wakes them at once."""

    def __init__(self, farm: MemoryFarm) -> None:
        super().__init__(farm.clock)
        self.timeouts_s: list[float] = []

    def wait_for_end(self, job_id: str, timeout_s: float) -> None:
        del job_id
        self.timeouts_s.append(timeout_s)


class PromptQueue(MemoryQueue):
    """Ends each job at the moment that it is announced."""

    def __init__(self, ledger: MemoryLedger, end: Callable[[Job], Job]) -> None:
        super().__init__()
        self._ledger = ledger
        self._end = end

    def announce(self, job: Job, *, ahead: bool = False) -> None:
        del ahead
        claimed = running(job)
        self._ledger.swap(claimed)
        self._ledger.swap(self._end(claimed))


class AbsentQueue(MemoryQueue):
    def announce(self, job: Job, *, ahead: bool = False) -> None:
        raise BackendUnavailable(f"The broker is away from {job.id} ({ahead}).")


def running(job: Job) -> Job:
    return job.claimed("worker-1", NOON, redeliveries=0)


def succeeded(job: Job) -> Job:
    picture = Artifact(name="screenshot.png", media_type="image/png", size_bytes=1, sha256="ab")
    return job.succeeded(NOON, artifacts=[picture], report={"title": "Ü"}, warnings=["slow"])


def failed(job: Job) -> Job:
    return job.failed(DnsError("No such host."), NOON)


def cancelled(job: Job) -> Job:
    return job.cancelled(NOON)


def asking(service: JobService) -> FlaskClient:
    return create_app(ApiSettings(), service).test_client()


def store(farm: MemoryFarm, *moves: Callable[[Job], Job], **fields: Any) -> Job:
    """Store a job and move it on; return it as it is then."""
    job = a_job(spec=a_spec(**fields))
    farm.ledger.swap(job)
    for move in moves:
        job = move(job)
        farm.ledger.swap(job)
    return job


def open_jobs(farm: MemoryFarm) -> list[Job]:
    return farm.ledger.due(NOON + timedelta(days=365), 100)


def body(answer: TestResponse) -> dict[str, Any]:
    found = answer.get_json()
    assert isinstance(found, dict)
    return found


class TestSubmit:
    def test_a_spec_is_answered_with_202_and_where_to_look(
        self, farm: MemoryFarm, client: FlaskClient
    ) -> None:
        answer = client.post("/v1/jobs", json={**SPEC, "full_page": True, "tags": ["a"]})
        job = body(answer)
        assert (answer.status_code, answer.content_type) == (202, "application/json")
        assert answer.headers["Location"] == f"/v1/jobs/{job['id']}" == job["links"]["self"]
        assert answer.headers["Retry-After"] == "1"
        assert answer.headers["Cache-Control"] == "no-store"
        assert [stored.id for stored in open_jobs(farm)] == [job["id"]]
        assert client.get(answer.headers["Location"]).json == job

    def test_a_job_has_the_documented_shape(self, client: FlaskClient) -> None:
        job = body(client.post("/v1/jobs", json={**SPEC, "metadata": {"order": "7"}}))
        assert re.fullmatch(r"[A-Za-z0-9_-]{22,}", job["id"])
        assert job == {
            "id": job["id"],
            "kind": "screenshot",
            "state": "queued",
            "attempt": 0,
            "retries": 0,
            "priority": "normal",
            "batch_id": None,
            "tags": [],
            "metadata": {"order": "7"},
            "created_at": "2026-01-01T12:00:00.000Z",
            "started_at": None,
            "finished_at": None,
            "expires_at": None,
            "spec": {"url": "http://page.test/"},
            "cached": False,
            "artifacts": [],
            "report": None,
            "failure": None,
            "previous_failures": [],
            "webhook": None,
            "warnings": [],
            "links": {
                "self": f"/v1/jobs/{job['id']}",
                "result": None,
                "events": f"/v1/jobs/{job['id']}/events",
            },
        }

    def test_a_charset_beside_the_content_type_does_not_matter(self, client: FlaskClient) -> None:
        media_type = "Application/JSON; charset=utf-8"
        answer = client.post(
            "/v1/jobs", data='{"kind":"probe","url":"http://a/é"}', content_type=media_type
        )
        assert (answer.status_code, body(answer)["code"]) == (422, "invalid_spec")

    def test_a_job_is_accepted_when_the_broker_is_away(self, farm: MemoryFarm) -> None:
        client = asking(replace(farm.service, queue=AbsentQueue()))
        assert client.post("/v1/jobs", json=SPEC).status_code == 202
        assert len(open_jobs(farm)) == 1

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"url": "file:///etc/passwd"}, "url"),
            ({"url": None}, "url"),
            ({"timeout": 999}, "timeout"),
            ({"timeout": "1000"}, "timeout"),
            ({"expires_in": 0}, "expires_in"),
            ({"priority": "urgent"}, "priority"),
            ({"viewport": {"width": 0}}, "viewport.width"),
            ({"viewport": {"widht": 1}}, "viewport.widht"),
            ({"quality": 5}, "quality"),
            ({"ful_page": True}, "ful_page"),
            ({"tags": ["ok", ""]}, "tags.1"),
            ({"metadata": {"key": 1}}, "metadata.key"),
            ({"kind": "gif"}, "kind"),
            ({"kind": "pdf", "page_ranges": "0"}, "page_ranges"),
            ({"kind": "content", "cookies": [{"nmae": "a"}]}, "cookies.0.name"),
        ],
    )
    def test_a_bad_spec_is_422_naming_the_field_and_nothing_is_stored(
        self, farm: MemoryFarm, client: FlaskClient, fields: dict[str, Any], field: str
    ) -> None:
        answer = client.post("/v1/jobs", json=SPEC | fields)
        assert (answer.status_code, body(answer)["code"]) == (422, "invalid_spec")
        assert body(answer)["errors"][0]["field"] == field
        assert (open_jobs(farm), farm.queue.waiting) == ([], [])

    def test_a_probe_of_an_unknown_upload_is_422_and_nothing_is_stored(
        self, farm: MemoryFarm, client: FlaskClient
    ) -> None:
        answer = client.post("/v1/jobs", json={"kind": "probe", "upload_id": "nope"})
        assert (answer.status_code, body(answer)["errors"][0]["field"]) == (422, "upload_id")
        assert open_jobs(farm) == []

    @pytest.mark.parametrize("kind", SPECS)
    def test_every_kind_is_taken(self, client: FlaskClient, kind: str) -> None:
        answer = client.post("/v1/jobs", json={**SPEC, "kind": kind})
        assert (answer.status_code, body(answer)["kind"]) == (202, kind)

    def test_a_secret_and_a_whole_page_do_not_come_back(
        self, farm: MemoryFarm, client: FlaskClient
    ) -> None:
        html = "<p>" * 500_000
        credentials = {"username": "ann", "password": "hunter2", "origin": "http://page.test/"}
        fields = {"kind": "pdf", "html": html, "http_credentials": credentials}
        answer = client.post("/v1/jobs", json=fields)
        assert "hunter2" not in answer.text
        assert len(answer.text) < 2000
        ((spec,),) = ([job.spec for job in open_jobs(farm)],)
        assert spec == a_spec(**fields, url=None)


class TestPreferWait:
    @pytest.mark.parametrize(
        ("end", "state", "code"),
        [(succeeded, "succeeded", None), (failed, "failed", "dns_error")],
    )
    def test_a_job_that_ends_in_time_is_answered_with_200_also_when_it_failed(
        self, farm: MemoryFarm, end: Callable[[Job], Job], state: str, code: str | None
    ) -> None:
        client = asking(replace(farm.service, queue=PromptQueue(farm.ledger, end)))
        answer = client.post("/v1/jobs", json=SPEC, headers={"Prefer": "wait=60"})
        job = body(answer)
        assert (answer.status_code, job["state"]) == (200, state)
        assert answer.headers["Preference-Applied"] == "wait=60"
        assert answer.headers["Location"] == job["links"]["self"]
        assert "Retry-After" not in answer.headers
        assert (job["failure"] or {}).get("code") == code

    @pytest.mark.parametrize(
        ("prefer", "waited_s"),
        [
            ("wait=7", 7),
            ("wait=60", 60),
            ("wait=61", 60),
            ("wait=99999", 60),
            ('wait="5"', 5),
            ("respond-async, wait=5", 5),
            ("wait=5, return=minimal", 5),
        ],
    )
    def test_the_wait_is_applied_up_to_60_seconds(
        self, farm: MemoryFarm, prefer: str, waited_s: int
    ) -> None:
        ledger = ImpatientLedger(farm)
        client = asking(replace(farm.service, ledger=ledger))
        answer = client.post("/v1/jobs", json=SPEC, headers={"Prefer": prefer})
        assert (answer.status_code, ledger.timeouts_s) == (202, [waited_s])
        assert answer.headers["Preference-Applied"] == f"wait={waited_s}"
        assert answer.headers["Retry-After"] == "1"

    def test_a_wait_of_nothing_is_applied_at_once(self, client: FlaskClient) -> None:
        answer = client.post("/v1/jobs", json=SPEC, headers={"Prefer": "wait=0"})
        assert (answer.status_code, answer.headers["Preference-Applied"]) == (202, "wait=0")

    @pytest.mark.parametrize(
        "prefer",
        [
            "",
            "wait",
            "wait=",
            "wait=-1",
            "wait=+1",
            "wait=1.5",
            "wait=1e3",
            "wait=soon",
            "wait=²",
            "wait=0x10",
            "respond-async",
            "=,;,=",
        ],
    )
    def test_a_preference_that_makes_no_sense_is_ignored(
        self, farm: MemoryFarm, prefer: str
    ) -> None:
        ledger = ImpatientLedger(farm)
        client = asking(replace(farm.service, ledger=ledger))
        answer = client.post("/v1/jobs", json=SPEC, headers={"Prefer": prefer})
        assert (answer.status_code, ledger.timeouts_s) == (202, [])
        assert "Preference-Applied" not in answer.headers

    def test_an_endless_number_of_seconds_is_no_error_of_the_farm(self, farm: MemoryFarm) -> None:
        client = asking(replace(farm.service, ledger=ImpatientLedger(farm)))
        answer = client.post("/v1/jobs", json=SPEC, headers={"Prefer": "wait=" + "9" * 5000})
        assert answer.status_code == 202


class TestRead:
    @pytest.mark.parametrize("moves", [(), (running,)], ids=["queued", "running"])
    def test_an_open_job_says_when_to_ask_again(
        self, farm: MemoryFarm, client: FlaskClient, moves: tuple[Callable[[Job], Job], ...]
    ) -> None:
        job = store(farm, *moves)
        answer = client.get(f"/v1/jobs/{job.id}")
        assert (answer.status_code, answer.headers["Retry-After"]) == (200, "1")
        assert body(answer)["state"] == job.state

    def test_a_job_that_succeeded_has_artifacts_and_where_they_are(
        self, farm: MemoryFarm, client: FlaskClient
    ) -> None:
        job = store(farm, running, succeeded)
        answer = client.get(f"/v1/jobs/{job.id}")
        found = body(answer)
        assert "Retry-After" not in answer.headers
        assert (found["report"], found["warnings"]) == ({"title": "Ü"}, ["slow"])
        assert found["artifacts"] == [
            {
                "name": "screenshot.png",
                "media_type": "image/png",
                "size_bytes": 1,
                "sha256": "ab",
                "url": f"/v1/jobs/{job.id}/artifacts/screenshot.png",
            }
        ]
        assert found["links"]["result"] == f"/v1/jobs/{job.id}/result"
        assert (found["started_at"], found["expires_at"]) == (
            "2026-01-01T12:00:00.000Z",
            "2026-01-02T12:00:00.000Z",
        )

    def test_a_job_that_failed_has_a_failure_and_where_it_is_explained(
        self, farm: MemoryFarm, client: FlaskClient
    ) -> None:
        found = body(client.get(f"/v1/jobs/{store(farm, running, failed).id}"))
        assert found["failure"] == {
            "code": "dns_error",
            "message": "No such host.",
            "retryable": False,
            "docs": "/docs/errors#dns_error",
        }
        assert (found["artifacts"], found["links"]["result"]) == ([], None)

    def test_what_has_not_changed_is_304_and_empty(
        self, farm: MemoryFarm, client: FlaskClient
    ) -> None:
        job = store(farm)
        first = client.get(f"/v1/jobs/{job.id}")
        seen = {"If-None-Match": first.headers["ETag"]}
        again = client.get(f"/v1/jobs/{job.id}", headers=seen)
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]
        farm.ledger.swap(running(job))
        changed = client.get(f"/v1/jobs/{job.id}", headers=seen)
        assert (changed.status_code, body(changed)["state"]) == (200, "running")
        assert changed.headers["ETag"] != first.headers["ETag"]

    @pytest.mark.parametrize("condition", ["If-Match", "If-Range", "If-Unmodified-Since"])
    def test_no_condition_but_if_none_match_holds_a_read_back(
        self, farm: MemoryFarm, client: FlaskClient, condition: str
    ) -> None:
        answer = client.get(f"/v1/jobs/{store(farm).id}", headers={condition: '"other"'})
        assert answer.status_code == 200

    @pytest.mark.parametrize(("wait", "timeouts_s"), [("0", []), ("0.5", [0.5]), ("30", [30])])
    def test_a_read_waits_as_long_as_it_says(
        self, farm: MemoryFarm, wait: str, timeouts_s: list[float]
    ) -> None:
        farm.ledger = ledger = ImpatientLedger(farm)
        job = store(farm)
        client = asking(replace(farm.service, ledger=ledger))
        assert client.get(f"/v1/jobs/{job.id}", query_string={"wait": wait}).status_code == 200
        assert ledger.timeouts_s == timeouts_s

    @pytest.mark.parametrize("wait", ["30.1", "31", "-1", "nan", "inf", "-inf", "1e999", "abc", ""])
    def test_a_wait_that_is_not_from_0_to_30_is_422_naming_it(
        self, farm: MemoryFarm, client: FlaskClient, wait: str
    ) -> None:
        answer = client.get(f"/v1/jobs/{store(farm).id}", query_string={"wait": wait})
        assert (answer.status_code, body(answer)["code"]) == (422, "invalid_spec")
        assert [error["field"] for error in body(answer)["errors"]] == ["wait"]

    def test_an_unknown_parameter_is_422_naming_it(
        self, farm: MemoryFarm, client: FlaskClient
    ) -> None:
        answer = client.get(f"/v1/jobs/{store(farm).id}?wiat=3")
        assert (answer.status_code, body(answer)["errors"][0]["field"]) == (422, "wiat")

    @pytest.mark.parametrize("job_id", ["nope", "%00", "%ff", "a%0d%0ab: c", "*", "é", "x" * 5000])
    def test_an_unknown_id_is_404(self, client: FlaskClient, job_id: str) -> None:
        answer = client.get(f"/v1/jobs/{job_id}")
        assert (answer.status_code, body(answer)["code"]) == (404, "unknown_job")

    def test_a_job_past_its_retention_is_410(self, farm: MemoryFarm, client: FlaskClient) -> None:
        job = store(farm, running, succeeded, retention=60)
        farm.clock.advance(60)
        for path in ("", "/result", "/artifacts/screenshot.png"):
            answer = client.get(f"/v1/jobs/{job.id}{path}")
            assert (answer.status_code, body(answer)["code"]) == (410, "job_expired")
        assert client.delete(f"/v1/jobs/{job.id}").status_code == 410


class TestDelete:
    @pytest.mark.parametrize("moves", [(), (running,)], ids=["queued", "running"])
    def test_an_open_job_is_cancelled_with_202(
        self, farm: MemoryFarm, client: FlaskClient, moves: tuple[Callable[[Job], Job], ...]
    ) -> None:
        answer = client.delete(f"/v1/jobs/{store(farm, *moves).id}")
        assert (answer.status_code, body(answer)["state"]) == (202, "cancelled")
        assert body(answer)["expires_at"] is not None
        assert open_jobs(farm) == []

    @pytest.mark.parametrize("move", [succeeded, failed, cancelled])
    def test_an_ended_job_is_forgotten_with_204(
        self, farm: MemoryFarm, client: FlaskClient, move: Callable[[Job], Job]
    ) -> None:
        job = store(farm, running, move)
        answer = client.delete(f"/v1/jobs/{job.id}")
        assert (answer.status_code, answer.data) == (204, b"")
        assert client.get(f"/v1/jobs/{job.id}").status_code == 404
        assert client.delete(f"/v1/jobs/{job.id}").status_code == 404
