"""Time limits."""

import pytest

from farm.jobs.errors import JobTimedOut
from tasks.deadline import Deadline


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


def test_a_deadline_that_is_cut_has_passed_with_all_its_parts() -> None:
    deadline = Deadline(100)
    part = deadline.within(50)
    deadline.cut()
    assert (deadline.left_s, part.left_s, part.within(1).left_s) == (0, 0, 0)
    with pytest.raises(JobTimedOut):
        part.left_ms("load")
