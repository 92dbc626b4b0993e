"""Signing in at the dashboard: what a session reaches, when it ends, and what it does not give."""

import re
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from farm.jobs.key_service import KeyService
from farm.jobs.models import Job
from farm.jobs.sessions import SESSION_S, Sessions
from farm.jobs.states import JobState
from tests.support.builders import NOON, MemoryFarm
from tests.support.keyed import Holder, KeyedFarm
from tests.support.results import succeeded

HTML = {"Accept": "text/html"}
OWN = {**HTML, "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def farm() -> KeyedFarm:
    return KeyedFarm()


class Person:
    """Somebody at a browser."""

    def __init__(self, farm: KeyedFarm) -> None:
        self.client: FlaskClient = farm.app.test_client()

    def get(self, path: str) -> TestResponse:
        return self.client.get(path, headers=HTML)

    def sign_in(self, holder: Holder | str, **headers: str) -> TestResponse:
        key = holder if isinstance(holder, str) else holder.text
        data = {"key": key, "then": "/jobs"}
        return self.client.post("/sign-in", data=data, headers={**OWN, **headers})

    def post(self, path: str, **fields: str) -> TestResponse:
        found = re.search(r'name="token" value="([0-9a-f]{64})"', self.get("/").text)
        token = found[1] if found else ""
        return self.client.post(path, data={"token": token, **fields}, headers=OWN)


def job_of(farm: KeyedFarm, holder: Holder) -> Job:
    """Submit a job of the holder's and end it."""
    job = farm.ledger.get(holder.submit().get_json()["id"])
    running = job.claimed("worker-1", NOON, redeliveries=0)
    assert farm.ledger.swap(running)
    done = succeeded(farm, running)
    assert farm.ledger.swap(done)
    return done


def test_who_has_not_signed_in_is_led_there_and_back(farm: KeyedFarm) -> None:
    person = Person(farm)
    answer = person.get("/jobs?state=failed")
    assert answer.status_code == 303
    assert answer.location == "/sign-in?then=%2Fjobs%3Fstate%3Dfailed"
    assert 'value="/jobs?state=failed"' in person.get(answer.location).text


def test_the_cookie_is_the_browser_s_alone_and_holds_no_key(farm: KeyedFarm) -> None:
    answer = Person(farm).sign_in(farm.operator)
    cookie = answer.headers["Set-Cookie"]
    assert answer.location == "/jobs"
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Secure" not in cookie
    assert farm.operator.text[-43:] not in cookie
    by_tls = Person(farm).sign_in(farm.operator, **{"X-Forwarded-Proto": "https"})
    assert "Secure" in by_tls.headers["Set-Cookie"]


def test_one_sees_one_s_own_jobs_and_pictures_alone(farm: KeyedFarm) -> None:
    shop, other = farm.holder(), farm.holder()
    own, foreign = job_of(farm, shop), job_of(farm, other)
    person = Person(farm)
    person.sign_in(shop)
    for path in ("/", "/jobs", "/gallery"):
        page = person.get(path).text
        assert own.id in page
        assert foreign.id not in page
    assert person.get(f"/jobs/{own.id}").status_code == 200
    assert person.get(f"/v1/jobs/{own.id}/artifacts/screenshot.png").status_code == 200
    assert person.get(f"/jobs/{foreign.id}").status_code == 404
    assert person.get(f"/v1/jobs/{foreign.id}/artifacts/screenshot.png").status_code == 404
    assert person.post(f"/jobs/{foreign.id}/retry").status_code == 404


def test_what_one_submits_is_one_s_own(farm: KeyedFarm) -> None:
    shop = farm.holder()
    person = Person(farm)
    person.sign_in(shop)
    answer = person.post("/submit", kind="screenshot", url="page.test")
    assert answer.status_code == 303
    job = farm.ledger.get(answer.location.rpartition("/")[2])
    assert job.owner == shop.key_id
    assert person.post(f"/jobs/{job.id}/cancel").status_code == 303
    assert farm.ledger.get(job.id).state is JobState.CANCELLED


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/jobs"),
        ("POST", "/v1/jobs"),
        ("GET", "/v1/keys"),
        ("POST", "/v1/keys"),
        ("GET", "/v1/workers"),
        ("POST", "/v1/uploads"),
        ("POST", "/v1/jobs/nope/artifacts/screenshot.png/link"),
        ("DELETE", "/v1/jobs/nope"),
    ],
)
def test_a_session_is_no_key(farm: KeyedFarm, method: str, path: str) -> None:
    person = Person(farm)
    person.sign_in(farm.operator)
    assert person.client.open(path, method=method).status_code == 401
    session = person.client.get_cookie("farm_session")
    assert session
    headers = {"Authorization": f"Bearer {session.value}"}
    assert farm.client.open(path, method=method, headers=headers).status_code == 401


