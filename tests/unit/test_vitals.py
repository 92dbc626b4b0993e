"""When the thread beside a child's jobs ends the child."""

import os
import signal
from unittest.mock import Mock

import pytest

from farm.jobs.models import Job
from farm.jobs.states import JobState
from tasks.deadline import Deadline
from tasks.outcome import Outcome, Stopwatch
from tasks.pages.browser import BrowserHolder
from tasks.runner import JobRunner, Room
from tasks.tallies import Tallies
from tasks.vitals import Vitals
from tests.support.builders import MemoryFarm


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What would have been sent, and to whom."""
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    return sent


def test_a_child_beyond_help_is_ended_between_two_jobs(killed: list[tuple[int, int]]) -> None:
    farm = MemoryFarm()
    browser = Mock(spec=BrowserHolder, is_beyond_help=True, version=None)
    sent_in_a_job: list[int] = []

    def run(job: Job, deadline: Deadline, stopwatch: Stopwatch) -> Outcome:
        del job, deadline, stopwatch
        vitals.beat()
        sent_in_a_job.append(len(killed))
        return Outcome(made=[], report={})

    runner = JobRunner(
        farm=farm.service, kinds={"screenshot": Room(run)}, worker="w", overtime=TimeoutError
    )
    vitals = Vitals(runner, browser, Tallies())
    job = farm.submit()
    runner.run(job.id)
    assert farm.ledger.get(job.id).state is JobState.SUCCEEDED
    assert sent_in_a_job == [0]
    vitals.beat()
    assert killed == [(os.getpid(), signal.SIGTERM)]
    assert not runner.busy.acquire(blocking=False)  # It claims nothing any more.


def test_a_child_that_can_have_a_browser_lives(killed: list[tuple[int, int]]) -> None:
    farm = MemoryFarm()
    runner = JobRunner(farm=farm.service, kinds={}, worker="w", overtime=TimeoutError)
    Vitals(runner, Mock(spec=BrowserHolder, is_beyond_help=False, version=None), Tallies()).beat()
    assert killed == []
