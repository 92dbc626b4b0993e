"""What the metrics need from outside, with the promises it must keep."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from farm.jobs.metrics.history import Sample
from farm.jobs.metrics.tallies import Tally


@dataclass(frozen=True)
class Store:
    """How full a Redis is."""

    used_bytes: int
    limit_bytes: int | None
    """``None``: as much as the machine has."""


class Statistics(Protocol):
    """What has happened in the farm, as counts that only grow and outlive every process.

    Those of jobs and webhooks are kept by the very steps that move them (``JobLedger.swap``,
    ``BatchLedger.file``, ``Deliveries.record``), so none is counted twice or left out. No
    retry, and no end of a retention, takes anything back.
    """

    def add(self, tally: Tally) -> None:
        """Add what no such step knows of.

        Raises:
            BackendUnavailable: It may have been added or not.
        """

    def counts(self) -> Tally:
        """Return all counts, by field; what has never happened is not there."""

    def keep(self, sample: Sample) -> None:
        """Keep the sample for an hour, among the newest ``SAMPLES_MAX``."""

    def kept(self) -> list[Sample]:
        """Return the samples that are kept, the oldest first."""

    def stores(self) -> Mapping[str, Store]:
        """Return how full each Redis is, by what it holds, where the farm may ask."""
