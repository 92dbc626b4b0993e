"""Signing secrets in memory, for tests and for trying things out."""

from farm.jobs.signing import SigningSecrets


class MemorySigning:
    """``SigningRing`` in a dictionary."""

    def __init__(self) -> None:
        """Start without any."""
        self._kept: dict[str, SigningSecrets] = {}

    def get(self, owner: str) -> SigningSecrets:
        """See ``SigningRing.get``."""
        return self._kept.get(owner, SigningSecrets())

    def swap(self, owner: str, before: SigningSecrets, after: SigningSecrets) -> bool:
        """See ``SigningRing.swap``."""
        if self.get(owner) != before:
            return False
        self._kept[owner] = after
        return True
