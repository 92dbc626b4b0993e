"""What can be asked about keys: who a caller is, and what an operator does with them."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import Field, StringConstraints

from farm.jobs.errors import FieldError, InvalidSpec, UnknownKey, WouldLockOut
from farm.jobs.keys import ApiKey, Caller, KeyText, Scope, is_proven
from farm.jobs.models import Zone
from farm.jobs.ports import Clock, KeyRing
from farm.jobs.specs.base import LISTED, Model

KNOWN_FOR_S = 0.5
"""How long a process may act on keys that it has read: a revoked one is out within a second."""

_YEARS_S = 10 * 366 * 24 * 3600


class KeyRequest(Model):
    """What a new key shall be; the body of ``POST /v1/keys``."""

    name: Annotated[
        str,
        StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$"),
        Field(description="Whose it is, for people.", examples=["shop"]),
    ]
    scopes: Annotated[
        tuple[Scope, ...],
        LISTED,
        Field(
            min_length=1,
            max_length=20,
            description="What it may do.",
            examples=[["jobs:read", "jobs:write", "script"]],
        ),
    ] = ("jobs:read", "jobs:write", "uploads")
    zones: Annotated[
        tuple[Zone, ...],
        LISTED,
        Field(
            min_length=1,
            max_length=2,
            description="Where its jobs may lead: to the web, and to what the operator allows of "
            "the farm's own network.",
            examples=[["public", "internal"]],
        ),
    ] = ("public",)
    expires_in: Annotated[
        int | None,
        Field(
            ge=1,
            le=_YEARS_S,
            description="Seconds until it ends by itself. null: never.",
            examples=[2_592_000],
        ),
    ] = None
    open_jobs_max: Annotated[
        int | None,
        Field(
            ge=1,
            le=10_000_000,
            description="Its jobs that may wait or run. null: as FARM_OPEN_JOBS_MAX says.",
            examples=[1000],
        ),
    ] = None
    requests_per_minute: Annotated[
        int | None,
        Field(
            ge=1,
            le=1_000_000,
            description="null: as FARM_REQUESTS_PER_MINUTE says.",
            examples=[600],
        ),
    ] = None


@dataclass(frozen=True)
class _Known:
    """The keys as they were read."""

    keys: Mapping[str, ApiKey]
    until: float


class KeyService:
    """The farm's keys, read at most every half second. Threads may share it."""

    def __init__(
        self, ring: KeyRing, clock: Clock, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Keep keys in ``ring``; nothing is read yet."""
        self._ring = ring
        self._clock = clock
        self._monotonic = monotonic
        self._known: _Known | None = None
        self._reading = threading.Lock()

    def is_open(self) -> bool:
        """Return whether the farm has never had a key, so that callers need none."""
        return not self._keys()

    def caller(self, text: str) -> Caller | None:
        """Return who has the key ``text``; ``None`` if it is not one that is good.

        One that nobody has costs the same comparison as a wrong secret.
        """
        claimed = KeyText.parse(text)
        key = self._keys().get(claimed.id) if claimed else None
        if claimed and key is None:
            key = self._ring.get(claimed.id)  # Another process may have made it just now.
        is_good = is_proven(claimed, key)
        return Caller.of(key) if is_good and key and key.is_good(self._clock.now()) else None

    def holder(self, key_id: str) -> Caller | None:
        """Return who has the key of this id; ``None`` if it is not one that is good."""
        key = self._keys().get(key_id) or self._ring.get(key_id)
        return Caller.of(key) if key and key.is_good(self._clock.now()) else None

    def check(self, wanted: KeyRequest) -> None:
        """Refuse a key that may not be made now.

        Raises:
            InvalidSpec: It would be the first, and could not make another, or not for good.
        """
        if not self._ring.exists():
            _check_first(wanted)

    def find(self, key_id: str) -> ApiKey | None:
        """Return the key, be it good or not."""
        return self._ring.get(key_id)

    def create(self, wanted: KeyRequest) -> tuple[ApiKey, KeyText]:
        """Make and keep a key; return it with its text, which nobody can be told again.

        Raises:
            InvalidSpec: It would be the first, and could not make another, or not for good.
        """
        self.check(wanted)
        while True:
            text = KeyText.new()
            key = self.make(wanted, text)
            if key is not None:
                return key, text

    def make(self, wanted: KeyRequest, text: KeyText) -> ApiKey | None:
        """Make and keep the key that has this text; ``None`` if there is one with its id."""
        now = self._clock.now()
        lasts = None if wanted.expires_in is None else timedelta(seconds=wanted.expires_in)
        key = ApiKey(
            id=text.id,
            name=wanted.name,
            secret_sha256=text.sha256,
            scopes=tuple(dict.fromkeys(wanted.scopes)),
            zones=tuple(dict.fromkeys(wanted.zones)),
            open_jobs_max=wanted.open_jobs_max,
            requests_per_minute=wanted.requests_per_minute,
            created_at=now,
            expires_at=lasts and now + lasts,
        )
        is_new = self._ring.add(key)
        self._known = None
        return key if is_new else None

    def all(self) -> list[ApiKey]:
        """Return all keys, the oldest first, those that have ended too."""
        return self._ring.all()

    def revoke(self, key_id: str) -> ApiKey:
        """End a key now, for good. Its jobs go on, and are kept as long as they were to be.

        Raises:
            UnknownKey: No such id.
            WouldLockOut: Nobody could make a key any more.
        """
        keys = {key.id: key for key in self._ring.all()}
        if key_id not in keys:
            raise UnknownKey(key_id)
        others = [key for key in keys.values() if key.id != key_id]
        if keys[key_id].rules_for_ever and not any(key.rules_for_ever for key in others):
            raise WouldLockOut("No other key can make keys for good; make one first.")
        revoked = self._ring.revoke(key_id, self._clock.now())
        self._known = None
        if revoked is None:
            raise UnknownKey(key_id)
        return revoked

    def _keys(self) -> Mapping[str, ApiKey]:
        known = self._known
        if known is None or self._monotonic() >= known.until:
            # One thread reads for all that wait meanwhile.
            with self._reading:
                known = self._known
                if known is None or self._monotonic() >= known.until:
                    until = self._monotonic() + KNOWN_FOR_S
                    keys = {key.id: key for key in self._ring.all()}
                    known = self._known = _Known(keys, until)
        return known.keys


def _check_first(wanted: KeyRequest) -> None:
    """Raise what keeps ``wanted`` from being the key that switches keys on."""
    wrong = []
    if "keys" not in wanted.scopes:
        message = "the first key needs the scope keys: without it nobody could make another"
        wrong.append(FieldError(field="scopes", message=message))
    if wanted.expires_in is not None:
        message = "the first key must not expire: nobody could make another then"
        wrong.append(FieldError(field="expires_in", message=message))
    if wrong:
        raise InvalidSpec(wrong)