def test_a_session_ends_with_its_time_and_with_its_key(farm: KeyedFarm) -> None:
    shop, short = farm.holder(), farm.holder(expires_in=60)
    person, other = Person(farm), Person(farm)
    person.sign_in(shop)
    other.sign_in(short)
    farm.clock.advance(61)
    assert other.get("/jobs").status_code == 303
    farm.clock.advance(SESSION_S - 62)
    assert person.get("/jobs").status_code == 200
    farm.clock.advance(1)
    assert person.get("/jobs").status_code == 303


def test_a_revoked_key_s_session_is_over(farm: KeyedFarm) -> None:
    shop = farm.holder()
    person = Person(farm)
    person.sign_in(shop)
    assert farm.operator.call("DELETE", f"/v1/keys/{shop.key_id}").status_code == 200
    assert person.get("/jobs").status_code == 303


def test_no_forged_session_is_taken(farm: KeyedFarm) -> None:
    ends = int(farm.clock.now().timestamp()) + 60
    good = Sessions(farm.keys, farm.clock).begin(farm.operator.key_id)
    key_id, _, signature = good.split(".")
    foreign = Sessions(farm.keys, farm.clock, b"another farm's secret").begin(key_id)
    for session in (
        "",
        "x",
        f"{key_id}.{ends}.{signature}",
        f"{key_id}.{ends}.",
        foreign,
        good[:-1],
    ):
        person = Person(farm)
        person.client.set_cookie("farm_session", session)
        assert person.get("/jobs").status_code == 303


def test_one_session_s_form_is_not_another_s(farm: KeyedFarm) -> None:
    shop, other = Person(farm), Person(farm)
    shop.sign_in(farm.holder())
    other.sign_in(farm.holder())
    found = re.search(r'name="token" value="([0-9a-f]{64})"', other.get("/").text)
    assert found
    data = {"token": found[1], "kind": "screenshot", "url": "page.test"}
    assert shop.client.post("/submit", data=data, headers=OWN).status_code == 403


def test_signing_out_takes_the_cookie_away(farm: KeyedFarm) -> None:
    person = Person(farm)
    person.sign_in(farm.operator)
    assert person.post("/sign-out").location == "/sign-in"
    assert person.client.get_cookie("farm_session") is None
    assert person.get("/").status_code == 303


def test_wrong_keys_are_refused_and_soon_have_to_wait(farm: KeyedFarm) -> None:
    person = Person(farm)
    answers = [person.sign_in("rf_nonsense") for _ in range(21)]
    assert [answer.status_code for answer in answers] == [401] * 20 + [429]
    assert "Set-Cookie" not in answers[0].headers
    assert "Retry-After" in answers[-1].headers
    assert person.sign_in(farm.operator).status_code == 303


@pytest.mark.parametrize("then", ["//evil.test", "/\\evil.test", "https://evil.test", "", "/\n/x"])
def test_nobody_is_led_elsewhere_after_signing_in(farm: KeyedFarm, then: str) -> None:
    data = {"key": farm.operator.text, "then": then}
    assert farm.client.post("/sign-in", data=data, headers=OWN).location == "/"


def test_a_page_that_a_key_may_not_see_says_which_scope_it_takes(farm: KeyedFarm) -> None:
    person = Person(farm)
    person.sign_in(farm.holder("jobs:read"))
    answer = person.get("/farm")
    assert answer.status_code == 403
    assert "farm:read" in answer.text
    home = person.get("/").text
    assert 'href="/farm"' not in home
    assert 'action="/submit"' not in home


def test_a_key_without_uploads_leaves_no_file(farm: KeyedFarm) -> None:
    headers = {"Authorization": f"Bearer {farm.holder('jobs:write').text}"}
    data = {"kind": "probe", "file": (BytesIO(b"a film"), "clip.mp4")}
    answer = farm.client.post("/submit", data=data, headers=headers)
    assert answer.status_code == 403


def test_who_shows_a_key_with_each_request_needs_no_token(farm: KeyedFarm) -> None:
    answer = farm.operator.call("POST", "/submit", data={"kind": "pdf", "url": "page.test"})
    assert answer.status_code == 303


def test_the_holder_of_a_key_is_found_by_its_id() -> None:
    farm = MemoryFarm()
    assert KeyService(farm.keys, farm.clock).holder("0123456789abcdef") is None
