"""Names of files that every system takes, and that tell what is in the file.

The rules of all systems hold on each, so that a folder can be moved from one to another:
Windows has names that are devices, drops dots and spaces at the end and, as macOS does,
takes ``A`` and ``a`` for the same name; none takes more than 255 bytes or units.
"""

import hashlib
import re
import string
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

STEM_MAX_BYTES = 120
"""Leaves room for suffixes and a temporary name, and for a folder in Windows' 260 characters."""

PATH_MAX_BYTES = 180
"""Of the parts of a path together, for the same reason; its suffix is on top."""
_NAME_MAX_BYTES = 255

_KEPT = frozenset("._-,=+@()~")
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(?:\..*)?",
    re.IGNORECASE,
)
_HASH_CHARACTERS = 8
_UNNAMED = "unnamed"
_SUFFIX_MAX = 12
"""Characters; what is longer after the last dot is a part of the name."""


def fit(text: str, most_bytes: int = STEM_MAX_BYTES) -> str:
    """Return ``text`` as the name of a file or folder on any system, never empty.

    Letters, digits and marks of any script stay. What is longer than ``most_bytes`` is cut,
    and ends in a hash of the whole.
    """
    found = unicodedata.normalize("NFC", text)
    found = re.sub("\0+", "-", "".join(each if _stays(each) else "\0" for each in found))
    # A dot in front hides a file, at the end Windows drops it.
    found = _shortened(found.strip("-. "), text, most_bytes).strip("-. ")
    if not found:
        return _UNNAMED
    return f"_{found}" if _DEVICE.fullmatch(found) else found


def of_url(url: str) -> str:
    """Return a name for what is at ``url``: its host, path, query and fragment."""
    parts = urlsplit(url)
    rest = (unquote(each).strip("/") for each in (parts.path, parts.query, parts.fragment))
    return fit("-".join(each for each in (parts.netloc, *rest) if each))


class Template:
    """How files are to be named: text with ``{fields}``, where ``/`` leads into a folder."""

    def __init__(self, text: str) -> None:
        """Read the template.

        Args:
            text: As ``{host}/{number:04}-{name}``, with Python's format behind a colon.

        Raises:
            ValueError: It is none.
        """
        self._text = text
        try:
            parts = list(string.Formatter().parse(text))
        except ValueError as error:
            raise ValueError(f"{text!r} is no template: {error}.") from error
        self.fields = frozenset(name for _, name, _, _ in parts if name is not None)
        for name in self.fields:
            # Python would go into what it finds: an attribute, an element.
            if not name or name.isdecimal() or re.search(r"[.\[\]]", name):
                raise ValueError(f"{text!r} is no template: {{{name}}} is no name of a field.")
        if any(spec and "{" in spec for _, _, spec, _ in parts):
            raise ValueError(f"{text!r} is no template: a format must have no fields itself.")
        self.ends_in_address = bool(parts) and parts[-1][1] in URL_FIELDS
        """Whether what looks like a suffix is that of an address, and says nothing of the file."""

    def path(self, values: Mapping[str, str | int]) -> str:
        """Return the path for ``values``, relative, with ``/`` between its parts.

        No value leads into a folder, only what the template says itself.

        Raises:
            ValueError: There is no such value, or it cannot be written in its format.
        """
        for name in sorted(self.fields - values.keys()):
            known = ", ".join(f"{{{each}}}" for each in values)
            raise ValueError(f"there is no {{{name}}} for --name; there are {known}")
        # Before a value can bring slashes of its own.
        fitted = {
            name: value if isinstance(value, int) else re.sub(r"[/\\]", "-", value)
            for name, value in values.items()
        }
        try:
            return path_of(self._text.format(**fitted))
        except ValueError as error:
            raise ValueError(f"--name does not fit: {error}") from error


def path_of(text: str) -> str:
    """Return the relative path that ``text`` means, each of its parts fit for any system."""
    parts = [part for part in re.split(r"[/\\]", text) if part.strip(". ")]
    *folders, name = parts or [_UNNAMED]
    stem, suffix = split_suffix(name)
    found = [fit(part) for part in (*folders, stem)]
    if len("".join(found).encode()) > PATH_MAX_BYTES:
        found = [fit(part, PATH_MAX_BYTES // len(parts)) for part in (*folders, stem)]
    return f"{'/'.join(found)}{suffix}"


def is_below(path: str) -> bool:
    """Return whether ``path`` is one that leads to a file below the folder that it is in.

    So are all that ``path_of`` returns, and these with a number or the name of an artifact.
    """
    return all(map(_is_plain, path.split("/")))


def split_suffix(name: str) -> tuple[str, str]:
    """Return ``name`` without its suffix, and the suffix with its dot; "" if it has none."""
    match = re.fullmatch(rf"(.*[^./\\])(\.[A-Za-z0-9]{{1,{_SUFFIX_MAX}}})", name, re.DOTALL)
    return (match[1], match[2]) if match else (name, "")


class Taken:
    """The names that files have already, in whatever spelling a system takes for the same."""

    def __init__(self, paths: Iterable[str] = ()) -> None:
        """Take ``paths``."""
        self._taken = {_spelling(path) for path in paths}

    def take(self, path: str) -> str:
        """Return ``path``, or the first like ``name-2.png`` that is free; it is taken now."""
        stem, suffix = split_suffix(path)
        found, number = path, 1
        while _spelling(found) in self._taken:
            number += 1
            found = f"{stem}-{number}{suffix}"
        self._taken.add(_spelling(found))
        return found


def fields_of(url: str, number: int, columns: Mapping[str, Any]) -> dict[str, str | int]:
    """Return the values of a template's fields: ``columns`` of a list, and those of ``URL_FIELDS``.

    Args:
        url: The address; ``""`` if the job has none.
        number: Its place in the list, from 1.
        columns: Further fields by name; they do not outrank the others.
    """
    parts = urlsplit(url)
    own: dict[str, str | int] = {
        "name": of_url(url) if url else f"page-{number}",
        "number": number,
        "host": parts.hostname or "",
        "path": unquote(parts.path).strip("/"),
        "hash": _hash(url),
    }
    return {**{name: str(value) for name, value in columns.items()}, **own}


URL_FIELDS = ("name", "number", "host", "path", "hash")
"""Fields that every template may have."""


def _is_plain(name: str) -> bool:
    return (
        0 < len(name.encode(errors="replace")) <= _NAME_MAX_BYTES
        and all(map(_stays, name))
        and name[0] != "."
        and name[-1] != "."
        and not _DEVICE.fullmatch(name)
    )


def _stays(character: str) -> bool:
    return character in _KEPT or unicodedata.category(character)[0] in "LNM"


def _shortened(name: str, text: str, most_bytes: int) -> str:
    encoded = name.encode()
    if len(encoded) <= most_bytes:
        return name
    room = max(most_bytes - _HASH_CHARACTERS - 1, 0)
    return f"{encoded[:room].decode(errors='ignore')}-{_hash(text)}"


def _hash(text: str) -> str:
    encoded = text.encode(errors="surrogatepass")
    return hashlib.sha256(encoded).hexdigest()[:_HASH_CHARACTERS]


def _spelling(path: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", path).casefold())
