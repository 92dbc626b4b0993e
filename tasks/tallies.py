"""What a worker's child counts between two beats."""

import threading
from collections import Counter

from farm.jobs.errors import BackendUnavailable
from farm.jobs.metrics.names import Metric
from farm.jobs.metrics.ports import Statistics
from farm.jobs.metrics.tallies import field


class Tallies:
    """Counts of this process that the farm has not been told of yet; for any thread.

    What a killed process had counted since its last beat is lost.
    """

    def __init__(self) -> None:
        """Start with nothing counted. May be made before a fork, and used after it."""
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def count(self, metric: Metric, *labels: str, by: int = 1) -> None:
        """Count what happened."""
        with self._lock:
            self._counts[field(metric, *labels)] += by

    def hand_over(self, statistics: Statistics) -> None:
        """Tell the farm, and begin anew.

        Raises:
            BackendUnavailable: It could not be told; it is, the next time.
        """
        with self._lock:
            counted, self._counts = self._counts, Counter()
        if not counted:
            return
        try:
            statistics.add(counted)
        except BackendUnavailable:
            with self._lock:
                self._counts.update(counted)
            raise
