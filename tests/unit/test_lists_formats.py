"""Lists as people and programs write them, and each thing that can be wrong with a line."""

import codecs
from typing import Any

import pytest

from farm.client.lists.entries import BadLine, Entry
from farm.client.lists.formats import (
    LINE_MAX_CHARACTERS,
    Format,
    Reading,
    decoded,
    format_of,
    read_list,
)
from farm.jobs.specs.requests import JobRequest

A, B = "https://example.com/a", "https://example.com/b"
SHOT = Reading("screenshot")


def read(content: bytes | str, form: Format, reading: Reading = SHOT) -> list[Entry | BadLine]:
    text = decoded(content if isinstance(content, bytes) else content.encode())
    return list(read_list(text, form, reading))


def specs(content: bytes | str, form: Format, reading: Reading = SHOT) -> list[Any]:
    found = read(content, form, reading)
    assert all(isinstance(each, Entry) for each in found), found
    return [each.spec for each in found if isinstance(each, Entry)]


def lines(found: list[Entry | BadLine]) -> list[tuple[type, int]]:
    return [(type(each), each.line) for each in found]


class TestText:
    def test_lines_are_addresses_with_their_numbers(self) -> None:
        found = read(f"\n# All of them\n{A}\n\n   {B}\t\n#{A}\n", "text")
        assert found == [
            Entry(3, {"kind": "screenshot", "url": A}),
            Entry(5, {"kind": "screenshot", "url": B}),
        ]

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize(
        ("mark", "encoding"),
        [
            (b"", "utf-8"),
            (codecs.BOM_UTF8, "utf-8"),
            (codecs.BOM_UTF16_LE, "utf-16-le"),
            (codecs.BOM_UTF16_BE, "utf-16-be"),
        ],
    )
    def test_line_ends_and_marks_of_any_system_are_understood(
        self, end: str, mark: bytes, encoding: str
    ) -> None:
        content = mark + f"{A}{end}{end}{B}{end}".encode(encoding)
        found = read(content, "text")
        assert [each.line for each in found] == [1, 3]
        assert [each["url"] for each in specs(content, "text")] == [A, B]

    def test_a_line_that_cannot_be_read_is_told_alone(self) -> None:
        long = b"https://example.com/" + b"x" * (5 << 20)
        found = read(b"\n".join([A.encode(), long, b"\xff\xfe", B.encode()]), "text")
        assert lines(found) == [(Entry, 1), (BadLine, 2), (BadLine, 3), (Entry, 4)]
        assert "longer than 4 MiB" in str(found[1])
        assert "not UTF-8" in str(found[2])

    @pytest.mark.parametrize("content", ["", "\n", "# nothing\n", "\ufeff", " \r\n\t"])
    def test_a_list_may_be_empty(self, content: str) -> None:
        for form in ("text", "csv", "ndjson"):
            assert read(content, form) == []


class TestNdjson:
    def test_lines_are_specs_or_addresses(self) -> None:
        found = specs(f'{{"url": "{A}", "full_page": true}}\n"{B}"\n{{"kind": "pdf"}}', "ndjson")
        assert found == [
            {"kind": "screenshot", "url": A, "full_page": True},
            {"kind": "screenshot", "url": B},
            {"kind": "pdf"},
        ]

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("{", "is no JSON"),
            ("5", "neither a URL nor a spec"),
            ("[]", "neither a URL nor a spec"),
            ('{"quality": NaN}', "NaN is not JSON"),
            ("[" * 100_000, "nested too deeply"),
            ('{"a": 1} {"b": 2}', "is no JSON"),
        ],
    )
    def test_a_line_that_is_no_spec_is_told_alone(self, line: str, said: str) -> None:
        found = read(f'"{A}"\n{line}\n"{B}"', "ndjson")
        assert lines(found) == [(Entry, 1), (BadLine, 2), (Entry, 3)]
        assert said in str(found[1])

    def test_a_field_may_be_for_the_name_or_for_nothing(self) -> None:
        reading = Reading("screenshot", used=("order", "type"), ignored=("note",))
        line = f'{{"url": "{A}", "order": 7, "type": "webp", "note": "x"}}'
        (entry,) = read(line, "ndjson", reading)
        assert isinstance(entry, Entry)
        assert entry.spec == {"kind": "screenshot", "url": A, "type": "webp"}
        assert entry.columns == {"order": "7", "type": "webp"}


class TestJson:
    @pytest.mark.parametrize("text", [f'["{A}"]', f'{{"items": ["{A}"]}}', f'[{{"url": "{A}"}}]'])
    def test_a_document_is_a_list_of_items(self, text: str) -> None:
        assert specs(text, "json") == [{"kind": "screenshot", "url": A}]

    def test_its_defaults_hold_where_an_item_does_not_say(self) -> None:
        text = f'{{"defaults": {{"kind": "pdf", "scale": 2}}, "items": ["{A}", {{"scale": 1}}]}}'
        assert specs(text, "json") == [
            {"kind": "pdf", "scale": 2, "url": A},
            {"kind": "pdf", "scale": 1},
        ]

    def test_an_item_that_is_none_is_told_by_its_number(self) -> None:
        assert lines(read(f'["{A}", 5]', "json")) == [(Entry, 1), (BadLine, 2)]

    @pytest.mark.parametrize("text", ["{}", "5", "[", '{"items": 5}', "", "[" * 100_000])
    def test_what_is_no_list_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError):
            read(text, "json")


