"""Disks that are soon full, or may not be written."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.neighbours import need


@dataclass(frozen=True)
class Disk:
    """A disk in memory, which gives out 4 KiB at a time."""

    folder: Path

    def resize(self, kib: int) -> None:
        _mount("-o", f"remount,size={kib}k", str(self.folder))

    def forbid_writing(self) -> None:
        _mount("-o", "remount,ro", str(self.folder))

    def allow_writing(self) -> None:
        _mount("-o", "remount,rw", str(self.folder))


@contextmanager
def a_disk(folder: Path, options: str) -> Iterator[Disk]:
    """Put a new disk at ``folder`` for the block; skip the test where none can be mounted.

    ``options`` are those of tmpfs, as ``size=96m``.
    """
    folder.mkdir()
    try:
        _mount("-t", "tmpfs", "-o", options, "none", str(folder))
    except subprocess.CalledProcessError:
        pytest.skip("no file system can be mounted here")
    try:
        yield Disk(folder)
    finally:
        subprocess.run([need("umount"), "--lazy", str(folder)], check=True)


def _mount(*arguments: str) -> None:
    subprocess.run([need("mount"), *arguments], check=True)
