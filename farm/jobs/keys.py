"""Keys: who a caller is, what it may do, and how its secret is checked.

A key's text is ``rf_<id>_<secret>``. The secret is 256 random bits, so a fast hash of it
is enough to keep: nobody finds it by trying.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Self, get_args

from farm.jobs.models import ALL_ZONES, Record, Zone
from farm.jobs.specs.powers import Power

Scope = Literal[
    "jobs:read",  # see one's own jobs and artifacts
    "jobs:write",  # submit, cancel, retry
    "uploads",  # leave files
    "farm:read",  # see how busy the farm is, and its workers
    "keys",  # make, list and revoke keys
    Power,
]
ALL_SCOPES: Sequence[Scope] = get_args(Scope)

_KEY = re.compile(r"rf_([0-9a-f]{16})_([A-Za-z0-9_-]{43})", re.ASCII)
_ABSENT_SHA256 = hashlib.sha256(b"no key has this secret").hexdigest()
"""Compared with where there is no such key, so that it costs what a wrong secret does."""


class ApiKey(Record):
    """What is kept of a key: all but its secret."""

    id: str
    """64 random bits in hexadecimal; no secret."""
    name: str
    secret_sha256: str
    """Lower-case hexadecimal."""
    scopes: tuple[str, ...]
    """Of ``Scope``; a newer farm's are left alone."""
    zones: tuple[Zone, ...]
    open_jobs_max: int | None = None
    """Jobs of it that may be open; ``None``: as the farm's setting has it."""
    requests_per_minute: int | None = None
    """``None``: as the farm's setting has it."""
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def is_good(self, now: datetime) -> bool:
        """Return whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    @property
    def rules_for_ever(self) -> bool:
        """Whether it may manage keys, and will until it is revoked."""
        return "keys" in self.scopes and self.expires_at is None and self.revoked_at is None


def new_key_id() -> str:
    """Return an id that no key has."""
    return secrets.token_hex(8)


@dataclass(frozen=True)
class KeyText:
    """A key as its owner has it, apart: whose it claims to be, and the proof."""

    id: str
    secret: str

    @classmethod
    def new(cls, key_id: str | None = None) -> Self:
        """Return one with a secret that nobody has; ``None``: nor its id."""
        return cls(id=key_id or new_key_id(), secret=secrets.token_urlsafe(32))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return what ``text`` says, or ``None`` if it does not have a key's form."""
        match = _KEY.fullmatch(text)
        return cls(*match.groups()) if match else None

    def __str__(self) -> str:
        return f"rf_{self.id}_{self.secret}"

    @property
    def sha256(self) -> str:
        """What is kept of the secret."""
        return hashlib.sha256(self.secret.encode()).hexdigest()


def is_proven(text: KeyText | None, key: ApiKey | None) -> bool:
    """Return whether ``text`` has the secret of ``key``; takes as long where there is no key."""
    found = (text or KeyText("", "")).sha256
    is_same = hmac.compare_digest(found, key.secret_sha256 if key else _ABSENT_SHA256)
    return is_same and text is not None and key is not None


@dataclass(frozen=True)
class Caller:
    """On whose behalf something is asked of the farm."""

    owner: str = ""
    """Id of its key; ``""``: nobody in particular."""
    sees_all: bool = True
    """Whether the jobs and uploads of all owners are its own."""
    scopes: frozenset[str] = frozenset(ALL_SCOPES)
    zones: tuple[Zone, ...] = ALL_ZONES
    open_jobs_max: int | None = None
    requests_per_minute: int | None = None

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """Return who has ``key``."""
        return cls(
            owner=key.id,
            sees_all=False,
            scopes=frozenset(key.scopes),
            zones=key.zones,
            open_jobs_max=key.open_jobs_max,
            requests_per_minute=key.requests_per_minute,
        )

    def has(self, owner: str) -> bool:
        """Return whether what ``owner`` owns is this caller's."""
        return self.sees_all or owner == self.owner


ANYBODY = Caller()
"""Who calls a farm that has no keys: the operator's own machine, which may do all."""
