"""How large the images are: ``python -m tests.bench.images``, once they are built."""

import subprocess
from pathlib import Path

from dev.stack import ROOT
from tests.support.chaos_table import put

BASE = "python:3.11-slim-bookworm"
HOLDS = {
    "renderfarm-api": "API, the command",
    "renderfarm-flower": "Flower",
    "renderfarm-gate": "the gate",
    "renderfarm-worker": "browser, ffmpeg, fonts, EasyList, the command",
}
PAGE = ROOT / "docs" / "operations.md"
_MB = 1_000_000


def size_mb(image: str) -> int:
    """Return what ``image`` takes unpacked, the layers that it shares with others included."""
    command = ["docker", "image", "inspect", "--format", "{{.Size}}", image]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return round(int(done.stdout) / _MB)


def table() -> str:
    """Return the size of each image, in all and without its base."""
    base = size_mb(BASE)
    rows = [
        f"| `{name}` | {holds} | {(size := size_mb(f'{name}:local'))} MB | {size - base} MB |\n"
        for name, holds in HOLDS.items()
    ]
    return "".join(["| image | holds | in all | above its base |\n|---|---|---|---|\n", *rows])


def main(page: Path = PAGE) -> None:
    """Write the table into the docs."""
    put(page, "images", table())


if __name__ == "__main__":
    main()
