"""Reservations in memory, for tests and for trying things out."""

import threading
from datetime import datetime, timedelta

from farm.jobs.ports import RESERVED_S, Clock, Reserved


class MemoryReservations:
    """``Reservations`` in a dictionary."""

    def __init__(self, clock: Clock) -> None:
        """Judge expiry by ``clock``."""
        self._clock = clock
        self._reserved: dict[tuple[str, str], tuple[Reserved, datetime]] = {}
        self._spent: set[str] = set()
        self._lock = threading.Lock()

    def reserve(self, owner: str, key: str, mine: Reserved) -> Reserved:
        """See ``Reservations.reserve``."""
        with self._lock:
            found = self.find(owner, key)
            if found is None:
                found = mine
                until = self._clock.now() + timedelta(seconds=RESERVED_S)
                self._reserved[owner, key] = (mine, until)
            return found

    def find(self, owner: str, key: str) -> Reserved | None:
        """See ``Reservations.find``."""
        found, until = self._reserved.get((owner, key), (None, self._clock.now()))
        return found if self._clock.now() < until else None

    def spend(self, reserved_id: str) -> None:
        """See ``Reservations.spend``."""
        self._spent.add(reserved_id)

    def is_spent(self, reserved_id: str) -> bool:
        """See ``Reservations.is_spent``."""
        return reserved_id in self._spent
