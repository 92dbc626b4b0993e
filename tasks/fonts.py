"""Which scripts this machine has no font for."""

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
        return [name for code, name in SCRIPTS.items() if not _fonts_for(code)]
    except FarmError:
        return None


def _fonts_for(code: str) -> bytes:
    finished = run(
        ["fc-list", f":lang={code}"],
        deadline=Deadline(_TIMEOUT_S),
        cwd=Path(tempfile.gettempdir()),
        stdout_max_bytes=_OUTPUT_MAX_BYTES,
    )
    return finished.stdout
