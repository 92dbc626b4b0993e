"""The requests of the HTTP contract, as data: what to send, and whether twice."""

import math
import mimetypes
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from farm.client.errors import Misconfigured

Progress = Callable[[int, int], None]
"""Told the bytes sent so far and the bytes in all; starts over if the upload does."""

RETRIES = 3
"""With the pauses between them a farm may be away for 2 to 4 s, as long as a restart takes."""
SUBMIT_WAIT_MAX_S = 60
POLL_WAIT_MAX_S = 30
PAGE_MAX = 200
"""Jobs of one answer; the farm gives no more."""

_CHUNK_BYTES = 64 * 1024
_IDEMPOTENCY_KEY = "Idempotency-Key"
_KEY_MAX_CHARACTERS = 255
_KEY_BYTES = 16


@dataclass(frozen=True)
class Call:
    """One request, ready to be sent as often as needed."""

    method: str
    path: str
    """Below the farm's address, percent-encoded."""
    params: Mapping[str, str | int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: object = None
    body: Callable[[], Iterator[bytes]] | None = None
    """Makes the raw body, anew for each time it is sent."""
    wait_s: float = 0
    """How long the farm was asked to hold its answer back."""
    retries: int = RETRIES
    patience_s: float = 0
    """For how long to go on trying beyond that, while the farm is away or in trouble."""
    waits_for_room: bool = True
    """Whether it is sent again after a 429, too; else that is for the caller to wait out."""
    every_s: float = 0
    """How long after the call before it is sent, among several that belong together."""
    expected: Collection[int] = ()
    """Error statuses that are a regular answer to this request."""

    @property
    def may_come_twice(self) -> bool:
        """Whether the farm does nothing more where it had the request already."""
        return self.method == "GET" or _IDEMPOTENCY_KEY in self.headers


def keyed(idempotency_key: str | None) -> dict[str, str]:
    """Return the header that carries the key; for ``None`` a new one that nobody has.

    Raises:
        Misconfigured: It is not one that a farm takes.
    """
    if idempotency_key is None:
        idempotency_key = secrets.token_urlsafe(_KEY_BYTES)
    is_printable = idempotency_key.isascii() and idempotency_key.isprintable()
    # What is around it a server takes for the header's own.
    is_whole = idempotency_key == idempotency_key.strip()
    if not (is_printable and is_whole and 0 < len(idempotency_key) <= _KEY_MAX_CHARACTERS):
        raise Misconfigured(
            f"An idempotency key has 1 to {_KEY_MAX_CHARACTERS} printable ASCII characters, and"
            " no space at either end."
        )
    return {_IDEMPOTENCY_KEY: idempotency_key}


def submit(spec: Mapping[str, object], wait_s: float, idempotency_key: str | None = None) -> Call:
    """Return the call that hands in ``spec`` and lets the farm wait for the job's end.

    This and every call that makes something have a key of their own, if they are given
    none: sent again because an answer was lost, they make no second one.
    """
    wait = _whole_seconds(wait_s, SUBMIT_WAIT_MAX_S)
    headers = {"Prefer": f"wait={wait}"} if wait > 0 else {}
    headers |= keyed(idempotency_key)
    return Call("POST", "/v1/jobs", json=dict(spec), headers=headers, wait_s=wait)


def job(job_id: str, wait_s: float) -> Call:
    """Return the call for one job, which lets the farm wait for its end."""
    wait = _whole_seconds(wait_s, POLL_WAIT_MAX_S)
    return Call("GET", _job_path(job_id), params={"wait": wait} if wait > 0 else {}, wait_s=wait)


def jobs(wanted: Mapping[str, str], limit: int, cursor: str | None) -> Call:
    """Return the call for one page of the list of jobs that are as ``wanted``."""
    return listing("/v1/jobs", wanted, limit, cursor)


def listing(path: str, wanted: Mapping[str, str], limit: int, cursor: str | None) -> Call:
    """Return the call for one page of a list."""
    place = {} if cursor is None else {"cursor": cursor}
    return Call("GET", path, params={**wanted, "limit": limit, **place})


def retry(
    job_id: str, secrets: Mapping[str, object] | None = None, idempotency_key: str | None = None
) -> Call:
    """Return the call that queues a failed or cancelled job again, perhaps with its secrets."""
    body = dict(secrets) if secrets else None
    return Call("POST", f"{_job_path(job_id)}/retry", json=body, headers=keyed(idempotency_key))


def deliver_again(job_id: str) -> Call:
    """Return the call that delivers an ended job's webhook again."""
    return Call("POST", f"{_job_path(job_id)}/webhook")


def pressure() -> Call:
    """Return the question how busy the farm is."""
    return Call("GET", "/v1/pressure")


def workers() -> Call:
    """Return the question who works."""
    return Call("GET", "/v1/workers")


def result(job_id: str) -> Call:
    """Return the call for a job's main artifact."""
    return Call("GET", f"{_job_path(job_id)}/result")


def artifact(job_id: str, name: str) -> Call:
    """Return the call for one artifact of a job."""
    return Call("GET", f"{_job_path(job_id)}/artifacts/{quote(name, safe='')}")


def link(job_id: str, name: str, expires_in_s: int) -> Call:
    """Return the call that makes a link to one artifact of a job."""
    path = f"{artifact(job_id, name).path}/link"
    return Call("POST", path, json={"expires_in": expires_in_s})


def cancel(job_id: str) -> Call:
    """Return the call that cancels a job. Sent twice, it would forget the job."""
    return Call("DELETE", _job_path(job_id), retries=0)


def upload(file: Path, on_progress: Progress | None, idempotency_key: str | None = None) -> Call:
    """Return the call that sends ``file`` piece by piece.

    Raises:
        OSError: There is no such file.
    """
    size_bytes = file.stat().st_size
    media_type, _ = mimetypes.guess_type(file.name)
    return Call(
        "POST",
        "/v1/uploads",
        params={"filename": file.name},
        headers={
            "Content-Type": media_type or "application/octet-stream",
            "Content-Length": str(size_bytes),
            **keyed(idempotency_key),
        },
        body=lambda: _pieces(file, size_bytes, on_progress),
    )


def forget_upload(upload_id: str) -> Call:
    """Return the call that drops an upload."""
    return Call("DELETE", f"/v1/uploads/{quote(upload_id, safe='')}")


def create_key(wanted: Mapping[str, object]) -> Call:
    """Return the call that makes a key."""
    return Call("POST", "/v1/keys", json=dict(wanted))


def keys() -> Call:
    """Return the call for all keys."""
    return Call("GET", "/v1/keys")


def revoke_key(key_id: str) -> Call:
    """Return the call that ends a key."""
    return Call("DELETE", f"/v1/keys/{quote(key_id, safe='')}")


def ready() -> Call:
    """Return the question whether the farm is there. Asked once, and 503 is an answer to it."""
    return Call("GET", "/readyz", retries=0, expected={503})


def metrics() -> Call:
    """Return the call for what the farm counts and measures of itself."""
    return Call("GET", "/metrics")


def alive() -> Call:
    """Return the question whether the API lives."""
    return Call("GET", "/healthz")


def _job_path(job_id: str) -> str:
    return f"/v1/jobs/{quote(job_id, safe='')}"


def _whole_seconds(wait_s: float, most_s: int) -> int:
    return min(math.ceil(wait_s), most_s)


def _pieces(file: Path, size_bytes: int, on_progress: Progress | None) -> Iterator[bytes]:
    sent_bytes = 0
    with file.open("rb") as opened:
        while piece := opened.read(_CHUNK_BYTES):
            yield piece
            sent_bytes += len(piece)
            if on_progress is not None:
                on_progress(sent_bytes, size_bytes)
