"""The promises of ``KeyRing``, kept by every implementation."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from farm.backends.memory_keys import MemoryKeys
from farm.backends.redis_connection import connect
from farm.backends.redis_keys import RedisKeys
from farm.jobs.keys import ApiKey
from farm.jobs.ports import KeyRing
from tests.support.builders import NOON, a_key

LATER = NOON + timedelta(hours=1)


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def ring(request: pytest.FixtureRequest) -> Iterator[KeyRing]:
    if request.param == "memory":
        yield MemoryKeys()
        return
    with connect(request.getfixturevalue("redis_url")) as client:
        yield RedisKeys(client)


def test_at_first_there_is_no_key(ring: KeyRing) -> None:
    assert not ring.exists()
    assert ring.all() == []
    assert ring.get("a") is None


@pytest.mark.parametrize(
    "key",
    [
        a_key("a"),
        a_key("a", expires_at=LATER, open_jobs_max=3, requests_per_minute=4, zones=("internal",)),
        a_key("a", scopes=("keys", "a scope of a newer farm"), name="Ünïcode 夏"),
    ],
    ids=["plain", "limited", "strange"],
)
def test_a_key_comes_back_as_it_was(ring: KeyRing, key: ApiKey) -> None:
    ring.add(key)
    assert ring.exists()
    assert ring.get("a") == key


def test_an_id_is_given_once(ring: KeyRing) -> None:
    first, second = a_key("a", name="first"), a_key("a", name="second")
    assert ring.add(first)
    assert not ring.add(second)
    assert ring.get("a") == first


def test_keys_are_listed_from_the_oldest_on(ring: KeyRing) -> None:
    keys = [a_key("b"), a_key("c", created_at=LATER), a_key("a")]
    for key in keys:
        ring.add(key)
    assert [key.id for key in ring.all()] == ["a", "b", "c"]


def test_a_revoked_key_stays_and_keeps_its_first_end(ring: KeyRing) -> None:
    ring.add(a_key("a"))
    ring.add(a_key("b"))
    ended = a_key("a").model_copy(update={"revoked_at": NOON})
    assert ring.revoke("a", NOON) == ended
    assert ring.revoke("a", LATER) == ended
    assert ring.all() == [ended, a_key("b")]


def test_revoking_no_key_makes_none(ring: KeyRing) -> None:
    assert ring.revoke("a", NOON) is None
    assert not ring.exists()


def test_the_signing_secret_never_changes(ring: KeyRing) -> None:
    secret = ring.signing_secret()
    assert len(secret) == 32
    assert ring.signing_secret() == secret


@pytest.mark.redis
def test_all_processes_sign_with_the_same_secret(redis_url: str) -> None:
    with connect(redis_url) as one, connect(redis_url) as other:
        assert RedisKeys(one).signing_secret() == RedisKeys(other).signing_secret()
