"""Lines, rows and cells, however they are cut up and whatever is in them."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.cells import fields
from api.lines import LINE_MAX_BYTES, Line, lines
from api.tables import rows
from farm.jobs.errors import InvalidSpec

CELL = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=8)
# No line of a table may look like a comment, or like nothing.
NAMES = st.lists(st.sampled_from(["tags", "metadata.a", "user_agent", "style"]), unique=True)


def cut(body: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def texts(body: bytes, size: int = 7) -> list[str]:
    return [line.text for line in lines(cut(body, size))]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\ufeff"))), st.data())
@settings(deadline=None)
def test_lines_are_the_same_however_they_come(wanted: list[str], data: st.DataObject) -> None:
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    size = data.draw(st.integers(1, 20))
    body = "".join(f"{line}{end}" for line in wanted).encode()
    found = list(lines(cut(body, size)))
    assert [line.text for line in found] == wanted
    assert [line.number for line in found] == list(range(1, len(wanted) + 1))


def test_the_last_line_needs_no_end_and_a_mark_is_no_text() -> None:
    assert texts(b"\xef\xbb\xbfa\r\n\nb") == ["a", "", "b"]
    assert texts(b"") == []
    assert texts(b"\n") == [""]


def test_a_line_that_is_too_long_or_no_text_spoils_no_other() -> None:
    long = b"x" * (LINE_MAX_BYTES + 1)
    body = b"a\n" + long + b"\nb\n\xff\nc\n" + b"x" * LINE_MAX_BYTES + b"\n" + long
    found = list(lines(cut(body, 100_000)))
    assert [line.error for line in found] == [
        None,
        f"is longer than {LINE_MAX_BYTES} bytes",
        None,
        "is not UTF-8",
        None,
        None,
        f"is longer than {LINE_MAX_BYTES} bytes",
    ]
    assert [line.text for line in found if len(line.text) == 1] == ["a", "b", "c"]


def table(body: str) -> list[tuple[int, Any]]:
    found = rows(Line(n, text) for n, text in enumerate(body.splitlines(), 1))
    return [(item.line, item.error.message if item.error else item.value) for item in found]


@given(NAMES, st.data())
@settings(deadline=None)
def test_what_a_table_was_written_from_comes_out_of_it(
    names: list[str], data: st.DataObject
) -> None:
    wanted = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(names, CELL)), max_size=5))
    out = io.StringIO()
    written = csv.DictWriter(out, ["url", *names], lineterminator="\n")
    written.writeheader()
    for row in wanted:
        written.writerow({"url": "https://page.test/", **row})
    cells = io.BytesIO(out.getvalue().encode())
    found = [item.value for item in rows(lines(iter(lambda: cells.read(5), b"")))]
    for row, value in zip(wanted, found, strict=True):
        for name in set(names) - {"tags"}:
            first, _, last = name.partition(".")
            if row[name]:
                assert (value[first][last] if last else value[first]) == row[name]
            else:
                assert first not in value


def test_a_row_may_go_over_lines_and_counts_as_its_first() -> None:
    body = 'url,style\nhttps://a.test/,"a\nb""c"\n\n,\n# no row\nhttps://b.test/,x\n'
    assert table(body) == [
        (2, {"url": "https://a.test/", "style": 'a\nb"c'}),
        (7, {"url": "https://b.test/", "style": "x"}),
    ]


def test_a_quote_that_is_never_closed_spoils_its_own_line_alone() -> None:
    body = 'url,style\nhttps://a.test/,"a\nhttps://b.test/,b\nhttps://c.test/,c\n'
    assert table(body) == [
        (2, "has a quote that is not closed"),
        (3, {"url": "https://b.test/", "style": "b"}),
        (4, {"url": "https://c.test/", "style": "c"}),
    ]


def test_a_row_of_too_many_cells_is_wrong_and_one_of_too_few_is_not() -> None:
    body = "url,tags\nhttps://a.test/,a,b\nhttps://b.test/\n"
    assert table(body) == [
        (2, "has 3 cells, 1 more than the header"),
        (3, {"url": "https://b.test/"}),
    ]


def test_columns_without_a_name_may_only_be_empty() -> None:
    body = "url,,\nhttps://a.test/,,\nhttps://b.test/,,b\n"
    assert table(body) == [
        (2, {"url": "https://a.test/"}),
        (3, "has a cell in a column without a name"),
    ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "the header row is missing"),
        ("tags\na\n", "the header row has no column 'url'"),
        ("url,tags,tags\n", "the header row names a column twice"),
    ],
)
def test_a_table_without_a_good_header_is_none(body: str, message: str) -> None:
    with pytest.raises(InvalidSpec, match=message):
        table(body)


CELLS: list[tuple[str, str, Any]] = [
    ("full_page", "true", True),
    ("full_page", "yes", "yes"),  # The spec says what is wrong with it.
    ("timeout", "5000", 5000),
    ("device_scale_factor", "1.5", 1.5),
    ("user_agent", "123", "123"),
    ("user_agent", "true", "true"),
    ("style", "{}", "{}"),
    ("style", "[]", "[]"),
    ("tags", "a", ["a"]),
    ("tags", "7", ["7"]),
    ("tags", '["a", "b"]', ["a", "b"]),
    ("viewport", '{"width": 1, "height": 2}', {"width": 1, "height": 2}),
    ("viewport.width", "800", {"width": 800}),
    ("metadata.order", "7", {"order": "7"}),
    ("wait_for_selector", "#a", "#a"),
    ("wait_for_selector", '{"selector": "#a"}', {"selector": "#a"}),
    ("expires_in", "60", 60),
    ("no_such_field", "60", "60"),
    ("max_failures", "3", 3),
    ("on_complete.webhook_url", "https://a.test/", {"webhook_url": "https://a.test/"}),
]


@pytest.mark.parametrize(("name", "text", "value"), CELLS)
def test_a_cell_is_what_its_field_takes(name: str, text: str, value: object) -> None:
    assert fields([(name, text)]) == {name.partition(".")[0]: value}


def test_lists_may_be_given_value_by_value_and_nothing_else_twice() -> None:
    assert fields([("tags", "a"), ("tags", "b")]) == {"tags": ["a", "b"]}
    with pytest.raises(InvalidSpec, match="timeout: is given twice"):
        fields([("timeout", "5000"), ("timeout", "6000")])
    with pytest.raises(InvalidSpec, match="is within a field that has a value of its own"):
        fields([("viewport", "7"), ("viewport.width", "6000")])
    with pytest.raises(InvalidSpec, match="is given twice"):
        fields([("viewport.width", "7"), ("viewport", "6000")])
