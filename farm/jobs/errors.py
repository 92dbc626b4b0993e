"""Every error of the farm, as one tree.

::

    FarmError                        code, retryable
    ├── RequestError                 refused at the door; nothing ran, nothing was stored
    │   ├── InvalidJson  InvalidSpec  UnsupportedMediaType  PayloadTooLarge
    │   ├── NoSuchPage  MethodNotAllowed  UnreadableRequest
    │   ├── UnknownJob  UnknownArtifact  UnknownUpload
    │   ├── JobExpired  ArtifactEvicted
    │   └── NotFinished  JobFailed
    ├── JobError                     it ran and failed; recorded on the job
    │   ├── TargetError              the page or the media is at fault; not retried
    │   │   ├── DnsError  ConnectionFailed  TlsError  HttpError  TooManyRedirects
    │   │   ├── EmptyResponse  UnsupportedContent  PageUnresponsive  PageCrashed  CaptureFailed
    │   │   └── MediaInvalid  MediaUnsupported  MediaPlaylistForbidden
    │   ├── LimitError               over a stated limit; not retried
    │   │   └── JobTimedOut  PageTooLarge  OutputTooLarge
    │   └── WorkerError              the farm is at fault; tried again while attempts are left
    │       └── BrowserCrashed  WorkerLost  InternalError
    ├── BackendUnavailable           Redis or the broker is away
    ├── IllegalMove                  a bug if it ever reaches a user
    └── ConfigError                  at start-up only; names the variable and the valid values

``code`` is part of the HTTP contract and never changes. HTTP statuses live in
``api.problems`` alone, exit codes in ``farm.client.exit_codes`` alone.
"""

from collections.abc import Iterator, Sequence
from typing import ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict


class FieldError(BaseModel):
    """One thing that is wrong with one field of a request."""

    model_config = ConfigDict(frozen=True)

    field: str
    """Dotted path of the field in the request, ``""`` for the whole body."""
    message: str


class FarmError(Exception):
    """Root of all errors. ``str(error)`` is a sentence for the caller, free of internals."""

    code: ClassVar[str] = "farm_error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        """Keep ``message``, which a caller will read as it is."""
        super().__init__(message)
        self.message = message


class RequestError(FarmError):
    """Refused at the door: nothing ran and nothing was stored."""

    code = "request_refused"


class InvalidJson(RequestError):
    """The body is not one JSON document we accept (RFC 8259, no duplicate names)."""

    code = "invalid_json"


class InvalidSpec(RequestError):
    """The body is JSON, but not a spec; the answer names each field at fault."""

    code = "invalid_spec"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        """Build the message from ``errors``, which must not be empty."""
        first = errors[0]
        super().__init__(f"{first.field}: {first.message}" if first.field else first.message)
        self.errors = tuple(errors)


class UnsupportedMediaType(RequestError):
    """The body has a Content-Type that this address does not take."""

    code = "unsupported_media_type"


class PayloadTooLarge(RequestError):
    """The body is larger than this address takes."""

    code = "payload_too_large"


class NoSuchPage(RequestError):
    """The address names nothing in the API."""

    code = "not_found"


class MethodNotAllowed(RequestError):
    """The address exists, but not with this method."""

    code = "method_not_allowed"


class UnreadableRequest(RequestError):
    """The request is malformed below the level of JSON."""

    code = "bad_request"


class UnknownJob(RequestError):
    """No job has this id, and none had it within the time that ids are remembered."""

    code = "unknown_job"

    def __init__(self, job_id: str) -> None:
        """Name the id that was asked for."""
        super().__init__(f"There is no job {job_id!r}.")


class UnknownArtifact(RequestError):
    """The job exists and is done, but made no artifact of this name."""

    code = "unknown_artifact"


class UnknownUpload(RequestError):
    """No upload has this id, or it has expired."""

    code = "unknown_upload"

    def __init__(self, upload_id: str) -> None:
        """Name the id that was asked for."""
        super().__init__(f"There is no upload {upload_id!r}; it may have expired.")


class JobExpired(RequestError):
    """The job existed; its retention is over."""

    code = "job_expired"

    def __init__(self, job_id: str) -> None:
        """Name the id that was asked for."""
        super().__init__(f"Job {job_id!r} is past its retention; its record is gone.")


class ArtifactEvicted(RequestError):
    """The artifact was made, but its bytes are no longer kept."""

    code = "artifact_evicted"


class NotFinished(RequestError):
    """The job has no result yet."""

    code = "not_finished"
    retryable = True


class JobFailed(RequestError):
    """The job ended without a result."""

    code = "job_failed"

    def __init__(self, message: str, failure: BaseModel | None) -> None:
        """Keep the job's ``failure``; ``None`` if it was cancelled."""
        super().__init__(message)
        self.failure = failure


