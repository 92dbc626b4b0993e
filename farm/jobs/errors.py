"""Every error of the farm, as one tree.

::

    FarmError                        code, retryable
    ├── RequestError                 refused at the door; nothing ran, nothing was stored
    │   ├── InvalidJson  InvalidSpec  UnsupportedMediaType  PayloadTooLarge
    │   ├── NoSuchPage  MethodNotAllowed  UnreadableRequest
    │   ├── UnknownJob  UnknownBatch  UnknownArtifact  UnknownUpload
    │   ├── JobExpired  BatchExpired  ArtifactEvicted
    │   ├── NotFinished  JobFailed  NothingToRetry  SecretsNeeded  NothingToDeliver
    │   ├── BatchOver  IdempotencyConflict
    │   ├── KeyRefused  ScopeRequired  ForbiddenHost  ForbiddenOrigin  InvalidLink
    │   ├── UnknownKey  WouldLockOut
    │   └── QueueFull  RateLimited  TooManyDownloads
    ├── JobError                     it ran and failed; recorded on the job
    │   ├── TargetError              the page or the media is at fault; not retried
    │   │   ├── TargetForbidden  DnsError  ConnectionFailed  TlsError  HttpError
    │   │   ├── TooManyRedirects
    │   │   ├── EmptyResponse  UnsupportedContent  PageUnresponsive  PageCrashed  CaptureFailed
    │   │   ├── SelectorNotFound  ScriptFailed  ConsoleError  ResourceFailed
    │   │   └── MediaInvalid  MediaUnsupported  MediaPlaylistForbidden  MediaTooLarge
    │   ├── LimitError               over a stated limit; not retried
    │   │   └── JobTimedOut  QueueTimedOut  PageTooLarge  ResponseTooLarge
    │   │       OutputTooLarge  OptionUnavailable
    │   └── WorkerError              the farm is at fault; tried again while attempts are left
    │       └── BrowserCrashed  WorkerLost  InternalError
    ├── BackendUnavailable           Redis or the broker is away
    ├── IllegalMove                  a bug if it ever reaches a user
    └── ConfigError                  at start-up only; names the variable and the valid values

``code`` is part of the HTTP contract and never changes. HTTP statuses live in
``api.problems`` alone, exit codes in ``farm.client.exit_codes`` alone.

The docstring of an error is for callers: the first line is its cause, the second
paragraph what to do about it. The documentation shows both.
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
    """The body is not one JSON document we accept (RFC 8259, no duplicate names).

    Send one JSON document in UTF-8; the message says what is wrong, and where it can.
    """

    code = "invalid_json"


class InvalidSpec(RequestError):
    """The body is JSON, but not a spec; the answer names each field at fault.

    Change the fields that ``errors`` names.
    """

    code = "invalid_spec"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        """Build the message from ``errors``, which must not be empty."""
        first = errors[0]
        super().__init__(f"{first.field}: {first.message}" if first.field else first.message)
        self.errors = tuple(errors)


class UnsupportedMediaType(RequestError):
    """The body has a Content-Type that this address does not take.

    Send a spec as ``application/json``.
    """

    code = "unsupported_media_type"


class PayloadTooLarge(RequestError):
    """The body is larger than this address takes.

    Give the address of the page or of the file instead of its bytes.
    """

    code = "payload_too_large"


class NoSuchPage(RequestError):
    """The address names nothing in the API.

    Compare the address with those of ``/docs``; it has no slash at its end.
    """

    code = "not_found"


class MethodNotAllowed(RequestError):
    """The address exists, but not with this method.

    Use one of the methods that the header ``Allow`` names.
    """

    code = "method_not_allowed"


class UnreadableRequest(RequestError):
    """The request is malformed below the level of JSON.

    Send the request as HTTP has it; a form needs its boundary.
    """

    code = "bad_request"


class UnknownJob(RequestError):
    """No job has this id, and none had it within the time that ids are remembered.

    Check the id, or submit the job again.
    """

    code = "unknown_job"

    def __init__(self, job_id: str) -> None:
        """Name the id that was asked for."""
        super().__init__(f"There is no job {job_id!r}.")


class UnknownBatch(RequestError):
    """No batch has this id, or it is no longer kept.

    Check the id, or submit the batch again.
    """

    code = "unknown_batch"

    def __init__(self, batch_id: str) -> None:
        """Name the id that was asked for."""
        super().__init__(f"There is no batch {batch_id!r}; it may have expired.")


class BatchExpired(RequestError):
    """The batch that the ``Idempotency-Key`` stands for is no longer kept.

    Submit it again with a new key.
    """

    code = "batch_expired"

    def __init__(self, batch_id: str) -> None:
        """Name the id that it had."""
        super().__init__(f"Batch {batch_id!r} is no longer kept: its time is over.")


class BatchOver(RequestError):
    """The batch has ended: nothing is left to pause, to resume or to cancel.

    Have what failed queued again, or submit a new batch.
    """

    code = "batch_over"


class UnknownArtifact(RequestError):
    """The job exists and is done, but made no artifact of this name.

    Take one of the names in the job's ``artifacts``.
    """

    code = "unknown_artifact"


class UnknownUpload(RequestError):
    """No upload has this id, or it has expired.

    Upload the file again.
    """

    code = "unknown_upload"

    def __init__(self, upload_id: str) -> None:
        """Name the id that was asked for."""
        super().__init__(f"There is no upload {upload_id!r}; it may have expired.")


class JobExpired(RequestError):
    """The job existed; its retention is over.

    Submit it again, with a longer ``retention`` if you need it for longer.
    """

    code = "job_expired"

    def __init__(self, job_id: str, owner: str = "") -> None:
        """Name the id that was asked for, and keep whose job it was."""
        super().__init__(f"Job {job_id!r} is no longer kept: its time is over.")
        self.owner = owner


class ArtifactEvicted(RequestError):
    """The artifact was made, but its bytes are no longer kept.

    Submit the job again.
    """

    code = "artifact_evicted"

    def __init__(self, name: str) -> None:
        """Name the artifact."""
        super().__init__(f"The bytes of {name!r} are no longer kept.")


class NotFinished(RequestError):
    """The job has no result yet, or a batch nothing to tell its receiver.

    Read the job with ``?wait=``, then ask again.
    """

    code = "not_finished"
    retryable = True


class JobFailed(RequestError):
    """The job ended without a result.

    See ``failure``, whose code has a line of its own; null means that it was cancelled.
    """

    code = "job_failed"

    def __init__(self, message: str, failure: BaseModel | None) -> None:
        """Keep the job's ``failure``; ``None`` if it was cancelled."""
        super().__init__(message)
        self.failure = failure


