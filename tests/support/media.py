"""Real media files, made with ffmpeg."""

import subprocess
from pathlib import Path

from tests.support.neighbours import need


def make_mp4(path: Path, *, seconds: float = 1) -> Path:
    """Write H.264 and AAC with a chapter; return ``path``."""
    chapters = path.with_suffix(".txt")
    chapters.write_text(
        ";FFMETADATA1\ntitle=A test\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=First\n"
    )
    subprocess.run(
        [
            *(need("ffmpeg"), "-v", "error", "-nostdin", "-y"),
            *("-f", "lavfi", "-i", "testsrc=size=320x240:rate=30000/1001"),
            *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"),
            *("-i", str(chapters), "-map_metadata", "2", "-t", str(seconds)),
            *("-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", str(path)),
        ],
        check=True,
    )
    return path
