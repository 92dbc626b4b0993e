"""What the command ``farm`` exits with; the only place where an error becomes a number."""

from collections.abc import Mapping
from enum import IntEnum

from farm.client.errors import (
    ClientError,
    DamagedArtifact,
    FarmUnavailable,
    FarmUnreachable,
    JobNotSucceeded,
    Misconfigured,
    NotSaved,
    RequestInvalid,
    RequestRefused,
    UnreadableAnswer,
    WaitTimedOut,
)


class ExitCode(IntEnum):
    """Part of the command's interface, like its options."""

    OK = 0
    SOME_FAILED = 1
    """The farm did its part; a job did not succeed, or has not ended."""
    BAD_INPUT = 2
    """The request, the options or a file are wrong; click's own code for wrong usage."""
    UNREACHABLE = 3
    """No farm, or none that works, was found at the address. Worth another try later."""
    REFUSED = 4
    """The key does not suffice, or a limit is reached."""
    INTERRUPTED = 130
    """Ctrl-C, as shells count it: 128 and SIGINT."""


EXIT_CODES: Mapping[type[ClientError], ExitCode] = {
    Misconfigured: ExitCode.BAD_INPUT,
    RequestInvalid: ExitCode.BAD_INPUT,
    RequestRefused: ExitCode.REFUSED,
    FarmUnreachable: ExitCode.UNREACHABLE,
    FarmUnavailable: ExitCode.UNREACHABLE,
    UnreadableAnswer: ExitCode.UNREACHABLE,
    DamagedArtifact: ExitCode.UNREACHABLE,
    NotSaved: ExitCode.BAD_INPUT,
    JobNotSucceeded: ExitCode.SOME_FAILED,
    WaitTimedOut: ExitCode.SOME_FAILED,
}
"""One for each class that is raised; the classes between them and the root are never raised."""


def exit_code_of(error: ClientError) -> ExitCode:
    """Return what to exit with because of ``error``."""
    return EXIT_CODES[type(error)]
