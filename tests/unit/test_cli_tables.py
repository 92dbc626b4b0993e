"""Tables and lines: what fits a terminal, and what is whole elsewhere."""

import re

import pytest

from farm.client.tables import Paper, columns, line, table


def test_a_table_fits_the_terminal() -> None:
    text = table("x" * 200, [("video", "hevc " * 40), ("tags", "動" * 100)], Paper(40))
    plain = text.replace("\x1b[36m", "").replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert "\x1b" not in plain
    assert max(map(len, plain.splitlines())) <= 40
    assert plain.count("動") == 100


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_line_fits_the_terminal(width: int) -> None:
    cells = ["a/very/long/way/to/" + "動画" * 9 + "/clip.mp4", "mp4", "1:02:03", "h", "a" * 99]
    text = line(cells, 200, Paper(width))
    assert len(text) <= width
    assert re.search(r"^….*/clip.mp4 +mp4 +1:02:03 ", text)


def test_without_a_terminal_nothing_is_cut() -> None:
    cells = ["n" * 300, "c" * 300, "d" * 300, "v" * 300, "a" * 300]
    assert line(cells, 300, Paper(None)) == "  ".join(cells)


def test_columns_are_as_wide_as_what_is_in_them_and_no_wider_than_the_terminal() -> None:
    rows = [("動画", "1", "a" * 99), ("b", "1,000", "c")]
    head, *lines = columns(("name", "number", "last"), rows, Paper(30))
    assert head == "name  number  last"
    assert lines == ["動画  1       " + "a" * 15 + "…", "b     1,000   c"]
    assert list(columns(("x", "y", "z"), rows, Paper(None)))[1].endswith("a" * 99)
