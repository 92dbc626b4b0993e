"""How many requests a caller may send, and how many wrong keys an address may try."""

from collections.abc import Iterator
from typing import Any

import pytest
from limits.errors import StorageError
from limits.storage import MemoryStorage
from werkzeug.test import TestResponse

from api.app import create_app
from api.settings import ApiSettings
from tests.support.builders import MemoryFarm
from tests.support.keyed import KeyedFarm


class CountedStorage(MemoryStorage):
    """Counts how often it is asked, and may be away."""

    calls = 0
    is_away = False

    def acquire_sliding_window_entry(self, *given: Any, **named: Any) -> bool:
        type(self).calls += 1
        if self.is_away:
            raise StorageError(ConnectionError("Redis is away."))
        return super().acquire_sliding_window_entry(*given, **named)


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[CountedStorage]]:
    monkeypatch.setattr("limits.storage.SCHEMES", {"memory": CountedStorage})
    CountedStorage.calls, CountedStorage.is_away = 0, False
    yield CountedStorage
    CountedStorage.calls, CountedStorage.is_away = 0, False


def problem(answer: TestResponse) -> tuple[int, str]:
    assert answer.content_type == "application/problem+json"
    return answer.status_code, answer.get_json()["code"]


def is_too_many(answer: TestResponse) -> bool:
    if answer.status_code != 429:
        return False
    assert problem(answer) == (429, "rate_limited")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.get_json()["retryable"] is True
    return True


def test_108_after_twenty_wrong_keys_in_a_minute_an_address_is_told_to_wait() -> None:
    farm = KeyedFarm()
    wrong = {"Authorization": "Bearer rf_nonsense"}
    answers = [farm.client.get("/v1/jobs", headers=wrong) for _ in range(21)]
    assert [answer.status_code for answer in answers] == [*[401] * 20, 429]
    assert is_too_many(answers[-1])
    assert is_too_many(farm.client.get("/v1/jobs"))


def test_108_who_has_a_key_is_not_shut_out_by_those_who_have_none() -> None:
    farm = KeyedFarm()
    for _ in range(25):
        farm.client.get("/v1/jobs")
    assert farm.operator.get("/v1/jobs").status_code == 200
    other = {"REMOTE_ADDR": "192.0.2.7"}
    assert farm.client.get("/v1/jobs", environ_overrides=other).status_code == 401


def test_a_key_has_as_many_requests_a_minute_as_it_was_given() -> None:
    farm = KeyedFarm()
    small, other = farm.holder(requests_per_minute=3), farm.holder()
    answers = [small.get("/v1/jobs") for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    refused = small.submit()
    assert is_too_many(refused)
    assert "3 requests" in refused.get_json()["detail"]
    assert {other.get("/v1/jobs").status_code for _ in range(5)} == {200}


def test_the_setting_is_for_keys_that_have_no_number_of_their_own() -> None:
    farm = KeyedFarm(requests_per_minute=2)
    more, usual = farm.holder(requests_per_minute=4), farm.holder()
    assert [is_too_many(more.get("/v1/jobs")) for _ in range(5)] == [*[False] * 4, True]
    assert [is_too_many(usual.get("/v1/jobs")) for _ in range(3)] == [False, False, True]


def test_without_keys_an_address_is_a_caller() -> None:
    client = create_app(ApiSettings(requests_per_minute=2), MemoryFarm().service).test_client()
    assert [is_too_many(client.get("/v1/jobs")) for _ in range(3)] == [False, False, True]
    other = {"REMOTE_ADDR": "192.0.2.7"}
    assert client.get("/v1/jobs", environ_overrides=other).status_code == 200


def test_health_and_documentation_are_not_counted() -> None:
    client = create_app(ApiSettings(requests_per_minute=1), MemoryFarm().service).test_client()
    assert {client.get("/healthz").status_code for _ in range(3)} == {200}


def test_where_nothing_is_limited_nothing_is_counted(storage: type[CountedStorage]) -> None:
    farm = KeyedFarm()
    for _ in range(3):
        assert farm.operator.get("/v1/jobs").status_code == 200
    assert storage.calls == 0
    assert farm.client.get("/v1/jobs").status_code == 401
    assert storage.calls == 1


def test_where_nothing_can_be_counted_requests_pass(storage: type[CountedStorage]) -> None:
    farm = KeyedFarm(requests_per_minute=1)
    storage.is_away = True
    assert {farm.operator.get("/v1/jobs").status_code for _ in range(3)} == {200}
    assert {farm.client.get("/v1/jobs").status_code for _ in range(25)} == {401}
    assert storage.calls == 28