class TestCsv:
    def test_columns_are_fields_and_cells_their_values(self) -> None:
        text = (
            "url,full_page,quality,viewport,tags,scripts,color_scheme,cookies\n"
            f'{A},TRUE,80,390x844,"a,b",x(),dark,"[{{""name"": ""n"", ""value"": ""v""}}]"\n'
            f"{B},,,,,,,\n"
        )
        first, second = specs(text, "csv")
        assert first == {
            "kind": "screenshot",
            "url": A,
            "full_page": True,
            "quality": 80,
            "viewport": {"width": 390, "height": 844},
            "tags": ["a,b"],
            "scripts": ["x()"],
            "color_scheme": "dark",
            "cookies": [{"name": "n", "value": "v"}],
        }
        assert second == {"kind": "screenshot", "url": B}
        JobRequest.model_validate(first | {"type": "jpeg"})

    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_tables_of_other_countries_and_systems_are_understood(
        self, delimiter: str, end: str
    ) -> None:
        rows = [["url", "quality"], [A, "5"], ["", ""], [B, ""]]
        text = "\ufeff" + "".join(delimiter.join(row) + end for row in rows)
        found = read(text, "csv")
        assert [each.line for each in found] == [2, 4]
        assert specs(text, "csv")[0] == {"kind": "screenshot", "url": A, "quality": 5}

    def test_a_column_may_be_a_field_within_a_field(self) -> None:
        text = (
            f"url,viewport.width,http_credentials.username,http_credentials.password\n{A},390,7,x"
        )
        (spec,) = specs(text, "csv")
        assert spec["viewport"] == {"width": 390}
        assert spec["http_credentials"] == {"username": "7", "password": "x"}
        JobRequest.model_validate(spec)

    def test_a_field_within_one_that_has_a_value_is_told(self) -> None:
        found = read(f"url,style,style.x\n{A},b,1\n{A},,1\n", "csv")
        assert lines(found) == [(BadLine, 2), (Entry, 3)]
        assert "style.x: is within a field" in str(found[0])

    def test_a_row_may_name_its_kind(self) -> None:
        text = f"url,kind,timeout\n{A},probe,5000\n{B},,\n"
        assert [each["kind"] for each in specs(text, "csv")] == ["probe", "screenshot"]

    def test_a_cell_may_have_lines_and_rows_keep_their_numbers(self) -> None:
        text = f'url,style\n{A},"p {{\n}}"\n{B},x\n'
        assert [each.line for each in read(text, "csv")] == [2, 4]

    def test_columns_may_be_for_the_name_or_for_nothing(self) -> None:
        reading = Reading("screenshot", used=("sku",), ignored=("note",))
        (entry,) = read(f"sku,url,note\nA-1,{A},x\n", "csv", reading)
        assert entry == Entry(2, {"kind": "screenshot", "url": A}, {"sku": "A-1"})

    def test_no_cell_reads_a_file_of_this_machine(self) -> None:
        found = specs(f"url,style,scripts\n{A},@/etc/passwd,@/etc/passwd\n", "csv")
        assert (found[0]["style"], found[0]["scripts"]) == ("@/etc/passwd", ["@/etc/passwd"])

    @pytest.mark.parametrize(
        ("header", "said"),
        [
            ("address,quality", "one must be url"),
            ("https://example.com/", "one must be url"),
            ("url,full_pgae", "Did you mean 'full_page'?"),
            ("url,sku", "--name as {sku}, or leave it out with --ignore 'sku'"),
            ("url,url", "two columns"),
        ],
    )
    def test_a_header_that_is_wrong_is_refused(self, header: str, said: str) -> None:
        with pytest.raises(ValueError) as refused:
            read(f"{header}\n{A},1\n", "csv")
        assert said in str(refused.value)

    @pytest.mark.parametrize(
        ("row", "said"),
        [
            (f"{A},maybe,", "full_page: 'maybe' is neither"),
            (f"{A},,5.5", "quality: '5.5' is no whole number"),
            (f"{A},,5,6", "has 4 cells where there are 3"),
            (f'"{A}"x,,', "is no CSV"),
            ("x" * (LINE_MAX_CHARACTERS + 1) + ",,", "longer than 4 MiB"),
        ],
    )
    def test_a_row_that_is_wrong_is_told_alone(self, row: str, said: str) -> None:
        found = read(f"url,full_page,quality\n{A},,\n{row}\n{B},,\n", "csv")
        assert lines(found) == [(Entry, 2), (BadLine, 3), (Entry, 4)]
        assert said in str(found[1])

    def test_a_quote_that_is_never_closed_is_told_with_its_line(self) -> None:
        found = read(f'url\n{A}\n"{B}\n{A}\n', "csv")
        assert lines(found) == [(Entry, 2), (BadLine, 3)]


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("urls.txt", b"https://a", "text"),
        ("urls.CSV", b"", "csv"),
        ("urls.tsv", b"", "csv"),
        ("urls.jsonl", b"", "ndjson"),
        ("urls.ndjson", b"[", "ndjson"),
        ("urls.json", b"{", "json"),
        ("-", b'\xef\xbb\xbf \n{"url": 1}', "ndjson"),
        ("-", b'["https://a"]', "json"),
        ("-", b"https://a", "text"),
        ("-", b"", "text"),
        ("urls", "https://a".encode("utf-16"), "text"),
    ],
)
def test_the_name_tells_the_format_or_the_beginning_does(
    name: str, content: bytes, form: str
) -> None:
    assert format_of(name, content) == form