class NothingToRetry(RequestError):
    """Only a failed or a cancelled job can be queued again.

    Wait for the job, or submit a new one.
    """

    code = "nothing_to_retry"


class SecretsNeeded(RequestError):
    """The job was submitted with secrets, which the farm dropped when it ended.

    Send those that ``errors`` names with the request, as the job was submitted with them.
    """

    code = "secrets_needed"

    def __init__(self, fields: Sequence[str]) -> None:
        """Name the ``fields`` of the spec that held them; there must be one."""
        super().__init__(f"To queue this job again takes {' and '.join(fields)} anew.")
        message = "was dropped when the job ended; send it anew"
        self.errors = tuple(FieldError(field=field, message=message) for field in fields)


class IdempotencyConflict(RequestError):
    """The ``Idempotency-Key`` came with another request within the last day.

    Take a new key for a new request, and send the old one only with the very same request.
    """

    code = "idempotency_conflict"


class NothingToDeliver(RequestError):
    """The job has no webhook, or the batch none.

    Submit it with a ``webhook_url``.
    """

    code = "nothing_to_deliver"


class QueueFull(RequestError):
    """The farm holds as many waiting jobs as it may; nothing was stored.

    Send the same request again after the seconds that ``Retry-After`` names.
    """

    code = "queue_full"
    retryable = True

    def __init__(self, message: str, retry_after_s: int) -> None:
        """Say that there should be room again after ``retry_after_s`` seconds."""
        super().__init__(message)
        self.retry_after_s = retry_after_s


class KeyRefused(RequestError):
    """No key came along, or not one that is good.

    Send ``Authorization: Bearer`` and a key of this farm; whoever runs it makes one with
    ``farm keys create``.
    """

    code = "unauthenticated"


