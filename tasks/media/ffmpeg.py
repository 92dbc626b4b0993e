"""Running ffprobe and ffmpeg on a stranger's file."""

import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

import structlog

from farm.jobs.errors import InternalError
from tasks.deadline import Deadline
from tasks.media.failures import translate
from tasks.media.linking import linker_for
from tasks.process import Limits, run

_NOT_OF_THE_FILE = frozenset({-signal.SIGKILL, -signal.SIGTERM, 126, 127})
"""Exit codes that say nothing of the file: killed from outside, or not startable."""

_log = structlog.get_logger(__name__)


def run_tool(
    argv: Sequence[str],
    source: Sequence[str],
    *,
    cwd: Path,
    deadline: Deadline,
    stdout_max_bytes: int,
    limits: Limits,
) -> bytes:
    """Run ``argv``, which has ``source`` in it, and return what it wrote to stdout.

    Raises:
        TargetError: The file cannot be had, or is no media; which error says why.
        JobTimedOut: The deadline passed.
        OutputTooLarge: It wrote more than ``stdout_max_bytes``.
        InternalError: The tool does not run here. The job is tried again.
    """
    program = argv[0]
    finished = run(
        argv,
        deadline=deadline,
        cwd=cwd,
        stdout_max_bytes=stdout_max_bytes,
        limits=limits,
        linker=linker_for(shutil.which(program) or program),
    )
    if finished.exit_code == 0:
        return finished.stdout
    _log.info(f"{program}_failed", exit_code=finished.exit_code, stderr=finished.stderr)
    if finished.exit_code == -signal.SIGXCPU:
        raise deadline.passed(program)
    if finished.exit_code in _NOT_OF_THE_FILE:
        raise InternalError(f"{program} could not run to its end.")
    # Without the source: a URL may hold any of the words that are looked for.
    raise translate(finished.stderr.replace(source[-1], ""))
