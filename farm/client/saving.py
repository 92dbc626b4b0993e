"""Files that appear whole or not at all."""

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from farm.client.errors import UnreadableAnswer

PICTURE_TYPES: Mapping[str, str] = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".webp": "webp",
}
"""What a file's ending asks for, as the field ``type`` of a screenshot."""

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)


def check_file_name(name: str) -> None:
    """Refuse the ``name`` of an artifact that would lead out of the folder it is saved in.

    Raises:
        UnreadableAnswer: A farm has no such names.
    """
    if not _FILE_NAME.fullmatch(name):
        raise UnreadableAnswer(f"The farm has an artifact of the odd name {name!r}.")


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes the place of ``path`` if, and only if, the block ends well.

    Until then the bytes are under a temporary name in the same folder, and what
    was at ``path`` stays as it was. A device or a pipe is written to directly.

    Raises:
        OSError: The folder or the file cannot be written.
    """
    if not is_replaceable(path):
        with path.open("wb") as device:
            yield device
        return
    target = path.resolve()  # A link stays a link, to the new content.
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            yield file
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def is_replaceable(path: Path) -> bool:
    """Return whether ``path`` can be written anew, as no device or pipe can."""
    return path.is_file() or not path.exists()
