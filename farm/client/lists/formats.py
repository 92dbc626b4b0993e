"""Lists of what to do: plain text, CSV, NDJSON and JSON, as people and programs write them.

Blank lines and those that begin with ``#`` say nothing; line ends and a byte order mark may be
of any system. What is wrong with a line is told of that line alone.
"""

import codecs
import csv
import difflib
import io
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import click

from farm.client.forms import Form, form_of, variants
from farm.client.lists.entries import BadLine, Entry
from farm.jobs.specs.requests import SPECS

Format = Literal["text", "csv", "ndjson", "json"]
FORMATS: Sequence[Format] = ("text", "csv", "ndjson", "json")

LINE_MAX_CHARACTERS = 4 << 20
"""As many as a farm takes of one request; no spec can be longer."""

_SUFFIXES: Mapping[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "json",
}
_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
"""PowerShell's ``>`` writes UTF-16."""
_LINE_END = re.compile(r"\r\n|\n|\r")
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_NOT_UTF8 = "is not UTF-8"
_TOO_LONG = f"is longer than {LINE_MAX_CHARACTERS >> 20} MiB"

Found = Iterator[Entry | BadLine]


@dataclass(frozen=True)
class Reading:
    """How a list is to be read."""

    kind: str
    """Of what does not say."""
    used: Collection[str] = ()
    """Columns that are for the names of files, not for the spec."""
    ignored: Collection[str] = ()
    """Columns and fields that are to be left out."""


def format_of(name: str, content: bytes) -> Format:
    """Return the format of the list ``name``; where that does not tell, that of its beginning."""
    suffix = name[name.rfind(".") :].lower() if "." in name else ""
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    start = decoded(content[:1000]).lstrip()[:1]
    return "ndjson" if start == "{" else "json" if start == "[" else "text"


def decoded(content: bytes) -> str:
    """Return the text of a list, without its mark; bytes that are not UTF-8 are surrogates."""
    encoding = _MARKS.get(content[:2])
    if encoding is not None:
        return content.decode(encoding, errors="replace")
    return content.removeprefix(codecs.BOM_UTF8).decode(errors="surrogateescape")


def read_list(text: str, form: Format, reading: Reading) -> Found:
    """Yield what is in the list ``text``.

    Raises:
        ValueError: It is no list of this format at all.
    """
    return _READERS[form](text, reading)


def _text(text: str, reading: Reading) -> Found:
    for number, line in _lines(text):
        problem = _problem(line)
        if problem is not None:
            yield BadLine(number, [problem])
        else:
            yield Entry(number, {"kind": reading.kind, "url": line})


def _ndjson(text: str, reading: Reading) -> Found:
    for number, line in _lines(text):
        problem = _problem(line)
        if problem is not None:
            yield BadLine(number, [problem])
            continue
        try:
            yield _entry(number, _json(line), {}, reading)
        except ValueError as error:
            yield BadLine(number, [str(error)])


def _whole_json(text: str, reading: Reading) -> Found:
    if _has_surrogates(text):
        raise ValueError(f"The list {_NOT_UTF8}.")
    defaults: dict[str, Any] = {}
    items: Any = _json(text)
    if isinstance(items, dict):
        defaults, items = items.get("defaults") or {}, items.get("items")
    is_list = isinstance(items, list) and isinstance(defaults, dict)
    if not is_list:
        raise ValueError('The list must be like ["https://..."] or {"items": ["https://..."]}.')
    for number, item in enumerate(items, 1):
        try:
            yield _entry(number, item, defaults, reading)
        except ValueError as error:
            yield BadLine(number, [str(error)])


def _entry(number: int, item: object, defaults: Mapping[str, Any], reading: Reading) -> Entry:
    if isinstance(item, str):
        item = {"url": item}
    if not isinstance(item, dict):
        raise ValueError("is neither a URL nor a spec")  # noqa: TRY004 - not a bug, but an input
    spec = {"kind": reading.kind, **defaults, **item}
    columns = {name: str(value) for name, value in spec.items() if name in reading.used}
    known = _fields(str(spec["kind"]))
    left_out = {*reading.ignored, *(name for name in reading.used if name not in known)}
    kept = {name: value for name, value in spec.items() if name not in left_out}
    return Entry(number, kept, columns)


def _csv(text: str, reading: Reading) -> Found:
    # Cells of any length, for a long one is to be told, not to end the reading.
    csv.field_size_limit(2**31 - 1)
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        number = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadLine(number, [f"is no CSV: {error}"])
            continue
        if not any(cell.strip() for cell in row) or row[0].startswith("#"):
            continue
        if header is None:
            header = _header(row, reading)
        else:
            yield _of_row(number, header, row, reading)


