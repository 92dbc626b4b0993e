"""Keys as an operator sees them."""

from typing import Self

from farm.jobs.keys import ApiKey
from farm.jobs.views import Time, View


class KeyView(View):
    """A key without its secret, as JSON."""

    id: str
    name: str
    scopes: tuple[str, ...]
    zones: tuple[str, ...]
    open_jobs_max: int | None
    requests_per_minute: int | None
    created_at: Time
    expires_at: Time | None
    revoked_at: Time | None

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """Return the view of ``key``."""
        return cls(**key.model_dump(exclude={"secret_sha256"}))


class NewKeyView(KeyView):
    """A key that has just been made, as JSON; never to be had again."""

    key: str | None
    """What to send as ``Authorization: Bearer``; null where a request with the same
    ``Idempotency-Key`` had made it: it is told once."""


class KeysView(View):
    """All keys, the oldest first, as JSON."""

    items: tuple[KeyView, ...]
