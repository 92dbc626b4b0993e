"""What a list says, line by line, before anything is known of the farm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One thing to do."""

    line: int
    """Where it stands in its list, from 1."""
    spec: Mapping[str, Any]
    """What it says of its spec itself, without the options that hold for the whole list."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """What else the list says of it, for the names of files."""
    path: str | None = None
    """Where its result is to be, below the folder; ``None``: it does not say."""


@dataclass(frozen=True)
class BadLine:
    """A line that cannot be done."""

    line: int
    mistakes: Sequence[str]
    """Sentences, or ``field: what is wrong``."""
