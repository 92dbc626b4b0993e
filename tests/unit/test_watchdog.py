"""The thread behind the jobs of a process."""

import threading
from collections.abc import Callable

import pytest

from tasks.deadline import Deadline
from tasks.watchdog import Watchdog
from tests.support.waiting import until

LATE_S = -2.0
"""A timeout for which the watchdog's rung of the ladder is now."""


def ignored() -> None:
    pass


@pytest.fixture
def watchdog() -> Watchdog:
    return Watchdog()


def answering(answer: bool, asked: list[int]) -> Callable[[], bool]:
    def is_wanted() -> bool:
        asked.append(1)
        return answer

    return is_wanted


def test_a_block_that_takes_too_long_is_killed_until_it_ends(watchdog: Watchdog) -> None:
    kills: list[int] = []
    with watchdog.over(Deadline(LATE_S), lambda: kills.append(1)):
        until(lambda: len(kills) > 1, "it was killed again")
    count = len(kills)
    deadline = Deadline(60)
    asked: list[int] = []
    with watchdog.over(deadline, lambda: kills.append(1), answering(True, asked)):
        until(lambda: len(asked) > 1, "the next block was looked at")
    assert len(kills) == count
    assert not deadline.is_cut


def test_a_block_that_is_not_wanted_any_more_loses_its_time_and_is_killed(
    watchdog: Watchdog,
) -> None:
    deadline, killed, asked = Deadline(60), threading.Event(), [0]
    with watchdog.over(deadline, killed.set, answering(False, asked)):
        assert killed.wait(10)
        assert deadline.left_s == 0
        asked_then = len(asked)
        killed.clear()
        assert killed.wait(10)
    assert len(asked) == asked_then  # Once is enough.


def test_a_short_block_is_not_looked_at(watchdog: Watchdog) -> None:
    asked: list[int] = []
    for _ in range(100):
        with watchdog.over(Deadline(60), ignored, answering(True, asked)):
            pass
    assert asked == []


def test_a_block_is_not_killed_for_what_was_found_out_of_the_one_before(
    watchdog: Watchdog,
) -> None:
    looked, answer = threading.Event(), threading.Event()

    def slow() -> bool:
        looked.set()
        answer.wait(10)
        return False

    with watchdog.over(Deadline(60), ignored, slow):
        assert looked.wait(10)
    killed, asked = threading.Event(), list[int]()
    deadline = Deadline(60)
    with watchdog.over(deadline, killed.set, answering(True, asked)):
        answer.set()
        until(lambda: asked, "this block was looked at")
    assert not killed.is_set()
    assert not deadline.is_cut


def test_one_thread_serves_all_blocks(watchdog: Watchdog) -> None:
    def threads() -> int:
        return sum(thread.name == "watchdog" for thread in threading.enumerate())

    before = threads()
    for _ in range(10):
        with watchdog.over(Deadline(60), ignored):
            pass
    assert threads() == before + 1
