"""What the gate's refusals mean for a job."""

from farm.jobs.errors import (
    ConnectionFailed,
    DnsError,
    JobError,
    ResponseTooLarge,
    TargetForbidden,
)

MARK = "x-farm-gate"
"""The header that tells an answer of the gate's own from a server's; it has the code."""


def refused(code: str) -> JobError:
    """Return the error for a refusal's ``code``."""
    match code:
        case TargetForbidden.code:
            # The same for all: it must not tell what there is where nobody may look.
            return TargetForbidden("The address leads to where this farm lets nobody go.")
        case DnsError.code:
            return DnsError("The host name does not resolve.")
        case ResponseTooLarge.code:
            return ResponseTooLarge("More was loaded than a job may load.")
        case ConnectionFailed.code:
            return ConnectionFailed("No answer came from the host.")
    return ConnectionFailed("The host did not answer.")