class ScopeRequired(RequestError):
    """The key is good, but was not given what this takes; the message names the scope.

    Have a key made that has the scope, or leave out the field that ``errors`` names.
    """

    code = "scope_required"

    def __init__(self, scope: str, field: str | None = None) -> None:
        """Name the ``scope`` and, if it is one of a spec, the ``field`` that takes it."""
        what = f"The field {field!r}" if field else "This"
        super().__init__(f"{what} takes a key with the scope {scope!r}.")
        message = f"takes the scope {scope}"
        self.errors = (FieldError(field=field, message=message),) if field else ()


class ForbiddenHost(RequestError):
    """The farm has no keys, so it answers on this machine's own names alone.

    Call it as ``127.0.0.1`` or ``localhost``, or have a key made.
    """

    code = "forbidden_host"


class ForbiddenOrigin(RequestError):
    """The farm has no keys, so it does not answer what a web page of elsewhere makes a browser ask.

    Call it from a program, or have a key made.
    """

    code = "forbidden_origin"


class InvalidLink(RequestError):
    """The link is not one that this farm has made, or its time is over.

    Have a new link made.
    """

    code = "invalid_link"


class UnknownKey(RequestError):
    """No key has this id.

    Take an id of ``farm keys list``.
    """

    code = "unknown_key"

    def __init__(self, key_id: str) -> None:
        """Name the id that was asked for."""
        super().__init__(f"There is no key {key_id!r}.")


class WouldLockOut(RequestError):
    """No other key could make keys for good, so nobody could make one any more.

    Make another key with the scope ``keys`` that does not expire, then revoke this one with it.
    """

    code = "would_lock_out"


class RateLimited(RequestError):
    """More requests came within a minute than may.

    Send the same request again after the seconds that ``Retry-After`` names.
    """

    code = "rate_limited"
    retryable = True

    def __init__(self, message: str, retry_after_s: int) -> None:
        """Say that requests are taken again after ``retry_after_s`` seconds."""
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TooManyDownloads(RequestError):
    """As many long answers are being read as one process of the API serves at once.

    Send the same request again after the seconds that ``Retry-After`` names.
    """

    code = "too_many_downloads"
    retryable = True
    retry_after_s = 10


class JobError(FarmError):
    """The job ran and failed. Recorded on the job, never an error of the API."""

    code = "job_error"


class TargetError(JobError):
    """The page or the media is at fault: another attempt would end the same way."""

    code = "target_error"


class TargetForbidden(TargetError):
    """The farm opens no such address: it is within a network, or closed by the operator.

    If the farm is to reach it, the operator has to open it with ``FARM_EGRESS_ALLOW``, and
    your key must have the zone ``internal``.
    """

    code = "target_forbidden"


class DnsError(TargetError):
    """The host's name does not resolve.

    Check the host name in ``url``, and that the name servers of the workers know it.
    """

    code = "dns_error"


class ConnectionFailed(TargetError):
    """The host was found, but no HTTP answer came from it.

    Check host and port, and that the workers may connect to them.
    """

    code = "connection_failed"


class TlsError(TargetError):
    """The host's certificate is not one that we accept.

    Have the certificate mended, or take it as it is with ``ignore_https_errors``.
    """

    code = "tls_error"


class HttpError(TargetError):
    """The server answered with an error status: for a media file, or one that the spec names.

    Check the address and the credentials, or take the status out of ``fail_on_status``.
    """

    code = "http_error"


class TooManyRedirects(TargetError):
    """The server redirects without end.

    Check the address; a page that wants a cookie or credentials first needs them in the spec.
    """

    code = "too_many_redirects"


class EmptyResponse(TargetError):
    """The server answered without a page (204, 205; for a full Chromium also an empty error).

    Give the address of a page; this one has nothing to show.
    """

    code = "empty_response"


class UnsupportedContent(TargetError):
    """The address is a download or of a type that the browser does not render.

    Give the address of a page; download the file itself without a browser.
    """

    code = "unsupported_content"


class PageUnresponsive(TargetError):
    """The page's own script keeps the renderer busy.

    Give the page more ``timeout``, or load it without its scripts: ``java_script_enabled:
    false``.
    """

    code = "page_unresponsive"


class PageCrashed(TargetError):
    """The page made its renderer crash.

    Make the page lighter: a smaller ``viewport``, ``block_resources``, fewer scripts.
    """

    code = "page_crashed"


