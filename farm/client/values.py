"""What options mean: the words of a command line as the values of a spec.

Each reader raises ``ValueError`` with a sentence for whoever typed the words. What
a value may be is for the farm to say; here it only has to be one.
"""

import json
import math
import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

Reader = Callable[[str], Any]

_NUMBER = r"-?[0-9]+(?:\.[0-9]*)?"
_BOX = re.compile(rf"(?:({_NUMBER}),({_NUMBER}),)?({_NUMBER})x({_NUMBER})")


def text(value: str) -> str:
    """Return ``value`` or, if it is ``@FILE``, what is in the file; ``@@`` begins with an @.

    The newline at the end of a file is an editor's, not a part of the text.
    """
    if value.startswith("@@"):
        return value[1:]
    if not value.startswith("@"):
        return encodable(value)
    return file_text(value[1:]).removesuffix("\n").removesuffix("\r")


def file_text(name: str) -> str:
    """Return the UTF-8 text in the file ``name``."""
    try:
        return decoded(Path(name).read_bytes(), repr(name))
    except OSError as error:
        hint = "" if Path(name).exists() else "; write @@ for an @ that is part of the value"
        raise ValueError(f"The file {name!r} cannot be read: {error.strerror}{hint}.") from error


def decoded(content: bytes, name: str) -> str:
    """Return the text of ``content``, which came from ``name``."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"The text in {name} is not UTF-8.") from error


def encodable(value: str) -> str:
    """Return ``value`` if it is Unicode; what came as broken UTF-8 cannot be sent."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{value!r} is not Unicode text.") from error
    return value


def number(value: str) -> float:
    """Return ``value`` as a number that JSON can carry."""
    try:
        found = float(value)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise ValueError(f"{value!r} is not a number.")
    return int(value) if re.fullmatch(r"-?[0-9]+", value) else found


def json_value(value: str) -> object:
    """Return the JSON in ``value``, or in the file that ``@FILE`` names."""
    written = text(value)
    try:
        found: object = json.loads(written)
        # Python reads infinity, and half a surrogate pair, but neither can be sent.
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise ValueError(f"That is not JSON: {error}.") from error
    return found


def text_or_json(value: str) -> object:
    """Return a text, or the JSON object that it is."""
    found = text(value)
    return json_value(found) if found.lstrip().startswith("{") else found


def size(value: str) -> object:
    """Return ``WIDTHxHEIGHT`` by name; JSON does as well."""
    return _box(value, place=False)


def box(value: str) -> object:
    """Return ``X,Y,WIDTHxHEIGHT`` by name; JSON does as well."""
    return _box(value, place=True)


def _box(value: str, *, place: bool) -> object:
    if value.startswith(("{", "@")):
        return json_value(value)
    match = _BOX.fullmatch(value)
    if match is None or (match[1] is not None) is not place:
        raise ValueError(f"{value!r} is not like {'0,100,' if place else ''}1280x800.")
    names = ("x", "y", "width", "height")
    given = zip(names, match.groups(), strict=True)
    return {name: number(found) for name, found in given if found is not None}


def pairs(values: Sequence[str], separators: str) -> dict[str, str]:
    """Return names and values; each pair has one of ``separators`` between the two."""
    found: dict[str, str] = {}
    for each in values:
        match = re.fullmatch(rf"([^{separators}]+)([{separators}])(.*)", each, re.DOTALL)
        if match is None:
            raise ValueError(f"{each!r} is not like NAME{separators[0]}VALUE.")
        name, separator, value = match.groups()
        if name in found:
            raise ValueError(f"{name!r} is given twice.")
        # As a header is written, with a blank that is not a part of it.
        found[encodable(name)] = text(value.lstrip() if separator == ":" else value)
    return found


def words(values: Sequence[str], known: Collection[str]) -> list[str]:
    """Return the words of lists with commas; if any are ``known``, they must be among them."""
    found = [encodable(word.strip()) for each in values for word in each.split(",")]
    for word in found:
        if known and word not in known:
            raise ValueError(f"{word!r} is not one of {', '.join(known)}.")
    return found
