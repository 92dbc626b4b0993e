"""Which scripts this machine has no font for."""

import re
import shutil
import tempfile
from pathlib import Path

from farm.jobs.errors import FarmError
from tasks.deadline import Deadline
from tasks.process import run

SCRIPTS = {"ja": "CJK", "ar": "Arabic", "hi": "Devanagari", "th": "Thai", "und-zsye": "emoji"}
"""Language codes of fontconfig, by the scripts that pages often need."""
_TIMEOUT_S = 20.0
_OUTPUT_MAX_BYTES = 1024 * 1024


def scripts_without_font() -> list[str] | None:
    """Return the scripts whose text would render as boxes; ``None`` if that is not known."""
    if shutil.which("fc-list") is None:
        return None
    try:
        finished = run(
            ["fc-list", ":", "lang"],
            deadline=Deadline(_TIMEOUT_S),
            cwd=Path(tempfile.gettempdir()),
            stdout_max_bytes=_OUTPUT_MAX_BYTES,
        )
    except FarmError:
        return None
    # A line for each font: ":lang=aa|ab|…".
    known = set(re.split(rb"[:=|\s]+", finished.stdout))
    return [name for code, name in SCRIPTS.items() if code.encode() not in known]
