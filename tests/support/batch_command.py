"""The command ``farm batch`` as a process of its own, on pages that can be told apart."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.chaos_works import Work
from tests.support.waiting import until

_MAIN = """
import signal
from farm.client.cli import main

signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""
"""A script in the background hands on that Ctrl-C is to be ignored; not to this one."""
_HELD_S = 600


@dataclass(frozen=True)
class Command:
    """One list, and the folder of its results."""

    farm_url: str
    folder: Path
    works: Sequence[Work]

    @classmethod
    def of(cls, farm_url: str, folder: Path, works: Sequence[Work]) -> "Command":
        """Write the list of ``works`` down below ``folder``."""
        (folder / "urls.txt").write_text("".join(f"{work.spec['url']}\n" for work in works))
        return cls(farm_url, folder, works)

    @property
    def shots(self) -> Path:
        return self.folder / "shots"

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin, or go on."""
        asked = ["batch", "urls.txt", "-o", "shots", "--name", "{number}", *arguments]
        return subprocess.Popen(
            [sys.executable, "-c", _MAIN, *asked],
            cwd=self.folder,
            env={**os.environ, "FARM_URL": self.farm_url, "PYTHONPATH": str(Path.cwd())},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ended(self, *arguments: str) -> tuple[int, str, str]:
        """Begin or go on, and return exit code, stdout and stderr."""
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=_HELD_S)
        return process.returncode, out, err

    @contextmanager
    def until_done(self, count: int, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Begin or go on; the block begins once ``count`` items are done, and ends it hard."""
        with self.start(*arguments) as process:
            try:
                until(
                    lambda: self.done() >= count or process.poll() is not None,
                    f"{count} are done",
                    _HELD_S,
                )
                yield process
            finally:
                process.kill()

    def done(self) -> int:
        """Return how many lines about ended items the manifest has."""
        file = self.shots / "manifest.jsonl"
        return file.read_bytes().count(b'{"type": "item"') if file.exists() else 0

    def lines(self, kind: str) -> Sequence[Mapping[str, Any]]:
        """Return the whole lines of the manifest that are of this ``kind``."""
        file = self.shots / "manifest.jsonl"
        written = file.read_bytes().splitlines() if file.exists() else []
        lines = [json.loads(line) for line in written if line.endswith(b"}")]
        return [line for line in lines if line["type"] == kind]

    def right(self) -> int:
        """Return how many files show what their page does."""
        files = [self.shots / f"{number}.png" for number, _ in enumerate(self.works, 1)]
        return sum(
            file.exists() and work.is_right(file.read_bytes())
            for file, work in zip(files, self.works, strict=True)
        )

    def half_written(self) -> list[Path]:
        """Return the temporary files there are."""
        return [path for path in self.shots.rglob("*") if path.suffix == ".part"]
