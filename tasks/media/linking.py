"""Starting FFmpeg's programs sooner, by having their dynamic linker look in the right places.

As distributions build them, they are linked with some 200 libraries. For each of 42,000
names the linker goes through these in their order until one has it, and so takes most of
the time that a small file takes. Told to put a few libraries first (``--preload``, see
ld.so(8)), it has half of that work.
"""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from farm.jobs.errors import JobError
from tasks.deadline import Deadline
from tasks.process import run

_FIRST = (
    *("libm", "libc", "libstdc++", "libcrypto", "libepoxy", "libblas", "liblapack"),
    *("libglib-2.0", "libgio-2.0", "libnettle", "libmbedcrypto", "libunistring"),
)
"""Libraries that have most of the names, though most of them come late in the programs' order.

Two that have a name in common stand in that order still, so that each name is found where it
always was: ``tests/integration/test_media_linking.py`` sees to it."""

_LIBRARY = re.compile(r"=> (/\S+/(lib[^/\s]+?)\.so\S*) \(")
_LINKER = re.compile(r"^\s*(/\S*/ld-linux\S*) \(", re.MULTILINE)
_PATIENCE_S = 5.0
"""Less than a job may take beyond its deadline; on a quiet machine it is a tenth of a second."""
_OUTPUT_MAX_BYTES = 256 * 1024


@cache
def linker_for(program: str) -> Sequence[str]:
    """Return the command that starts ``program`` if its path and arguments follow.

    It is empty where nothing can be had: with a linker that is not glibc's, or a program that
    is linked statically. Looked up once in the life of a process.
    """
    listed = _said("ldd", program)
    linker = _LINKER.search(listed)
    paths = {name: path for path, name in _LIBRARY.findall(listed)}
    first = [paths[name] for name in _FIRST if name in paths]
    if not linker or not first:
        return ()
    command = (linker[1], "--preload", " ".join(first))
    return command if _said(*command, program, "-version") else ()


def _said(*argv: str) -> str:
    """Return what the command wrote, and nothing if it failed or is not there."""
    try:
        finished = run(
            argv,
            deadline=Deadline(_PATIENCE_S),
            cwd=Path("/"),
            stdout_max_bytes=_OUTPUT_MAX_BYTES,
        )
    except (OSError, JobError):
        return ""
    return finished.stdout.decode(errors="replace") if finished.exit_code == 0 else ""
