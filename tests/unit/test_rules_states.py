"""The table of moves, pair by pair."""

from itertools import product

import pytest

from farm.jobs.errors import IllegalMove
from farm.jobs.models import Job
from farm.jobs.states import MOVES, JobState
from tests.support.builders import a_job

LEGAL = {
    ("queued", "running"),
    ("queued", "succeeded"),
    ("queued", "failed"),
    ("queued", "cancelled"),
    ("running", "queued"),
    ("running", "succeeded"),
    ("running", "failed"),
    ("running", "cancelled"),
    ("failed", "queued"),
    ("cancelled", "queued"),
}
PAIRS = [pytest.param(a, b, id=f"{a}-{b}") for a, b in product(JobState, JobState)]


def a_job_in(state: JobState) -> Job:
    return a_job().model_copy(update={"state": state, "revision": 7})


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_a_job_goes_where_the_table_lets_it_and_nowhere_else(
    before: JobState, after: JobState
) -> None:
    job = a_job_in(before)
    if (before, after) not in LEGAL:
        with pytest.raises(IllegalMove, match=f"job-1 cannot go from {before} to {after}"):
            job.move(after)
        return
    moved = job.move(after)
    assert (moved.state, moved.revision) == (after, 8)


def test_a_move_leaves_the_job_it_came_from_as_it_was() -> None:
    job = a_job()
    before = job.model_dump()
    job.move(JobState.RUNNING)
    assert job.model_dump() == before


def test_every_state_has_a_row_and_the_words_are_those_of_the_contract() -> None:
    assert set(MOVES) == set(JobState)
    assert {str(state) for state in JobState} == {
        "queued",
        "running",
        "succeeded",
        "failed",
        "cancelled",
    }


@pytest.mark.parametrize("state", JobState)
def test_an_ended_state_is_one_that_no_worker_moves_on(state: JobState) -> None:
    assert state.is_terminal == (state not in {JobState.QUEUED, JobState.RUNNING})
    assert not state.is_terminal or JobState.RUNNING not in MOVES[state]
