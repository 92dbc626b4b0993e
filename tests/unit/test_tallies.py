"""What a worker's child counts until it tells the farm."""

import pytest

from farm.jobs.errors import BackendUnavailable
from farm.jobs.metrics.names import BROWSERS_LOST, GATE_REQUESTS
from farm.jobs.metrics.tallies import Tally
from tasks.tallies import Tallies
from tests.support.builders import MemoryFarm


class Away:
    """Statistics of a Redis that does not answer."""

    def __init__(self, farm: MemoryFarm) -> None:
        self.counts = farm.statistics.counts
        self.stores = farm.statistics.stores
        self.keep = farm.statistics.keep
        self.kept = farm.statistics.kept

    def add(self, tally: Tally) -> None:
        raise BackendUnavailable(f"Redis is away from {len(tally)} counts.")


def test_the_farm_is_told_of_each_once() -> None:
    farm, tallies = MemoryFarm(), Tallies()
    tallies.count(BROWSERS_LOST)
    tallies.count(GATE_REQUESTS, "allowed", by=4)
    for _ in range(2):
        tallies.hand_over(farm.statistics)
    tallies.count(GATE_REQUESTS, "allowed", by=3)
    tallies.hand_over(farm.statistics)
    assert farm.statistics.counts() == {"farm_browsers_lost": 1, "farm_gate_requests|allowed": 7}


def test_what_could_not_be_told_is_told_the_next_time() -> None:
    farm, tallies = MemoryFarm(), Tallies()
    tallies.count(BROWSERS_LOST)
    with pytest.raises(BackendUnavailable):
        tallies.hand_over(Away(farm))
    tallies.count(BROWSERS_LOST)
    tallies.hand_over(farm.statistics)
    assert farm.statistics.counts() == {"farm_browsers_lost": 2}
