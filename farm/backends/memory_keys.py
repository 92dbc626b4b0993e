"""Keys in memory, for tests and for trying things out."""

import secrets
from datetime import datetime

from farm.jobs.keys import ApiKey


class MemoryKeys:
    """``KeyRing`` in a dictionary."""

    def __init__(self) -> None:
        """Start without a key."""
        self._keys: dict[str, ApiKey] = {}
        self._secret = secrets.token_bytes(32)

    def add(self, key: ApiKey) -> bool:
        """See ``KeyRing.add``."""
        return self._keys.setdefault(key.id, key) is key

    def get(self, key_id: str) -> ApiKey | None:
        """See ``KeyRing.get``."""
        return self._keys.get(key_id)

    def all(self) -> list[ApiKey]:
        """See ``KeyRing.all``."""
        return sorted(self._keys.values(), key=lambda key: (key.created_at, key.id))

    def revoke(self, key_id: str, at: datetime) -> ApiKey | None:
        """See ``KeyRing.revoke``."""
        key = self._keys.get(key_id)
        if key is not None and key.revoked_at is None:
            key = self._keys[key_id] = key.model_copy(update={"revoked_at": at})
        return key

    def exists(self) -> bool:
        """See ``KeyRing.exists``."""
        return bool(self._keys)

    def signing_secret(self) -> bytes:
        """See ``KeyRing.signing_secret``."""
        return self._secret
