"""The farm's counts in memory, for tests and for trying things out."""

from collections.abc import Mapping

from farm.backends.memory import MemoryLedger
from farm.jobs.metrics.ports import Store
from farm.jobs.metrics.tallies import Tally


class MemoryStatistics:
    """``Statistics`` in a dictionary, beside the jobs of a ledger."""

    def __init__(self, ledger: MemoryLedger) -> None:
        """Tell what the steps of ``ledger`` have counted, among others."""
        self._ledger = ledger
        self.held: dict[str, Store] = {}
        """What ``stores`` returns; a test sets it."""

    def add(self, tally: Tally) -> None:
        """See ``Statistics.add``."""
        self._ledger.count_up(tally)

    def counts(self) -> Tally:
        """See ``Statistics.counts``."""
        return dict(self._ledger.counts)

    def stores(self) -> Mapping[str, Store]:
        """See ``Statistics.stores``."""
        return self.held
