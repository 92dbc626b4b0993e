"""Who may call: keys and scopes and, without keys, this machine alone."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from api.app import create_app
from api.auth import SCOPES, say_who_may_call
from api.settings import ApiSettings
from farm.backends.memory_keys import MemoryKeys
from farm.jobs.errors import BackendUnavailable
from farm.jobs.key_service import KeyService
from farm.jobs.keys import ALL_SCOPES, ApiKey, KeyText
from tests.support.builders import MemoryFarm, a_key
from tests.support.keyed import SPEC, Holder, KeyedFarm

PUBLIC = ("/healthz", "/docs", "/docs/errors", "/openapi.json")
PLACES = {
    "job_id": "nope",
    "name": "nope",
    "upload_id": "nope",
    "key_id": "nope",
    "batch_id": "nope",
    "action": "pause",
}


class AbsentKeys(MemoryKeys):
    def all(self) -> list[ApiKey]:
        raise BackendUnavailable("Redis is away.")


@pytest.fixture
def farm() -> KeyedFarm:
    return KeyedFarm()


@pytest.fixture
def open_client() -> FlaskClient:
    return create_app(ApiSettings(), MemoryFarm().service).test_client()


def problem(answer: TestResponse) -> tuple[int, str]:
    assert answer.content_type == "application/problem+json"
    return answer.status_code, answer.get_json()["code"]


def same_for_all(answer: TestResponse) -> dict[str, Any]:
    """Return all that the answer says but for its own trace."""
    return {**answer.get_json(), "trace_id": None}


def views() -> list[tuple[str, str, str]]:
    """Return endpoint, method and an address of every view."""
    rules = create_app(ApiSettings(), MemoryFarm().service).url_map.iter_rules()
    return [
        (rule.endpoint, method, re.sub(r"<(\w+)>", lambda part: PLACES[part[1]], rule.rule))
        for rule in rules
        if SCOPES[rule.endpoint] is not None
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


VIEWS = views()


def test_every_view_is_in_the_table_of_scopes_and_nothing_else_is() -> None:
    app = create_app(ApiSettings(), MemoryFarm().service)
    assert {rule.endpoint for rule in app.url_map.iter_rules()} == set(SCOPES)


class TestWithKeys:
    @pytest.mark.parametrize(("endpoint", "method", "path"), VIEWS)
    def test_108_without_a_key_no_view_is_reached(
        self, farm: KeyedFarm, endpoint: str, method: str, path: str
    ) -> None:
        del endpoint
        answer = farm.client.open(path, method=method)
        assert problem(answer) == (401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"] == "Bearer"

    @pytest.mark.parametrize(("endpoint", "method", "path"), VIEWS)
    def test_a_view_takes_its_scope_and_no_other(
        self, farm: KeyedFarm, endpoint: str, method: str, path: str
    ) -> None:
        scope = SCOPES[endpoint]
        others = farm.holder(*(each for each in ALL_SCOPES if each != scope))
        answer = others.call(method, path)
        assert problem(answer) == (403, "scope_required")
        assert repr(scope) in answer.get_json()["detail"]
        alone = farm.holder(str(scope)).call(method, path)
        assert alone.status_code not in {401, 403}

    def test_108_no_wrong_revoked_and_expired_keys_are_answered_alike(
        self, farm: KeyedFarm
    ) -> None:
        revoked, expired = farm.holder(), farm.holder(expires_in=60)
        farm.keys.revoke(revoked.key_id, farm.clock.now())
        farm.clock.advance(60)
        wrong_secret = KeyText(farm.operator.key_id, KeyText.new().secret)
        answers = [
            farm.client.get("/v1/jobs"),
            *(
                Holder(farm.app, "", text).get("/v1/jobs")
                for text in (
                    *("nonsense", "rf_", "ключ", str(KeyText.new()), str(wrong_secret)),
                    *(revoked.text, expired.text, f"{farm.operator.text}x", ""),
                )
            ),
            farm.client.get("/v1/jobs", headers={"Authorization": f"Basic {farm.operator.text}"}),
        ]
        assert {answer.status_code for answer in answers} == {401}
        first, *others = [same_for_all(answer) for answer in answers]
        assert [other for other in others if other != first] == []

    def test_a_good_key_is_let_in_however_bearer_is_written(self, farm: KeyedFarm) -> None:
        for scheme in ("Bearer", "bearer", "BEARER"):
            headers = {"Authorization": f"{scheme} {farm.operator.text}"}
            assert farm.client.get("/v1/jobs", headers=headers).status_code == 200

    @pytest.mark.parametrize("name", ["key", "api_key", "access_token", "token"])
    def test_a_key_in_the_address_is_not_looked_at(self, farm: KeyedFarm, name: str) -> None:
        answer = farm.client.get("/v1/pressure", query_string={name: farm.operator.text})
        assert problem(answer) == (401, "unauthenticated")

    @pytest.mark.parametrize("path", PUBLIC)
    def test_health_and_documentation_take_no_key(self, farm: KeyedFarm, path: str) -> None:
        assert farm.client.get(path).status_code == 200

    def test_what_is_not_there_says_so_without_a_key(self, farm: KeyedFarm) -> None:
        assert problem(farm.client.get("/nope")) == (404, "not_found")
        assert problem(farm.client.put("/v1/jobs")) == (405, "method_not_allowed")

    def test_a_refused_body_is_not_read(self, farm: KeyedFarm) -> None:
        answer = farm.client.post("/v1/jobs", data=b"{", content_type="application/json")
        assert problem(answer) == (401, "unauthenticated")

    def test_with_a_key_any_host_and_origin_will_do(self, farm: KeyedFarm) -> None:
        far = {"Host": "farm.test", "Origin": "http://page.test", "Sec-Fetch-Site": "cross-site"}
        assert farm.operator.get("/v1/jobs", headers=far).status_code == 200

    def test_no_answer_and_no_record_has_a_key_s_secret(self, farm: KeyedFarm) -> None:
        secret = farm.operator.text[-43:]
        listed = farm.operator.get("/v1/keys").text
        assert farm.operator.key_id in listed
        assert secret not in listed
        assert secret not in "".join(key.model_dump_json() for key in farm.keys.all())


class TestPowers:
    FIELDS: Mapping[str, tuple[str, dict[str, Any]]] = {
        "scripts": ("script", {"scripts": ["1"]}),
        "click": ("script", {"click": ["a"]}),
        "wait_for_function": ("script", {"wait_for_function": "1"}),
        "styles": ("style", {"styles": ["a {}"]}),
        "style": ("style", {"style": "a {}"}),
        "extra_http_headers": (
            "headers:any",
            {"extra_http_headers": {"X-Forwarded-For": "10.0.0.1"}},
        ),
        "extra_http_headers_to": (
            "headers:any",
            {"extra_http_headers": {"A": "b"}, "extra_http_headers_to": "all"},
        ),
        "headers": (
            "headers:any",
            {"kind": "probe", "headers": {"forwarded": "for=10.0.0.1"}},
        ),
        "ignore_https_errors": ("ignore_https_errors", {"ignore_https_errors": True}),
    }

    @pytest.mark.parametrize("field", FIELDS)
    def test_119_a_field_of_power_without_its_scope_is_403_naming_both(
        self, farm: KeyedFarm, field: str
    ) -> None:
        scope, fields = self.FIELDS[field]
        every_other = [each for each in ALL_SCOPES if each != scope]
        answer = farm.holder(*every_other).submit(**fields)
        assert problem(answer) == (403, "scope_required")
        assert repr(scope) in answer.get_json()["detail"]
        assert [error["field"] for error in answer.get_json()["errors"]] == [field]
        assert farm.operator.get("/v1/jobs").get_json()["items"] == []

    @pytest.mark.parametrize("field", FIELDS)
    def test_119_with_its_scope_it_is_taken(self, farm: KeyedFarm, field: str) -> None:
        scope, fields = self.FIELDS[field]
        assert farm.holder("jobs:write", scope).submit(**fields).status_code == 202

    def test_a_key_has_no_power_by_itself(self, farm: KeyedFarm) -> None:
        holder = farm.holder()
        for _, fields in self.FIELDS.values():
            assert holder.submit(**fields).status_code == 403

    def test_what_says_no_takes_no_power(self, farm: KeyedFarm) -> None:
        harmless = {
            "ignore_https_errors": False,
            "scripts": [],
            "styles": [],
            "extra_http_headers": {"Authorization": "Bearer x"},
            "extra_http_headers_to": "origin",
            "hide_selectors": ["a"],
        }
        assert farm.holder().submit(**harmless).status_code == 202

    def test_a_wrong_spec_is_422_before_anything_is_said_of_powers(self, farm: KeyedFarm) -> None:
        assert problem(farm.holder().submit(scripts=[7])) == (422, "invalid_spec")


class TestOpen:
    """A farm that has never had a key."""

    @pytest.mark.parametrize(
        "host",
        ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.8.9.10:80", "[::1]", "[::1]:65535"],
    )
    def test_by_this_machine_s_names_all_may_be_done(
        self, open_client: FlaskClient, host: str
    ) -> None:
        fields = {"scripts": ["1"], "ignore_https_errors": True}
        answer = open_client.post("/v1/jobs", json={**SPEC, **fields}, headers={"Host": host})
        assert answer.status_code == 202

    @pytest.mark.parametrize(
        "host",
        [
            *("farm.test", "10.0.0.1:8000", "localhost.page.test", "127.0.0.1.page.test"),
            *("localhost@page.test", "page.test#localhost", "128.0.0.1", "[::2]", "[::1]x", "::1"),
            *("localhost:", "localhost:8000:1", "127.0.0.1.", "", "1270.0.1", "0.0.0.0"),
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_by_any_other_name_none_may(
        self, open_client: FlaskClient, host: str, method: str
    ) -> None:
        answer = open_client.open("/v1/jobs", method=method, headers={"Host": host})
        assert problem(answer) == (403, "forbidden_host")

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "http://page.test"},
            {"Origin": "http://localhost"},
            {"Origin": "http://localhost:8001"},
            {"Origin": "null"},
            {"Origin": ""},
            {"Origin": "localhost:8000"},
            {"Origin": "http://["},
            {"Origin": "http://user@localhost:8000"},
            {"Sec-Fetch-Site": "cross-site"},
        ],
        ids=lambda headers: "=".join(*headers.items()),
    )
    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
    def test_a_page_of_elsewhere_neither_reads_nor_writes(
        self, open_client: FlaskClient, method: str, headers: dict[str, str]
    ) -> None:
        path = "/v1/jobs/nope" if method == "DELETE" else "/v1/jobs"
        host = {"Host": "localhost:8000"}
        answer = open_client.open(path, method=method, headers={**host, **headers})
        assert problem(answer) == (403, "forbidden_origin")

    def test_a_form_that_a_page_of_elsewhere_sends_leaves_no_file(
        self, open_client: FlaskClient
    ) -> None:
        page = {"Origin": "http://page.test", "Sec-Fetch-Site": "cross-site"}
        answer = open_client.post(
            "/v1/uploads", data=b"abc", content_type="text/plain", headers=page
        )
        assert problem(answer) == (403, "forbidden_origin")

    @pytest.mark.parametrize(
        "name", ["Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP"]
    )
    def test_who_comes_through_a_proxy_is_not_on_this_machine(
        self, open_client: FlaskClient, name: str
    ) -> None:
        answer = open_client.get("/v1/jobs", headers={"Host": "localhost", name: "192.0.2.7"})
        assert problem(answer) == (403, "forbidden_host")

    @pytest.mark.parametrize("site", ["same-origin", "same-site", "none"])
    def test_the_farm_s_own_page_may_call_it(self, open_client: FlaskClient, site: str) -> None:
        own = {"Host": "localhost:8000", "Origin": "http://localhost:8000", "Sec-Fetch-Site": site}
        assert open_client.get("/v1/jobs", headers=own).status_code == 200

    @pytest.mark.parametrize("path", PUBLIC)
    def test_health_and_documentation_have_every_name(
        self, open_client: FlaskClient, path: str
    ) -> None:
        assert open_client.get(path, headers={"Host": "farm.test"}).status_code == 200

    def test_a_key_that_is_sent_all_the_same_is_not_looked_at(
        self, open_client: FlaskClient
    ) -> None:
        headers = {"Authorization": f"Bearer {KeyText.new()}"}
        assert open_client.get("/v1/jobs", headers=headers).status_code == 200


def test_the_first_key_switches_keys_on_at_once() -> None:
    farm = MemoryFarm()
    client = create_app(ApiSettings(), farm.service).test_client()
    before = client.post("/v1/jobs", json=SPEC)
    made = client.post("/v1/keys", json={"name": "operator", "scopes": ["keys", "jobs:read"]})
    assert (before.status_code, made.status_code) == (202, 201)
    assert problem(client.get("/v1/jobs")) == (401, "unauthenticated")
    headers = {"Authorization": f"Bearer {made.get_json()['key']}"}
    # What was submitted before there were keys is nobody's.
    assert client.get("/v1/jobs", headers=headers).get_json()["items"] == []


class TestSaying:
    def test_the_log_says_at_the_start_who_may_call(self) -> None:
        farm = MemoryFarm()
        with capture_logs() as said:
            say_who_may_call(KeyService(farm.keys, farm.clock))
            farm.keys.add(a_key())
            say_who_may_call(KeyService(farm.keys, farm.clock))
        assert [line["event"] for line in said] == ["no_keys", "keys_required"]
        assert "farm keys create" in said[0]["meaning"]

    def test_a_start_without_redis_is_a_start_all_the_same(self) -> None:
        farm = MemoryFarm()
        with capture_logs() as said:
            say_who_may_call(KeyService(AbsentKeys(), farm.clock))
        assert [line["event"] for line in said] == ["keys_unknown"]

    def test_without_redis_nobody_is_let_in(self) -> None:
        service = replace(MemoryFarm().service, keys=AbsentKeys())
        answer = create_app(ApiSettings(), service).test_client().get("/v1/jobs")
        assert problem(answer) == (503, "backend_unavailable")


def test_a_key_lasts_to_the_second_that_was_said(farm: KeyedFarm) -> None:
    holder = farm.holder(expires_in=60)
    farm.clock.advance(59.999)
    assert holder.get("/v1/jobs").status_code == 200
    farm.clock.advance(timedelta(milliseconds=1).total_seconds())
    assert holder.get("/v1/jobs").status_code == 401