class CaptureFailed(TargetError):
    """The browser could not make a picture or document of this page.

    Follow the message; where it names nothing, take a smaller part of the page.
    """

    code = "capture_failed"


class SelectorNotFound(TargetError):
    """The page has no element that a selector of the spec means.

    Check the selector, or wait for the element with ``wait_for_selector``.
    """

    code = "selector_not_found"


class ScriptFailed(TargetError):
    """A script of the spec, or its condition to wait for, threw an error in the page.

    Mend the script that the message names, or wait for what it needs with
    ``wait_for_selector``.
    """

    code = "script_failed"


class ConsoleError(TargetError):
    """The page logged an error, which the spec calls a failure.

    Mend the page, or leave out ``fail_on_console_error``.
    """

    code = "console_error"


class ResourceFailed(TargetError):
    """Something that the page loads could not be had, which the spec calls a failure.

    Mend the page, block the address with ``block_urls``, or leave out
    ``fail_on_resource_failure``.
    """

    code = "resource_failed"


class MediaInvalid(TargetError):
    """The file is not media, or is damaged beyond reading.

    Check that the address leads to the file itself, and that the file is whole.
    """

    code = "media_invalid"


class MediaUnsupported(TargetError):
    """The file is media of a format that the farm does not open.

    Convert the file to a common format such as MP4, WebM or MP3.
    """

    code = "media_unsupported"


class MediaPlaylistForbidden(TargetError):
    """The file is a playlist, which would make the prober open other addresses.

    Give the address of one of the files that the playlist names.
    """

    code = "media_playlist_forbidden"


class MediaTooLarge(TargetError):
    """The file wants more memory than it may have, as a picture of enormous size does.

    Give a smaller file; what needs that much is hardly ever meant to be opened.
    """

    code = "media_too_large"


class LimitError(JobError):
    """Over a stated limit: another attempt would end the same way."""

    code = "limit_error"


class JobTimedOut(LimitError):
    """The job's timeout passed; the message names the step it was in.

    Raise ``timeout``, wait for less, or take what is there with ``best_effort``.
    """

    code = "timeout"

    def __init__(self, step: str, timeout_s: float, waiting_for: str | None = None) -> None:
        """Name the ``step`` that was under way, its ``timeout_s``, and what it waited for."""
        awaited = f", waiting for {waiting_for}" if waiting_for else ""
        super().__init__(
            f"The timeout of {timeout_s:g} s passed during the step {step!r}{awaited}."
        )
        self.step = step
        self.waiting_for = waiting_for


class QueueTimedOut(LimitError):
    """No worker was free before the job's ``expires_in`` had passed.

    Give it more time, a higher priority, or the farm more workers.
    """

    code = "queue_timeout"


class OptionUnavailable(LimitError):
    """The farm lacks what an option of the spec needs, as a list of advertisers.

    Leave the option out, or have the worker given what the message names.
    """

    code = "option_unavailable"


class PageTooLarge(LimitError):
    """The page is larger than a picture of this type may be.

    Take a smaller part, ``scale: css``, or the type png or jpeg instead of webp.
    """

    code = "page_too_large"


class ResponseTooLarge(LimitError):
    """What the page loads is larger than one page may load.

    Leave out what is large with ``block_resources`` or ``block_urls``.
    """

    code = "response_too_large"


class OutputTooLarge(LimitError):
    """What the job made is larger than an artifact may be.

    Make less: the type jpeg or webp, a lower ``quality``, a smaller part, less in ``collect``.
    """

    code = "output_too_large"


class WorkerError(JobError):
    """The farm is at fault: the job is tried again while it has attempts left."""

    code = "worker_error"
    retryable = True


class BrowserCrashed(WorkerError):
    """The browser went away under the job.

    Submit it again later; if it always happens, the page is too heavy for the workers.
    """

    code = "browser_crashed"


class WorkerLost(WorkerError):
    """The worker that ran the job vanished.

    Submit it again later; if it always happens, the workers lack memory.
    """

    code = "worker_lost"


class InternalError(WorkerError):
    """Something the farm did not foresee; the log has the traceback.

    Report it, with the ``trace_id`` or the id of the job.
    """

    code = "internal_error"


class BackendUnavailable(FarmError):
    """Redis, the broker or the uploads' folder is away; the same request may work in a moment.

    Send it again after the seconds that ``Retry-After`` says.
    """

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
