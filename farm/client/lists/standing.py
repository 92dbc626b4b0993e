"""How the items of a list stand, by the manifest and by what is in the folder."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from farm.client.lists.items import Item
from farm.client.lists.manifest import ItemLine, Manifest
from farm.client.lists.names import is_below
from farm.jobs.states import JobState

_PART = re.compile(r"\.(.+)\.[0-9a-f]{8}\.part")
"""A temporary name, as ``farm.client.saving`` gives them."""


@dataclass
class Standing:
    """The items, each in one place."""

    done: list[Item] = field(default_factory=list)
    """Their files are there, and are those that their jobs made."""
    failed: list[Item] = field(default_factory=list)
    """Their jobs failed before, and are not wanted again."""
    ended: list[tuple[Item, str]] = field(default_factory=list)
    """Their jobs have succeeded; a file is missing, or another. With the id of the job."""
    asked: dict[str, list[Item]] = field(default_factory=lambda: defaultdict(list))
    """They were handed in, or were about to be. By the key of the request."""
    new: list[Item] = field(default_factory=list)


def standing(
    items: Iterable[Item], manifest: Manifest, folder: Path, *, retry_failed: bool
) -> Standing:
    """Return how ``items`` stand; ``retry_failed``: what failed before is wanted again."""
    found = Standing()
    for item in items:
        line = manifest.items.get(item.key)
        if line is None and item.key in manifest.asked:
            found.asked[manifest.asked[item.key]].append(item)
        elif line is not None and line.state is JobState.SUCCEEDED and line.job_id is not None:
            if _is_there(line, folder):
                found.done.append(item)
            else:
                found.ended.append((item, line.job_id))
        elif line is not None and line.state is JobState.FAILED and not retry_failed:
            found.failed.append(item)
        else:
            found.new.append(item)  # What was cancelled, too: it is wanted now.
    return found


def known_paths(manifest: Manifest) -> dict[str, str]:
    """Return the path that each item has had; none that leads out of the folder."""
    paths = {key: line.path for key, line in manifest.items.items()}
    return {key: path for key, path in paths.items() if is_below(path)}


def sha256_of(file: Path) -> str | None:
    """Return the hash of what is in ``file`` in hexadecimal; ``None``: it is no file."""
    if not file.is_file():  # A device may have no end.
        return None
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def sweep(folder: Path, items: Iterable[Item]) -> None:
    """Remove what a process that was killed has left half-written of these items.

    No other writes them now, for the manifest is ours.
    """
    stems: dict[Path, list[str]] = defaultdict(list)
    for item in items:
        path = folder / item.path
        stems[path.parent].append(path.stem)
    for parent, names in stems.items():
        parts = list(parent.glob(".*.part")) if parent.is_dir() else []
        for part in parts:
            match = _PART.fullmatch(part.name)
            if match and match[1].startswith(tuple(names)):
                part.unlink(missing_ok=True)


def _is_there(line: ItemLine, folder: Path) -> bool:
    return bool(line.files) and all(
        is_below(file.path) and sha256_of(folder / file.path) == file.sha256 for file in line.files
    )
