"""Requests that may come twice: under one key one thing is done, and all are answered with it.

No answer is kept and no request waits for another. The first one under a key reserves
what the thing is to be: the id of its job or upload, the number of its retry. Whoever
comes later, or at once, does the same to the same thing, which the ledger lets happen
once. So a crash at any point leaves a key that still leads to the end.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from farm.jobs.errors import (
    BackendUnavailable,
    FieldError,
    IdempotencyConflict,
    InvalidSpec,
    JobExpired,
    UnknownJob,
    UnknownUpload,
)
from farm.jobs.fingerprints import fingerprint_of
from farm.jobs.models import Job, Upload, new_id
from farm.jobs.ports import Reservations, Reserved
from farm.jobs.service import JobService
from farm.jobs.specs.requests import JobSpec
from farm.jobs.uploads import UPLOAD_NAME, UPLOAD_TTL_S

HEADER = "Idempotency-Key"
KEY_MAX_CHARACTERS = 255
KEY_PATTERN = f"^[ -~]{{1,{KEY_MAX_CHARACTERS}}}$"
"""Printable ASCII: what every proxy passes on as it is."""

_KEY = re.compile(KEY_PATTERN.removesuffix("$") + r"\Z")
_SUBMIT, _UPLOAD = "POST /v1/jobs", "POST /v1/uploads"

_T = TypeVar("_T")


@dataclass(frozen=True)
class Done(Generic[_T]):
    """What came of a request."""

    made: _T
    is_replay: bool
    """Whether it had been done before, for a request with the same key."""


def check_key(key: str) -> None:
    """Refuse a key that is none.

    Raises:
        InvalidSpec: Names the header.
    """
    if not _KEY.match(key):
        message = f"must be 1 to {KEY_MAX_CHARACTERS} printable ASCII characters"
        raise InvalidSpec([FieldError(field=HEADER, message=message)])


@dataclass(frozen=True)
class Once:
    """The farm, to be asked under one key, which is the caller's own.

    What would be refused anyway is refused first, so a key is not used up by it. Every
    method may raise ``IdempotencyConflict``: the key came with another request.
    """

    service: JobService
    key: str | None
    """``None``: without any, as often as it is asked."""

    def submit(self, spec: JobSpec) -> Done[Job]:
        """Submit a job, or return the one that was submitted, as it stands now.

        Raises as ``JobService.submit`` does, and:

        Raises:
            JobExpired: It is past its retention, or was forgotten.
        """
        if self.key is None:
            return Done(self.service.submit(spec), is_replay=False)
        # As it was given, without defaults: these may change from one version to the next.
        asked = spec.model_dump(mode="json", exclude_unset=True)
        fingerprint = fingerprint_of(_SUBMIT, asked)
        found = self._find(self.key, fingerprint)
        job = self._submitted(found.id) if found else None
        if job is not None:
            return Done(job, is_replay=True)
        self.service.check(spec)
        request_id = new_id()
        reserved = self._reserve(self.key, Reserved(request_id, fingerprint))
        job = self.service.drafted(spec, reserved.id, request_id)
        stored = self.service.store(job)
        if stored is not None:
            return Done(stored, is_replay=False)
        return Done(self.service.get(reserved.id), is_replay=True)

    def retry(self, job_id: str, secrets: Mapping[str, Any] | None = None) -> Done[Job]:
        """Queue a job again, or return it as it stands if that was done.

        What is reserved is the number of the retry: it is done once the job has had as many.
        Raises as ``JobService.retry`` does.
        """
        if self.key is None:
            return Done(self.service.retry(job_id, secrets), is_replay=False)
        fingerprint = fingerprint_of(f"POST /v1/jobs/{job_id}/retry", secrets or None)
        request_id = new_id()
        while True:
            job = self.service.get(job_id)
            found = self._find(self.key, fingerprint)
            if found is None or job.retries < int(found.id):
                job = self.service.check_retry(job, secrets)
                mine = Reserved(str(job.retries + 1), fingerprint)
                found = self._reserve(self.key, mine)
            if job.retries >= int(found.id):
                return Done(job, is_replay=True)
            retried = self.service.queued_again(job, request_id)
            if retried is not None:
                return Done(retried, is_replay=False)

    def upload(
        self, filename: str | None, media_type: str, chunks: Iterable[bytes]
    ) -> Done[Upload]:
        """Keep a file, or return the one with the same bytes that was kept.

        The key is reserved once the file is whole, for its bytes are what it asks for. One
        that was forgotten since is kept anew. Raises as ``JobService.upload`` does.
        """
        if self.key is None:
            return Done(self.service.upload(filename, media_type, chunks), is_replay=False)
        found = self._reservations.find(self._owner, self.key)
        kept = self._kept(found.id, filename) if found else None
        if found is not None and kept is not None:
            _check_same(found, fingerprint_of(_UPLOAD, _sha256(chunks)))
            return Done(kept, is_replay=True)
        upload = self.service.upload(filename, media_type, chunks)
        try:
            mine = Reserved(upload.id, fingerprint_of(_UPLOAD, upload.sha256))
            reserved = self._reserve(self.key, mine)
            kept = None if reserved == mine else self._kept(reserved.id, filename)
        except BaseException:
            self._drop(upload)
            raise
        if kept is None:
            return Done(upload, is_replay=False)
        self._drop(upload)
        return Done(kept, is_replay=True)

    def reserved(self, what: str, body: object, mine: str) -> Done[str]:
        """Return what the first request under the key has reserved; ``mine`` if this is it.

        Args:
            what: Method and path.
            body: What it asks for, as JSON has it.
            mine: What to reserve.
        """
        wanted = Reserved(mine, fingerprint_of(what, body))
        found = self._reserve(self.key or "", wanted)
        return Done(found.id, is_replay=found != wanted)

    def was_asked(self, what: str, body: object = None) -> bool:
        """Return whether ``reserved`` was called with this before."""
        return self._find(self.key or "", fingerprint_of(what, body)) is not None

    @property
    def _reservations(self) -> Reservations:
        return self.service.reservations

    @property
    def _owner(self) -> str:
        return self.service.caller.owner

    def _find(self, key: str, fingerprint: str) -> Reserved | None:
        found = self._reservations.find(self._owner, key)
        return found and _check_same(found, fingerprint)

    def _reserve(self, key: str, mine: Reserved) -> Reserved:
        reserved = self._reservations.reserve(self._owner, key, mine)
        return _check_same(reserved, mine.fingerprint)

    def _submitted(self, job_id: str) -> Job | None:
        """Return the job; ``None`` if the request that reserved its id did not get to it."""
        try:
            return self.service.get(job_id)
        except UnknownJob:
            if self._reservations.is_spent(job_id):
                raise JobExpired(job_id) from None
            return None

    def _kept(self, upload_id: str, filename: str | None) -> Upload | None:
        """Return an upload, which has its day anew; ``None`` if it is not there."""
        stored = self.service.uploads.find(upload_id, UPLOAD_NAME)
        if stored is None:
            return None
        self.service.uploads.expire(upload_id, UPLOAD_NAME, UPLOAD_TTL_S)
        return self.service.uploaded(upload_id, filename, stored)

    def _drop(self, upload: Upload) -> None:
        with suppress(BackendUnavailable, UnknownUpload):  # It expires by itself.
            self.service.forget_upload(upload.id)


def _check_same(found: Reserved, fingerprint: str) -> Reserved:
    if found.fingerprint != fingerprint:
        raise IdempotencyConflict(f"This {HEADER} came with another request before.")
    return found


def _sha256(chunks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()
