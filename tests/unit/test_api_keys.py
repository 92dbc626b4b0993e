"""Making, listing and revoking keys over HTTP."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from api.app import create_app
from api.settings import ApiSettings
from tests.support.builders import MemoryFarm
from tests.support.keyed import Holder, KeyedFarm


@pytest.fixture
def farm() -> KeyedFarm:
    return KeyedFarm()


def made(holder: Holder, **fields: Any) -> TestResponse:
    return holder.call("POST", "/v1/keys", json={"name": "shop", **fields})


def test_a_new_key_is_told_once(farm: KeyedFarm) -> None:
    answer = made(farm.operator, scopes=["jobs:read"], expires_in=60, open_jobs_max=7)
    key = answer.get_json()
    text = key.pop("key")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    assert key == {
        "id": text[3:19],
        "name": "shop",
        "scopes": ["jobs:read"],
        "zones": ["public"],
        "open_jobs_max": 7,
        "requests_per_minute": None,
        "created_at": "2026-01-01T12:00:00.000Z",
        "expires_at": "2026-01-01T12:01:00.000Z",
        "revoked_at": None,
    }
    assert key in farm.operator.get("/v1/keys").get_json()["items"]
    assert Holder(farm.app, key["id"], text).get("/v1/jobs").status_code == 200


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "n" * 65}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": 7}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["jobs"]}, "scopes.0"),
        ({"zones": ["moon"]}, "zones.0"),
        ({"expires_in": 0}, "expires_in"),
        ({"expires_in": "60"}, "expires_in"),
        ({"open_jobs_max": 0}, "open_jobs_max"),
        ({"requests_per_minute": -1}, "requests_per_minute"),
        ({"owner": "x"}, "owner"),
    ],
)
def test_a_wrong_field_is_422_naming_it(
    farm: KeyedFarm, fields: dict[str, Any], field: str
) -> None:
    answer = made(farm.operator, **fields)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_spec")
    assert answer.get_json()["errors"][0]["field"] == field
    assert len(farm.keys.all()) == 1


def test_the_first_key_must_be_able_to_make_others() -> None:
    client = create_app(ApiSettings(), MemoryFarm().service).test_client()
    answer = client.post("/v1/keys", json={"name": "shop"})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_spec")
    assert "scope keys" in answer.get_json()["detail"]
    assert client.get("/v1/keys").get_json() == {"items": []}


def test_108_a_revoked_key_opens_nothing_and_is_still_listed(farm: KeyedFarm) -> None:
    holder = farm.holder()
    assert holder.get("/v1/jobs").status_code == 200
    answer = farm.operator.call("DELETE", f"/v1/keys/{holder.key_id}")
    assert (answer.status_code, answer.get_json()["revoked_at"]) == (
        200,
        "2026-01-01T12:00:00.000Z",
    )
    assert holder.get("/v1/jobs").status_code == 401
    assert answer.get_json() in farm.operator.get("/v1/keys").get_json()["items"]


def test_the_last_key_that_makes_keys_stays(farm: KeyedFarm) -> None:
    answer = farm.operator.call("DELETE", f"/v1/keys/{farm.operator.key_id}")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "would_lock_out")
    assert farm.operator.get("/v1/keys").status_code == 200


def test_an_unknown_key_cannot_be_revoked(farm: KeyedFarm) -> None:
    answer = farm.operator.call("DELETE", "/v1/keys/nope")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "unknown_key")
