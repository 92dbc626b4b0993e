"""CSV with a header row, as RFC 4180 has it, row by row."""

import csv
from collections import deque
from collections.abc import Iterable, Iterator

from api.cells import fields
from api.lines import LINE_MAX_BYTES, Line
from farm.jobs.batches.intake import Item
from farm.jobs.errors import FieldError, InvalidSpec

csv.field_size_limit(LINE_MAX_BYTES)


def rows(source: Iterable[Line]) -> Iterator[Item]:
    """Yield what each row asks for. A cell that is empty says nothing.

    Raises:
        InvalidSpec: There is no header, or none with the column ``url``.
    """
    header: list[str] | None = None
    for line in _records(source):
        if line.error is not None:
            yield Item(line.number, error=FieldError(field="", message=line.error))
            continue
        try:
            cells = next(csv.reader([line.text], strict=True))
        except csv.Error as error:
            yield Item(line.number, error=FieldError(field="", message=f"is no CSV: {error}"))
            continue
        if header is None:
            header = _header(cells)
        else:
            yield _item(line.number, header, cells)
    if header is None:
        raise _wrong("the header row is missing")


def _header(cells: list[str]) -> list[str]:
    header = [cell.strip() for cell in cells]
    if "url" not in header:
        raise _wrong("the header row has no column 'url'")
    named = [name for name in header if name]  # Spreadsheets add columns that are empty.
    if len(set(named)) != len(named):
        raise _wrong("the header row names a column twice")
    return header


def _item(number: int, header: list[str], cells: list[str]) -> Item:
    if len(cells) > len(header):
        message = f"has {len(cells)} cells, {len(cells) - len(header)} more than the header"
        return Item(number, error=FieldError(field="", message=message))
    given = [(name, cell) for name, cell in zip(header, cells, strict=False) if cell]
    if any(not name for name, _ in given):
        message = "has a cell in a column without a name"
        return Item(number, error=FieldError(field="", message=message))
    try:
        return Item(number, fields(given))
    except InvalidSpec as error:
        return Item(number, error=error.errors[0])


def _records(source: Iterable[Line]) -> Iterator[Line]:
    """Yield each row as one line, though there may be line ends within its quotes.

    A quote that is never closed spoils its own line and no other.
    """
    lines = iter(source)
    again: deque[Line] = deque()
    while (line := _next(again, lines)) is not None:
        if line.error is None and _is_nothing(line.text):
            continue
        parts, size = [line], len(line.text)
        is_closed = line.text.count('"') % 2 == 0
        while not is_closed and size <= LINE_MAX_BYTES:
            following = _next(again, lines)
            if following is None:
                break
            parts.append(following)
            size += len(following.text)
            is_closed = following.text.count('"') % 2 == 1
        if is_closed:
            yield Line(line.number, "\n".join(part.text for part in parts), line.error)
        else:
            again.extendleft(reversed(parts[1:]))
            yield Line(line.number, "", "has a quote that is not closed")


def _next(again: deque[Line], lines: Iterator[Line]) -> Line | None:
    return again.popleft() if again else next(lines, None)


def _is_nothing(text: str) -> bool:
    return not text.strip(" \t,") or text.startswith("#")


def _wrong(message: str) -> InvalidSpec:
    return InvalidSpec([FieldError(field="", message=message)])
