"""The port through which jobs that ask for the same find one another."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from farm.jobs.models import Job


class Twins(Protocol):
    """Jobs with one fingerprint, as the ledger's own steps have filed them."""

    def claim(self, claimed: Job) -> bool:
        """Store a claim as ``JobLedger.swap`` does, unless a twin runs; say whether it is stored.

        Atomic: of any number of twins that are claimed at once one is.
        """

    def results(self, fingerprint: str) -> Sequence[Job]:
        """Return some jobs whose result others may be given, that made last first."""

    def came_to_nothing(self, fingerprint: str, since: datetime) -> bool:
        """Return whether one has ended since then with no result for the others, uncancelled."""

    def waiting(self, fingerprint: str, limit: int) -> Sequence[Job]:
        """Return up to ``limit`` queued ones, the oldest first, but none that waits in a lane."""

    def lists(self, run_id: str) -> bool:
        """Return whether a job lists what the run made.

        Once none does, none ever will again: see ``JobLedger.swap``.
        """