class JobError(FarmError):
    """The job ran and failed. Recorded on the job, never an error of the API."""

    code = "job_error"


class TargetError(JobError):
    """The page or the media is at fault: another attempt would end the same way."""

    code = "target_error"


class DnsError(TargetError):
    """The host's name does not resolve."""

    code = "dns_error"


class ConnectionFailed(TargetError):
    """The host was found, but no HTTP answer came from it."""

    code = "connection_failed"


class TlsError(TargetError):
    """The host's certificate is not one that we accept."""

    code = "tls_error"


class HttpError(TargetError):
    """The server answered with an error status where only the file itself will do."""

    code = "http_error"


class TooManyRedirects(TargetError):
    """The server redirects without end."""

    code = "too_many_redirects"


class EmptyResponse(TargetError):
    """The server answered without a page (204, 205, nothing at all)."""

    code = "empty_response"


class UnsupportedContent(TargetError):
    """The address is a download or of a type that the browser does not render."""

    code = "unsupported_content"


class PageUnresponsive(TargetError):
    """The page's own script keeps the renderer busy."""

    code = "page_unresponsive"


class PageCrashed(TargetError):
    """The page made its renderer crash."""

    code = "page_crashed"


class CaptureFailed(TargetError):
    """The browser could not make a picture of this page."""

    code = "capture_failed"


class MediaInvalid(TargetError):
    """The file is not media, or is damaged beyond reading."""

    code = "media_invalid"


class MediaUnsupported(TargetError):
    """The file is media of a format that the farm does not open."""

    code = "media_unsupported"


class MediaPlaylistForbidden(TargetError):
    """The file is a playlist, which would make the prober open other addresses."""

    code = "media_playlist_forbidden"


class LimitError(JobError):
    """Over a stated limit: another attempt would end the same way."""

    code = "limit_error"


class JobTimedOut(LimitError):
    """The job's timeout passed; the message names the step it was in."""

    code = "timeout"

    def __init__(self, step: str, timeout_s: float) -> None:
        """Name the ``step`` that was under way and the whole job's ``timeout_s``."""
        super().__init__(f"The timeout of {timeout_s:g} s passed during the step {step!r}.")
        self.step = step


class PageTooLarge(LimitError):
    """The page is larger than a picture of this type may be."""

    code = "page_too_large"


class OutputTooLarge(LimitError):
    """What the job made is larger than an artifact may be."""

    code = "output_too_large"


class WorkerError(JobError):
    """The farm is at fault: the job is tried again while it has attempts left."""

    code = "worker_error"
    retryable = True


class BrowserCrashed(WorkerError):
    """The browser went away under the job."""

    code = "browser_crashed"


class WorkerLost(WorkerError):
    """The worker that ran the job vanished."""

    code = "worker_lost"


class InternalError(WorkerError):
    """Something the farm did not foresee; the log has the traceback."""

    code = "internal_error"


class BackendUnavailable(FarmError):
    """Redis or the broker is away; the same request may work in a moment."""

    code = "backend_unavailable"
    retryable = True


class IllegalMove(FarmError):
    """A move that the table in ``farm.jobs.states`` does not have."""

    code = "illegal_move"


class ConfigError(FarmError):
    """The environment is wrong; the message lists each mistake."""

    code = "config_error"


E = TypeVar("E", bound=FarmError)


def leaves(root: type[E]) -> Iterator[type[E]]:
    """Yield the errors below ``root`` that are really raised: those without errors below them."""
    children = root.__subclasses__()
    if not children:
        yield root
    for child in children:
        yield from leaves(child)
