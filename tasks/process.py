"""The only place that starts a subprocess: one that has an end, or one that lives with ours."""

import os
import selectors
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from farm.jobs.errors import OutputTooLarge
from tasks.deadline import Deadline

_READ_BYTES = 64 * 1024
_LOOK_EVERY_S = 0.2
"""How often a quiet process is asked whether its deadline has been cut."""
_STDERR_MAX_BYTES = 64 * 1024
_ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8"}
"""All that a tool of ours sees of the environment: no secret can leak through it."""
_CODE = Path(__file__).parent.parent


@dataclass(frozen=True)
class Limits:
    """What the kernel lets the process have (``prlimit(1)``)."""

    memory_bytes: int = 1024**3
    cpu_s: int = 60
    open_files: int = 64
    file_bytes: int = 0
    """How large a file it may write."""


@dataclass(frozen=True)
class Finished:
    """How the process ended, and what it said."""

    exit_code: int
    stdout: bytes
    stderr: str
    """Cut at 64 KiB. May name paths and addresses: for the log, not for a caller."""


def run(
    argv: Sequence[str],
    *,
    deadline: Deadline,
    cwd: Path,
    stdout_max_bytes: int,
    limits: Limits | None = None,
    linker: Sequence[str] = (),
) -> Finished:
    """Run ``argv`` to its end and return what it said.

    It gets an environment of its own, no input, and a session of its own that is
    killed whole before this returns, whatever happens. It also dies with this process.

    ``linker`` is a command that starts the program whose path and arguments follow it.

    Raises:
        JobTimedOut: The deadline passed; it names the program.
        FileNotFoundError: There is no such program on this process's PATH.
        OutputTooLarge: It wrote more than ``stdout_max_bytes``.
    """
    program = shutil.which(argv[0])
    if program is None:
        raise FileNotFoundError(argv[0])
    command = [*_confinement(limits or Limits()), *linker, program, *argv[1:]]
    with subprocess.Popen(  # noqa: S603 - the argument list is ours
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_ENVIRONMENT,
        cwd=cwd,
        start_new_session=True,
    ) as process:
        try:
            stdout, stderr = _read(process, argv[0], deadline, stdout_max_bytes)
            exit_code = _wait(process, argv[0], deadline)
        finally:
            _kill_session(process)
    return Finished(exit_code, stdout, stderr.decode(errors="replace"))


def start(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a process of the farm's own, which the caller has to end and to wait for.

    It gets an environment of its own, no input and a session of its own, logs where this
    process does, and finds our code. When the *thread* that started it ends, in whatever
    way, the kernel tells it to end (SIGTERM).

    Raises:
        OSError: There is no room for it.
    """
    tied = ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []
    return subprocess.Popen(  # noqa: S603 - the argument list is ours
        [*tied, *argv],
        stdin=subprocess.DEVNULL,
        # The name of the folder says whose the process is.
        env={**_ENVIRONMENT, "TMPDIR": tempfile.gettempdir()},
        cwd=_CODE,
        start_new_session=True,
    )


def _confinement(limits: Limits) -> list[str]:
    """Return the command prefix that sets limits and ties the process to ours.

    Both programs are of util-linux, which every Linux system has; elsewhere the
    process runs without, which is fit for development only.
    """
    if not (shutil.which("setpriv") and shutil.which("prlimit")):
        return []
    return [
        *("setpriv", "--pdeathsig", "KILL", "--"),
        "prlimit",
        f"--as={limits.memory_bytes}",
        f"--cpu={limits.cpu_s}",
        f"--nofile={limits.open_files}",
        f"--fsize={limits.file_bytes}",
        "--core=0",
        "--",
    ]


def _read(
    process: subprocess.Popen[bytes], program: str, deadline: Deadline, stdout_max_bytes: int
) -> tuple[bytes, bytes]:
    stdout, stderr = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        for pipe, into in ((process.stdout, stdout), (process.stderr, stderr)):
            if pipe is not None:
                selector.register(pipe, selectors.EVENT_READ, into)
        while selector.get_map():
            if deadline.left_s == 0:
                raise deadline.passed(program)
            for key, _ in selector.select(min(deadline.left_s, _LOOK_EVERY_S)):
                chunk = os.read(key.fd, _READ_BYTES)
                if not chunk:
                    selector.unregister(key.fileobj)
                key.data.extend(chunk)
            if len(stdout) > stdout_max_bytes:
                raise OutputTooLarge(f"{program} wrote more than {stdout_max_bytes} bytes.")
            del stderr[_STDERR_MAX_BYTES:]
    return bytes(stdout), bytes(stderr)


def _wait(process: subprocess.Popen[bytes], program: str, deadline: Deadline) -> int:
    while True:
        try:
            return process.wait(min(deadline.left_s, _LOOK_EVERY_S))
        except subprocess.TimeoutExpired:
            if deadline.left_s == 0:
                raise deadline.passed(program) from None


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    # The session's id is the first process's; others of it may outlive that one.
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
