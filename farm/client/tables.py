"""Tables that fit the terminal; where there is none they are plain text, and whole."""

import io
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from farm.client.output import STDOUT

_NAME_SHARE = 3
"""The part of a line, one of so many, that its first cell may take."""
_WIDTHS = (8, 8, 20)
"""Columns of container, duration and video; audio has the rest."""
_GAP = "  "
_UNBOUNDED = 1_000_000


@dataclass(frozen=True)
class Paper:
    """What is written on."""

    width: int | None
    """In cells of a terminal; ``None``: there is no terminal, and no need to cut."""

    @classmethod
    def of(cls, output: str) -> "Paper":
        """Return what ``output``, a file or stdout, is."""
        is_terminal = output == STDOUT and sys.stdout.isatty()
        return cls(shutil.get_terminal_size().columns if is_terminal else None)


def table(title: str, rows: Iterable[tuple[str, str]], paper: Paper) -> str:
    """Return names and values below ``title``; long values go on below themselves."""
    # Slow to import, and seldom needed.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        grid.add_row(Text(name, "cyan"), Text(value))
    console = Console(
        file=io.StringIO(),
        width=paper.width or _UNBOUNDED,
        force_terminal=paper.width is not None,
        color_system="standard" if paper.width is not None else None,
        legacy_windows=False,
    )
    with console.capture() as written:
        console.print(Text(title, "bold"), grid, sep="\n")
    return "\n".join(line.rstrip() for line in written.get().splitlines())


def width_of(texts: Iterable[str]) -> int:
    """Return the cells that the widest of ``texts`` takes."""
    from rich.cells import cell_len  # noqa: PLC0415 - as above

    return max(map(cell_len, texts), default=0)


def line(cells: Sequence[str], name_width: int, paper: Paper) -> str:
    """Return ``cells`` on one line: a name, ``name_width`` wide if it may be, and what is said.

    On a terminal a name that is too long loses its beginning, for its end tells more.
    """
    from rich.text import Text  # noqa: PLC0415 - as above

    is_cut = paper.width is not None
    name, *rest = cells
    if paper.width is not None:
        name_width = min(name_width, paper.width // _NAME_SHARE)
        name = _end_of(name, name_width)
    *columns, last = [Text(cell) for cell in (name, *rest)]
    for column, width in zip(columns, (name_width, *_WIDTHS), strict=False):
        column.truncate(width if is_cut else _UNBOUNDED, overflow="ellipsis")
        column.pad_right(max(0, width - column.cell_len))
    whole = Text(_GAP).join([*columns, last])
    whole.truncate(paper.width or _UNBOUNDED, overflow="ellipsis")
    return whole.plain.rstrip()


def columns(head: Sequence[str], rows: Iterable[Sequence[str]], paper: Paper) -> Iterator[str]:
    """Yield ``head`` and ``rows`` as lines of columns; what does not fit is cut at the right."""
    from rich.cells import set_cell_size  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    lines = [head, *rows]
    widths = [width_of(column) for column in zip(*lines, strict=True)]
    for cells in lines:
        whole = Text(_GAP.join(map(set_cell_size, cells, widths)).rstrip())
        whole.truncate(paper.width or _UNBOUNDED, overflow="ellipsis")
        yield whole.plain


def _end_of(name: str, width: int) -> str:
    from rich.cells import cell_len  # noqa: PLC0415 - as above

    if cell_len(name) <= width:
        return name
    while name and cell_len(name) >= width:
        name = name[1:]
    return f"…{name}"
