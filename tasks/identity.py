"""Who a process is, so that no other one is ever taken for it."""

import os
import socket
from pathlib import Path

_STARTED_AT = 19
"""Of the fields behind the name in ``/proc/PID/stat``; see proc_pid_stat(5)."""


def started_at(pid: int) -> int | None:
    """Return when the process started, or ``None`` if there is none.

    In hundredths of a second since the machine did: unlike a time of day that never
    jumps, so the same process has the same always.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[_STARTED_AT])


def identity() -> str:
    """Return this process's name, which none has after it, though a container's pids repeat."""
    return f"{socket.gethostname()}.{os.getpid()}.{started_at(os.getpid())}"
