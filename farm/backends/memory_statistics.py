"""The farm's counts in memory, for tests and for trying things out."""

from collections import deque
from collections.abc import Mapping

from farm.backends.memory import MemoryLedger
from farm.jobs.metrics.history import SAMPLES_MAX, Sample
from farm.jobs.metrics.ports import Store
from farm.jobs.metrics.tallies import Tally


class MemoryStatistics:
    """``Statistics`` in a dictionary, beside the jobs of a ledger."""

    def __init__(self, ledger: MemoryLedger) -> None:
        """Tell what the steps of ``ledger`` have counted, among others."""
        self._ledger = ledger
        self._samples: deque[Sample] = deque(maxlen=SAMPLES_MAX)
        self.held: dict[str, Store] = {}
        """What ``stores`` returns; a test sets it."""

    def add(self, tally: Tally) -> None:
        """See ``Statistics.add``."""
        self._ledger.count_up(tally)

    def counts(self) -> Tally:
        """See ``Statistics.counts``."""
        return dict(self._ledger.counts)

    def keep(self, sample: Sample) -> None:
        """See ``Statistics.keep``."""
        self._samples.append(Sample.model_validate_json(sample.model_dump_json()))

    def kept(self) -> list[Sample]:
        """See ``Statistics.kept``."""
        return list(self._samples)

    def stores(self) -> Mapping[str, Store]:
        """See ``Statistics.stores``."""
        return self.held
