"""Notices of batches in memory, for tests and for trying things out."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from farm.backends.memory import MemoryLedger
from farm.backends.memory_batches import MemoryBatches
from farm.backends.memory_deliveries import latest_of
from farm.jobs.batches.models import Standing
from farm.jobs.batches.notices import Notice
from farm.jobs.deliveries import Delivery, GivenUp
from farm.jobs.metrics.tallies import of_delivery


class MemoryNotices:
    """``Deliveries`` of notices in dictionaries, beside the batches of a ledger."""

    def __init__(self, ledger: MemoryLedger, batches: MemoryBatches) -> None:
        """Know what ``ledger`` knows of ``batches``."""
        self._ledger = ledger
        self._batches = batches
        self._kept: dict[tuple[str, int], Delivery] = {}
        self._due: dict[tuple[str, int], datetime | None] = {}

    def take(self, now: datetime, until: datetime, limit: int) -> list[Notice]:
        """See ``Deliveries.take``."""
        due = [
            (at, each.id, each) for each in self._all() if (at := self._due_at(each)) and at <= now
        ]
        taken = [each for *_, each in sorted(due, key=lambda found: found[:2])[:limit]]
        for each in taken:
            self._due[each.id, each.revision] = until
        return taken

    def postpone(self, about: Notice, until: datetime) -> None:
        """See ``Deliveries.postpone``."""
        if self._due_at(about) is not None:
            self._due[about.id, about.revision] = until

    def of(self, about: Sequence[Notice]) -> Mapping[str, Delivery]:
        """See ``Deliveries.of``."""
        return {
            each.id: self._kept.get((each.id, each.revision), Delivery(revision=each.revision))
            for each in about
        }

    def record(self, about: Notice, delivery: Delivery) -> bool:
        """See ``Deliveries.record``."""
        batch_id = about.standing.batch.id
        if self._ledger.news.get((batch_id, about.event, about.revision)) is None:
            return False
        if self._kept.get((about.id, about.revision)) != delivery:
            self._ledger.count_up(of_delivery(delivery))
        self._kept[about.id, about.revision] = delivery
        self._due[about.id, about.revision] = delivery.due_at
        return True

    def given_up(self, owner: str, before: datetime | None, limit: int) -> list[GivenUp[Notice]]:
        """See ``Deliveries.given_up``."""
        mine = [each for each in self._all() if each.owner == owner]
        found = [(each, self.of([each])[each.id]) for each in mine]
        return latest_of(
            [GivenUp(each, how, how.failed_at) for each, how in found if how.failed_at],
            before,
            limit,
        )

    def latest(self, standings: Sequence[Standing]) -> Mapping[str, Notice]:
        """See ``Notices.latest``."""
        ids = {each.batch.id for each in standings}
        ordered = sorted(self._all(), key=lambda each: (each.at, each.revision))
        return {each.standing.batch.id: each for each in ordered if each.standing.batch.id in ids}

    def _all(self) -> list[Notice]:
        return [
            Notice(self._batches.get(batch_id), event, revision, at)
            for (batch_id, event, revision), at in self._ledger.news.items()
            if at is not None
        ]

    def _due_at(self, notice: Notice) -> datetime | None:
        return self._due.get((notice.id, notice.revision), notice.at)
