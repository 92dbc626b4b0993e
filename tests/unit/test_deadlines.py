"""Time limits."""

import threading

import pytest

from farm.jobs.errors import JobTimedOut
from tasks.deadline import Deadline
from tasks.watchdog import watchdog


def test_what_is_left_is_never_more_than_the_timeout_and_never_nothing() -> None:
    deadline = Deadline(10)
    assert 0 < deadline.left_ms("load") <= 10_000


def test_a_deadline_that_has_passed_names_the_step_and_the_timeout() -> None:
    deadline = Deadline(0)
    assert deadline.left_s == 0
    with pytest.raises(JobTimedOut, match=r"0 s passed during the step 'load'"):
        deadline.left_ms("load")


def test_a_part_of_a_deadline_is_over_sooner_and_never_later() -> None:
    deadline = Deadline(100)
    part = deadline.within(0.25)
    assert part.left_s <= 25 < deadline.left_s
    assert part.within(1).left_s <= 25
    assert part.timeout_s == 100


def test_the_watchdog_kills_when_the_block_takes_too_long() -> None:
    killed = threading.Event()
    with watchdog(0.01, killed.set) as fired:
        assert killed.wait(10)
    assert fired.is_set()


def test_the_watchdog_lets_a_block_in_time_alone() -> None:
    killed = threading.Event()
    with watchdog(60, killed.set) as fired:
        pass
    assert not fired.is_set()
    assert not killed.is_set()
