"""Links to artifacts and results that need no key: signed, and good for a while."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import quote

from pydantic import Field

from farm.jobs.ports import Clock, KeyRing
from farm.jobs.specs.base import Model
from farm.jobs.views import Time, View

LINK_MAX_S = 7 * 24 * 3600
"""Long enough for a mail or a report, too short to be a home for a picture."""


class LinkRequest(Model):
    """How long a link shall be good."""

    expires_in: Annotated[
        int, Field(ge=1, le=LINK_MAX_S, description="Seconds.", examples=[86_400])
    ] = 3600


class LinkView(View):
    """A link, as JSON."""

    url: str
    """On the farm's own address. Whoever has it can read what is there."""
    expires_at: Time


def artifact_path(job_id: str, name: str) -> str:
    """Return where the API has one artifact of one job."""
    return f"/v1/jobs/{job_id}/artifacts/{name}"


def results_path(batch_id: str, name: str) -> str:
    """Return where the API has all that a batch came to, in the file ``name``."""
    return f"/v1/batches/{batch_id}/{name}"


@dataclass(frozen=True)
class Links:
    """Signs links and knows its own again."""

    ring: KeyRing
    clock: Clock
    secret: bytes | None = None
    """What to sign with; ``None``: the ring's own secret."""

    def end_of(self, expires_in_s: int) -> int:
        """Return when a link ends that is good for so many seconds, rounded up: Unix time."""
        exactly = self.clock.now() + timedelta(seconds=expires_in_s)
        return int(exactly.timestamp()) + bool(exactly.microsecond)

    def link(self, path: str, expires: int) -> LinkView:
        """Return the link to what is at ``path``, not percent-encoded, that ends then."""
        signature = self._signature(path, expires)
        return LinkView(
            url=f"{quote(path)}?expires={expires}&signature={signature}",
            expires_at=datetime.fromtimestamp(expires, UTC),
        )

    def are_good(self, path: str, expires: int, signature: str) -> bool:
        """Return whether ``signature`` is of just this, and its time is not over."""
        expected = self._signature(path, expires)
        is_ours = hmac.compare_digest(expected.encode(), signature.encode())
        return is_ours and self.clock.now().timestamp() < expires

    def _signature(self, path: str, expires: int) -> str:
        # As JSON, in which no two links are spelt alike.
        said = json.dumps([path, expires]).encode()
        secret = self.secret or self.ring.signing_secret()
        return hmac.new(secret, said, hashlib.sha256).hexdigest()
