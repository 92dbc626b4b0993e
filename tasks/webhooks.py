"""One delivery of a webhook, in the form of https://www.standardwebhooks.com."""

import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

from farm.jobs.batches.notices import Notice
from farm.jobs.batches.views import BatchView
from farm.jobs.deliveries import Answer
from farm.jobs.errors import ConnectionFailed, JobTimedOut, TargetForbidden, TlsError
from farm.jobs.models import Job
from farm.jobs.ports import Clock, SigningRing, Told
from farm.jobs.specs.base import secret_bytes
from farm.jobs.views import JobView, rfc3339
from tasks.egress.client import Gate, Limits, Session
from tasks.egress.verdicts import MARK

TOTAL_S = 10.0
"""For all of one attempt; the gate breaks it off then."""
ANSWER_MAX_BYTES = 64 * 1024
"""So much of an answer is read, so that the receiver can finish its sentence; none is kept."""
_BESIDE_BODY_BYTES = 1024 * 1024
"""What may go through the gate beside the message: heads, certificates, the answer."""
_USER_AGENT = "Renderfarm-Webhook"
_DIGITS_MAX = 9
"""Of a ``Retry-After``; what is longer is cut, and bounded anyway."""


@dataclass(frozen=True)
class Courier:
    """Delivers one message at a time, through a gate of its own."""

    gate: Gate
    clock: Clock
    signing: SigningRing
    """What signs a message whose job or batch brought no secret along."""
    certificates: ssl.SSLContext = field(default_factory=httpx.create_ssl_context)
    """What vouches for receivers."""

    def deliver(self, about: Told) -> Answer:
        """Tell the receiver of an ended job, or of what has happened to a batch, once.

        Raises:
            BackendUnavailable: The gate or Redis is away; nothing was sent then.
        """
        url = about.webhook_url or ""
        body = message(about)
        secrets = self._secrets(about)
        limits = Limits(
            max_bytes=len(body) + _BESIDE_BODY_BYTES, max_requests=1, max_seconds=TOTAL_S
        )
        with self.gate.session(
            about.id,
            zones=about.zones,
            url=url,
            limits=limits,
            # In the clear only within the operator's own network.
            internal_only=url.startswith("http:"),
        ) as session:
            try:
                return self._post(about, body, secrets, session)
            except httpx.HTTPError as error:
                return _broken_off(session, url, error)

    def _secrets(self, about: Told) -> Sequence[str]:
        if about.webhook_secret is not None:
            return [about.webhook_secret]
        return self.signing.get(about.owner).signing(self.clock.now())

    def _post(self, about: Told, body: bytes, secrets: Sequence[str], session: Session) -> Answer:
        now = self.clock.now()
        with (
            httpx.Client(
                proxy=session.proxy, verify=self.certificates, trust_env=False, timeout=TOTAL_S
            ) as client,
            client.stream(
                "POST",
                about.webhook_url or "",
                content=body,
                headers=headers(about, body, now, secrets),
                follow_redirects=False,
            ) as response,
        ):
            answer = _answer(response, now)
            with suppress(httpx.HTTPError):  # What counts has been said.
                _discard(response.iter_raw())
            return answer


def message(about: Told) -> bytes:
    """Return the body: job or batch as the API shows it; a job's is the same at each attempt."""
    if isinstance(about, Notice):
        at = about.at
        shown = BatchView.of(about.standing).model_dump(mode="json", exclude={"webhook"})
    elif isinstance(about, Job):
        at = about.finished_at or about.created_at
        shown = JobView.of(about).model_dump(mode="json", exclude={"webhook"})
    else:
        raise TypeError(f"nothing is told of {about!r}")
    told = {"type": about.event_type, "timestamp": rfc3339(at), "data": shown}
    return json.dumps(told, ensure_ascii=False).encode()


def headers(about: Told, body: bytes, now: datetime, secrets: Sequence[str]) -> dict[str, str]:
    """Return the headers of one attempt, with a signature by each of ``secrets``."""
    # With the revision: a job that was retried ends anew, and that is news.
    message_id, timestamp = f"{about.id}-{about.revision}", str(int(now.timestamp()))
    found = {
        "Content-Type": "application/json",
        "User-Agent": _USER_AGENT,
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
    }
    if secrets:
        signed = f"{message_id}.{timestamp}.".encode() + body
        found["webhook-signature"] = " ".join(_signature(each, signed) for each in secrets)
    return found


def _signature(secret: str, signed: bytes) -> str:
    digest = hmac.digest(secret_bytes(secret), signed, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def _answer(response: httpx.Response, now: datetime) -> Answer:
    status = response.status_code
    if MARK in response.headers:
        return _refused(response.headers[MARK])
    if response.is_success:
        return Answer()
    return Answer(
        error=f"http_{status}",
        is_final=status == HTTPStatus.GONE,
        retry_after_s=_retry_after_s(response.headers, now),
    )


def _broken_off(session: Session, url: str, error: httpx.HTTPError) -> Answer:
    """Return what came of an attempt that ended in ``error``, by what the gate knows of it."""
    if code := session.cut or session.refusal_of(url):
        return _refused(code)
    if isinstance(error, httpx.TimeoutException):
        return Answer(error=JobTimedOut.code)
    is_of_tls = any(isinstance(cause, ssl.SSLError) for cause in _causes(error))
    return Answer(error=TlsError.code if is_of_tls else ConnectionFailed.code)


def _refused(code: str) -> Answer:
    # The operator's rules will be the same later; a name server need not be.
    return Answer(error=code, is_final=code == TargetForbidden.code)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _retry_after_s(found: Mapping[str, str], now: datetime) -> float:
    wanted = found.get("retry-after", "")
    if wanted.isascii() and wanted.isdecimal():
        return float(wanted[:_DIGITS_MAX])
    try:
        return (parsedate_to_datetime(wanted) - now).total_seconds()
    except (TypeError, ValueError):  # It is no date, or says no time zone.
        return 0


def _discard(chunks: Iterator[bytes]) -> None:
    left = ANSWER_MAX_BYTES
    for chunk in chunks:
        left -= len(chunk)
        if left <= 0:
            return
