"""Every error of the client, as one branch of the farm's tree.

::

    FarmError                      farm.jobs.errors; code, retryable
    └── ClientError
        ├── Misconfigured          the farm's address or the key cannot be used; nothing was sent
        ├── FarmUnreachable        no whole answer came
        ├── ApiError               the farm answered with a problem (RFC 9457)
        │   ├── RequestInvalid     400, 404, 409, 410, 422, ...: this request will never do
        │   ├── RequestRefused     401, 403, 429: the key, or a limit
        │   └── FarmUnavailable    5xx: the farm is not able to
        ├── UnreadableAnswer       what answered does not speak as a farm does
        ├── DamagedArtifact        the bytes are not those that the job made
        ├── NotSaved               the disk or the folder does not take it (an OSError too)
        ├── JobNotSucceeded        the job ended without a result
        └── WaitTimedOut           the job goes on; the caller's patience is over

Exit codes live in ``farm.client.exit_codes`` alone.
"""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from farm.jobs.errors import FarmError, FieldError
from farm.jobs.views import JobView


class ClientError(FarmError):
    """Root of what a call of the client raises. ``str(error)`` is a sentence for the caller."""

    code = "client_error"

    def __init__(
        self, message: str, *, code: str | None = None, retryable: bool | None = None
    ) -> None:
        """Keep ``message``; ``None`` leaves code and retryable as the class has them."""
        super().__init__(message)
        # The farm's own word for what happened outranks the class's.
        if code is not None:
            self.code = code  # type: ignore[misc]
        if retryable is not None:
            self.retryable = retryable  # type: ignore[misc]


class Misconfigured(ClientError):
    """The farm's address, the key or an idempotency key is not one that can be used."""

    code = "misconfigured"


class FarmUnreachable(ClientError):
    """No whole answer came: refused, timed out, or broken off."""

    code = "farm_unreachable"
    retryable = True


class Problem(BaseModel):
    """The body of an error answer, as far as a caller needs it (RFC 9457)."""

    code: str
    title: str = ""
    detail: str | None = None
    errors: tuple[FieldError, ...] = ()
    retryable: bool = False
    trace_id: str | None = None


class ApiError(ClientError):
    """The farm answered with a problem; ``code`` and ``retryable`` are the farm's."""

    code = "api_error"

    def __init__(self, status: int, problem: Problem, retry_after_s: float | None = None) -> None:
        """Keep what was answered.

        Args:
            status: The HTTP status.
            problem: The answer's body.
            retry_after_s: Seconds after which the farm asks to be tried again;
                ``None`` if it does not say.
        """
        detail = problem.detail or problem.title or f"The farm answered with the status {status}."
        super().__init__(detail, code=problem.code, retryable=problem.retryable)
        self.status = status
        self.detail = detail
        self.errors: Sequence[FieldError] = problem.errors
        self.trace_id = problem.trace_id
        self.retry_after_s = retry_after_s


class RequestInvalid(ApiError):
    """This request will never do: bad spec, unknown or expired id, too large (other 4xx)."""

    code = "request_invalid"


class RequestRefused(ApiError):
    """The key does not open this door, or a limit is reached (401, 403, 429)."""

    code = "request_refused"


class FarmUnavailable(ApiError):
    """The farm, or a proxy before it, is not able to answer now (5xx)."""

    code = "farm_unavailable"
    retryable = True


class UnreadableAnswer(ClientError):
    """What answered does not speak as a farm does."""

    code = "unreadable_answer"


class DamagedArtifact(ClientError):
    """The bytes that came are not those that the job made; nothing was kept."""

    code = "damaged_artifact"
    retryable = True


class NotSaved(ClientError, OSError):
    """A file cannot be written: full, read-only, no such folder. Nothing half-written is left."""

    code = "not_saved"

    def __init__(self, path: Path, error: OSError) -> None:
        """Say what stands in the way of ``path``; ``errno`` is that of ``error``."""
        super().__init__(f"{str(path)!r} cannot be written: {error.strerror or error}.")
        self.errno = error.errno
        self.path = path


class JobNotSucceeded(ClientError):
    """The job failed or was cancelled; ``code`` is its failure's, ``job`` is all of it."""

    code = "job_not_succeeded"

    def __init__(self, job: JobView) -> None:
        """Take code and message from ``job``, which must have ended."""
        self.job = job
        if job.failure is None:
            super().__init__(f"{job.state}: The job was {job.state}.", code=job.state.value)
            return
        super().__init__(
            f"{job.failure.code}: {job.failure.message}",
            code=job.failure.code,
            retryable=job.failure.retryable,
        )


class WaitTimedOut(ClientError, TimeoutError):
    """The job has not ended in the time that the caller gave; it goes on. ``job`` is its latest."""

    code = "wait_timed_out"
    retryable = True

    def __init__(self, job: JobView, timeout_s: float) -> None:
        """Name the job's state and the time it was given."""
        super().__init__(f"Job {job.id!r} is still {job.state} after {timeout_s:g} s.")
        self.job = job
