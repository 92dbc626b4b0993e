"""Real media files of many sorts, made with ffmpeg once in a run."""

import shlex
import struct
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.media_sorts import (
    CHAPTERS,
    DERIVED,
    FILMS,
    PICTURES,
    SOUNDS,
    SPECIAL,
    SUBTITLES,
    TURNED,
)
from tests.support.neighbours import need


def make_media_files(folder: Path) -> Path:
    """Make a file of each sort in ``folder``, unless they are there; return it."""
    if folder.is_dir():
        return folder
    building = folder.with_name(f"{folder.name}-building")
    building.mkdir()
    (building / "chapters.txt").write_text(CHAPTERS, encoding="utf-8")
    (building / "words.srt").write_text(SUBTITLES)
    with ThreadPoolExecutor(4) as pool:
        for sorts in ({**FILMS, **SOUNDS, **SPECIAL, **PICTURES}, DERIVED):
            list(pool.map(lambda item: make(building, item[0], item[1].arguments), sorts.items()))
    for name, degrees in TURNED.items():
        (building / name).write_bytes(turned((building / "h264-aac.mp4").read_bytes(), degrees))
    return building.rename(folder)


def make(folder: Path, name: str, arguments: str) -> Path:
    """Make the file ``name`` in ``folder`` with ffmpeg; return its path."""
    command = [need("ffmpeg"), "-v", "error", "-nostdin", "-y", *shlex.split(arguments)]
    made = subprocess.run(
        [*command, "-threads", "1", name],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert made.returncode == 0, f"{name}: {made.stderr}"
    return folder / name


def turned(mp4: bytes, degrees: int) -> bytes:
    """Return ``mp4`` with its first track turned clockwise.

    By the matrix in the track's header (ISO 14496-12, 8.3.2); FFmpeg's option changed its name.
    """
    one, minus = 0x10000, 0x100000000 - 0x10000
    turn = {90: (0, one, minus, 0), 180: (minus, 0, 0, minus), 270: (0, minus, one, 0)}[degrees]
    identity, other = (
        struct.pack(">9I", a, b, 0, c, d, 0, 0, 0, 0x40000000)
        for a, b, c, d in ((one, 0, 0, one), turn)
    )
    before, tag, after = mp4.partition(b"tkhd")
    return before + tag + after.replace(identity, other, 1)
