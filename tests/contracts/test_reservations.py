"""The promises of ``Reservations``, kept by every implementation."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from farm.backends.memory import ManualClock
from farm.backends.memory_reservations import MemoryReservations
from farm.backends.redis_connection import connect
from farm.backends.redis_reservations import RedisReservations
from farm.jobs.ports import RESERVED_S, Reservations, Reserved

MINE = Reserved("a" * 32, "1" * 64)
OTHER = Reserved("b" * 32, "2" * 64)
LONGEST = "~" * 255


class Subject:
    """Reservations under test, and how their day passes for them."""

    def __init__(self, reservations: Reservations, end_day: Callable[[], None]) -> None:
        self.reservations = reservations
        self.end_day = end_day


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    if request.param == "memory":
        clock = ManualClock()
        yield Subject(MemoryReservations(clock), lambda: clock.advance(RESERVED_S))
        return
    with connect(request.getfixturevalue("redis_url")) as client:

        def end_day() -> None:
            for key in client.scan_iter("farm:*"):
                assert RESERVED_S - 60 < client.ttl(key) <= RESERVED_S
                client.delete(key)

        yield Subject(RedisReservations(client), end_day)


@pytest.fixture
def reservations(subject: Subject) -> Reservations:
    return subject.reservations


def test_at_first_nothing_is_reserved(reservations: Reservations) -> None:
    assert reservations.find("ann", "k") is None
    assert not reservations.is_spent(MINE.id)


@pytest.mark.parametrize("key", ["k", " ", "a b:c*?[\\]", '"quoted"', "0", LONGEST])
def test_the_first_has_its_own_and_all_later_ones_get_it(
    reservations: Reservations, key: str
) -> None:
    assert reservations.reserve("ann", key, MINE) == MINE
    assert reservations.reserve("ann", key, OTHER) == MINE
    assert reservations.reserve("ann", key, MINE) == MINE
    assert reservations.find("ann", key) == MINE


def test_owners_and_keys_do_not_meet(reservations: Reservations) -> None:
    reservations.reserve("ann", "k", MINE)
    for owner, key in [("ben", "k"), ("", "k"), ("ann", "K"), ("ann", "k "), ("ann", "kk")]:
        assert reservations.find(owner, key) is None
    assert reservations.reserve("ben", "k", OTHER) == OTHER
    assert reservations.find("ann", "k") == MINE


def test_of_many_at_once_one_has_its_own(reservations: Reservations) -> None:
    wanted = [Reserved(f"{number:032}", "1" * 64) for number in range(20)]
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda each: reservations.reserve("ann", "k", each), wanted))
    assert len(set(found)) == 1
    assert found[0] in wanted


def test_after_a_day_the_key_is_free(subject: Subject) -> None:
    subject.reservations.reserve("ann", "k", MINE)
    subject.end_day()
    assert subject.reservations.find("ann", "k") is None
    assert subject.reservations.reserve("ann", "k", OTHER) == OTHER


def test_a_spent_id_is_known_to_be(subject: Subject) -> None:
    subject.reservations.reserve("ann", "k", MINE)
    subject.reservations.spend(MINE.id)
    assert subject.reservations.is_spent(MINE.id)
    assert not subject.reservations.is_spent(OTHER.id)
    assert subject.reservations.find("ann", "k") == MINE
    subject.end_day()


@pytest.mark.redis
def test_a_key_does_not_stand_in_redis_as_it_is(redis_url: str) -> None:
    with connect(redis_url) as client:
        RedisReservations(client).reserve("ann", "order of Ann Example", MINE)
        (key,) = client.scan_iter("farm:*")
        assert b"Ann Example" not in key
        assert client.get(key) == f"{MINE.id} {MINE.fingerprint}".encode()
