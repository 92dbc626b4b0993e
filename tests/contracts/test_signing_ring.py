"""The promises of ``SigningRing``, kept by every implementation."""

from collections.abc import Iterator

import pytest

from farm.backends.memory_signing import MemorySigning
from farm.backends.redis_connection import connect
from farm.backends.redis_signing import RedisSigning
from farm.jobs.ports import SigningRing
from farm.jobs.signing import SigningSecrets
from tests.support.builders import NOON


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def ring(request: pytest.FixtureRequest) -> Iterator[SigningRing]:
    if request.param == "memory":
        yield MemorySigning()
        return
    with connect(request.getfixturevalue("redis_url")) as client:
        yield RedisSigning(client)


def test_an_owner_has_none_until_one_is_stored(ring: SigningRing) -> None:
    assert ring.get("ann") == SigningSecrets()
    made = SigningSecrets().rotated("one", 60, NOON)
    assert ring.swap("ann", SigningSecrets(), made)
    assert ring.get("ann") == made
    assert ring.get("") == SigningSecrets()


def test_of_two_who_rotate_at_once_one_begins_anew(ring: SigningRing) -> None:
    first = SigningSecrets().rotated("one", 60, NOON)
    assert ring.swap("", SigningSecrets(), first)
    second = first.rotated("two", 60, NOON)
    assert ring.swap("", first, second)
    assert not ring.swap("", first, first.rotated("three", 60, NOON))
    assert not ring.swap("", SigningSecrets(), first)
    assert ring.get("") == second
