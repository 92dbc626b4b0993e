"""Sessions of people who have signed in: each names a key, ends, and opens nothing by itself."""

import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from datetime import timedelta

from farm.jobs.ports import Clock, KeyRing

SESSION_S = 12 * 3600
"""A working day: whoever comes back the next one shows the key again."""

_SESSION = re.compile(r"([0-9a-f]{16})\.([0-9]{1,11})\.([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True)
class Sessions:
    """Signs sessions and knows its own again; nothing of them is stored."""

    ring: KeyRing
    clock: Clock
    secret: bytes | None = None
    """What to sign with; ``None``: the ring's own secret."""

    def begin(self, key_id: str) -> str:
        """Return a session of the key. It has nothing of the key's secret."""
        ends = int((self.clock.now() + timedelta(seconds=SESSION_S)).timestamp())
        return f"{key_id}.{ends}.{self._signature('session', f'{key_id}.{ends}')}"

    def key_id(self, session: str) -> str | None:
        """Return the id of the key that ``session`` is of; ``None``: it is none, or over.

        Whether the key is still good the ring knows.
        """
        match = _SESSION.fullmatch(session)
        if match is None:
            return None
        key_id, ends, signature = match.groups()
        is_ours = hmac.compare_digest(self._signature("session", f"{key_id}.{ends}"), signature)
        return key_id if is_ours and self.clock.now().timestamp() < int(ends) else None

    def form_token(self, session: str) -> str:
        """Return what the forms of ``session`` have, and pages of elsewhere cannot know."""
        return self._signature("form", session)

    def is_token(self, session: str, token: str) -> bool:
        """Return whether ``token`` is that of the session's forms."""
        return hmac.compare_digest(self.form_token(session).encode(), token.encode())

    def _signature(self, purpose: str, said: str) -> str:
        # A list of two: what ``farm.jobs.links`` signs is a list of three.
        secret = self.secret or self.ring.signing_secret()
        return hmac.new(secret, json.dumps([purpose, said]).encode(), hashlib.sha256).hexdigest()