def _header(row: Sequence[str], reading: Reading) -> list[str]:
    names = [name.strip() for name in row]
    if "url" not in names:
        raise ValueError(f"The first line must name the columns, and one must be url, not: {row}.")
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"There are two columns of the name {min(twice)!r}.")
    known = {"kind", *_fields(reading.kind)}
    for name in names:
        if name.partition(".")[0] not in known and name not in {*reading.used, *reading.ignored}:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"The column {name!r} is no field of {reading.kind}.{hint} Use it in --name as "
                f"{{{name}}}, or leave it out with --ignore {name!r}."
            )
    return names


def _of_row(number: int, header: list[str], row: list[str], reading: Reading) -> Entry | BadLine:
    if len(row) > len(header):
        return BadLine(number, [f"has {len(row)} cells where there are {len(header)} columns"])
    problem = next(filter(None, map(_problem, row)), None)
    if problem is not None:
        return BadLine(number, [problem])
    cells = {name: cell.strip() for name, cell in zip(header, row, strict=False)}
    entry = Entry(number, {}, {name: cells[name] for name in reading.used if name in cells})
    # An empty cell says nothing.
    given = {name: cell for name, cell in cells.items() if cell and name not in reading.ignored}
    spec: dict[str, Any] = {"kind": given.pop("kind", reading.kind)}
    known = _fields(spec["kind"])
    try:
        for name, cell in given.items():
            if name.partition(".")[0] in known or name not in reading.used:
                _put(spec, name, _value(spec["kind"], name, cell))
    except ValueError as error:
        return BadLine(number, [str(error)])
    return replace(entry, spec=spec)


def _put(spec: dict[str, Any], name: str, value: object) -> None:
    """Set a field of ``spec``; ``viewport.width`` is one within another."""
    *outer, last = name.split(".")
    place: Any = spec
    for part in outer:
        place = place.setdefault(part, {}) if isinstance(place, dict) else None
    if not isinstance(place, dict):
        message = f"{name}: is within a field that has a value of its own"
        raise ValueError(message)  # noqa: TRY004 - not a bug, but an input
    place[last] = value


def _value(kind: str, name: str, cell: str) -> object:
    """Return what a cell means: as the option's value on the command line, but for ``@FILE``."""
    form = _form(kind, name)
    if form is None:
        return cell
    try:
        return _read(form, cell)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _read(form: Form, cell: str) -> object:
    if form.is_flag:
        if cell.lower() not in _WORDS:
            raise ValueError(f"{cell!r} is neither true nor false.")
        return _WORDS[cell.lower()]
    if form.attributes.get("type") is int:
        if not re.fullmatch(r"[+-]?[0-9]+", cell):
            raise ValueError(f"{cell!r} is no whole number.")
        return int(cell)
    if form.read is None or isinstance(form.attributes.get("type"), click.Choice):
        return cell
    # A list may come from a stranger, so it reads no file: @@ is an @ on the command line.
    escaped = f"@{cell}" if cell.startswith("@") else cell
    if not form.attributes.get("multiple"):
        return form.read(escaped)
    if cell.startswith(("[", "{")):
        return _json(cell)
    return form.read([escaped])


@cache
def _form(kind: str, name: str) -> Form | None:
    """Return how the field ``name`` is written; ``None``: there is none, as the spec will say."""
    if kind not in SPECS:
        return None
    schema = SPECS[kind].model_json_schema()  # type: ignore[index]
    definitions = schema.get("$defs", {})
    for part in name.split("."):
        inner = [
            each for each in variants(schema, definitions) if part in each.get("properties", {})
        ]
        if not inner:
            return None
        schema = inner[0]["properties"][part]
    return form_of(schema, definitions)


def _fields(kind: str) -> Collection[str]:
    return SPECS[kind].model_fields if kind in SPECS else ()  # type: ignore[index]


def _lines(text: str) -> Iterable[tuple[int, str]]:
    for number, line in enumerate(_LINE_END.split(text), 1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            yield number, stripped


def _problem(line: str) -> str | None:
    if len(line) > LINE_MAX_CHARACTERS:
        return _TOO_LONG
    return _NOT_UTF8 if _has_surrogates(line) else None


def _has_surrogates(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)


def _json(text: str) -> object:
    def refuse(constant: str) -> object:
        raise ValueError(f"{constant} is not JSON")

    try:
        found: object = json.loads(text, parse_constant=refuse)
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"is no JSON: {error}") from error
    return found


_READERS: Mapping[Format, Callable[[str, Reading], Found]] = {
    "text": _text,
    "csv": _csv,
    "ndjson": _ndjson,
    "json": _whole_json,
}
