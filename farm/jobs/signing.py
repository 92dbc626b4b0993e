"""The secrets that an owner's webhooks are signed with, and how one takes another's place."""

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import Field

from farm.jobs.models import Record
from farm.jobs.specs.base import SECRET_PREFIX, Model
from farm.jobs.views import Time, View

_SECRET_BYTES = 32
_RETIRED_MAX = 4
"""Beyond that the oldest end early: each is a signature in every message."""


class RotationRequest(Model):
    """How a new secret takes the old one's place; the body of ``POST /v1/webhooks/secret``."""

    overlap: Annotated[
        int,
        Field(
            ge=0,
            le=7 * 24 * 3600,
            description="Seconds for which messages are signed with the secret of before as well. "
            "0: it has leaked.",
            examples=[3600],
        ),
    ] = 24 * 3600


class SigningSecret(Record):
    """One secret."""

    id: str
    secret: str
    """As a ``webhook_secret`` of a spec."""
    made_at: datetime
    until: datetime | None = None
    """When it signs no more; ``None``: it is the one in use."""

    def signs(self, now: datetime) -> bool:
        """Return whether messages are signed with it."""
        return self.until is None or now < self.until


class SigningSecrets(Record):
    """The secrets of one owner, the one in use first."""

    found: tuple[SigningSecret, ...] = ()

    def signing(self, now: datetime) -> Sequence[str]:
        """Return those that a message of now is signed with."""
        return [each.secret for each in self.found if each.signs(now)]

    def rotated(self, secret_id: str, overlap_s: int, now: datetime) -> Self:
        """Return them with a new one in use; the one before ends after ``overlap_s`` seconds."""
        until = now + timedelta(seconds=overlap_s)
        retired = [
            each.model_copy(update={"until": min(each.until or until, until)})
            for each in self.found
        ]
        kept = [each for each in retired if each.signs(now)][:_RETIRED_MAX]
        random = base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
        new = SigningSecret(id=secret_id, secret=f"{SECRET_PREFIX}{random}", made_at=now)
        return self.model_copy(update={"found": (new, *kept)})


class SigningSecretView(View):
    """A secret that messages are signed with, as JSON."""

    secret: str
    made_at: Time
    until: Time | None
    """Null: it is the one in use."""


class SigningSecretsView(View):
    """Those of the caller, the one in use first."""

    secrets: tuple[SigningSecretView, ...]

    @classmethod
    def of(cls, kept: SigningSecrets, now: datetime) -> Self:
        """Return the view of those of ``kept`` that sign now."""
        signing = [each for each in kept.found if each.signs(now)]
        return cls(
            secrets=tuple(SigningSecretView(**each.model_dump(exclude={"id"})) for each in signing)
        )
