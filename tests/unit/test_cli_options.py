"""The options of the kinds: each field of a spec, written on a command line."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from farm.client.cli import cli
from farm.jobs.specs.base import groups
from farm.jobs.specs.requests import SPECS
from tests.support.fake_farm import FakeFarm

PAGE = "https://example.com/"
NOT_OPTIONS = {"kind", "url", "html", "upload_id"}
PAIRS = {"metadata": "{}={}", "extra_http_headers": "{}: {}", "headers": "{}: {}"}


pytestmark = pytest.mark.usefixtures("at_a_farm")


@pytest.fixture
def farm() -> FakeFarm:
    return FakeFarm()


def run(farm: FakeFarm, kind: str, *arguments: str) -> Result:
    output = "x.png" if kind == "screenshot" else "x"
    command = [kind, PAGE, "-o", output, "--artifacts", ".", *arguments]
    return CliRunner().invoke(cli, command, obj=farm.client, prog_name="farm")


def sent(farm: FakeFarm, *arguments: str) -> dict[str, Any]:
    """Return what of a screenshot's spec the arguments made."""
    done = run(farm, "screenshot", *arguments)
    assert (done.exit_code, done.stderr) == (0, "")
    spec: dict[str, Any] = json.loads(farm.requests[0].content)
    return {name: value for name, value in spec.items() if name not in ("kind", "url", "type")}


def refused(farm: FakeFarm, *arguments: str) -> str:
    done = run(farm, "screenshot", *arguments)
    assert done.exit_code == 2
    assert farm.requests == []
    return done.stderr.splitlines()[-1]


def option(field: str) -> str:
    return f"--{field.replace('_', '-')}"


def written(field: str, value: Any) -> list[str]:
    """Return the arguments that a person would write for ``value``."""
    name = option(field)
    texts = [str(value)]
    match value:
        case bool():
            return [name if value else option(f"no_{field}")]
        case {"x": x, "y": y, "width": width, "height": height}:
            texts = [f"{x},{y},{width}x{height}"]
        case {"width": width, "height": height}:
            texts = [f"{width}x{height}"]
        case dict() if field in PAIRS:
            texts = [PAIRS[field].format(*pair) for pair in value.items()]
        case list() if all(isinstance(each, str) for each in value):
            texts = value
        case dict() | list():
            texts = [json.dumps(value)]
    return [part for text in texts for part in (name, text)]


def examples() -> Iterator[Any]:
    for kind, spec in SPECS.items():
        for name, field in spec.model_fields.items():
            if name not in NOT_OPTIONS:
                assert field.examples, name
                for number, example in enumerate(field.examples):
                    yield pytest.param(kind, name, example, id=f"{kind}-{name}-{number}")


@pytest.mark.parametrize(("kind", "field", "example"), list(examples()))
def test_the_example_of_every_field_can_be_written(
    farm: FakeFarm, kind: str, field: str, example: object
) -> None:
    done = run(farm, kind, *written(field, example))
    assert (done.exit_code, done.stderr) == (0, "")
    given = {"kind": kind, "url": PAGE}
    if kind == "screenshot":
        given["type"] = "png"
    assert json.loads(farm.requests[0].content) == given | {field: example}


class TestHelp:
    @pytest.mark.parametrize("kind", SPECS)
    def test_every_field_stands_under_the_heading_of_its_group(
        self, farm: FakeFarm, kind: str
    ) -> None:
        text = run(farm, kind, "--help").stdout
        sections = dict(re.findall(r"^(\S.*):\n((?:  .*\n|\n)*)", text, re.MULTILINE))
        for heading, fields in groups(SPECS[kind]).items():  # type: ignore[index]
            for field in set(fields) - NOT_OPTIONS:
                assert re.search(rf"^  {option(field)}\b", sections[heading], re.MULTILINE)
        assert "The page" not in sections
        assert "--output" in sections["Options"]

    @pytest.mark.parametrize("kind", SPECS)
    def test_no_line_is_longer_than_the_terminal(self, farm: FakeFarm, kind: str) -> None:
        text = run(farm, kind, "--help").stdout
        assert [line for line in text.splitlines() if len(line) > 80] == []
        assert text.isascii()

    @pytest.mark.parametrize(
        "words",
        [
            "[default: by the name of the file]",
            "[default: 1280x800]",
            "[default: load]",
            "[default: 30000; 1000 to 120000]",
            "[default: false]",
            "[repeatable]",
            "with --full-page",
            '[like [{"name": "session", "value": "secret"}]]',
            "Not given: the browser's own.",
        ],
    )
    def test_it_tells_defaults_ranges_and_forms(self, farm: FakeFarm, words: str) -> None:
        assert words in " ".join(run(farm, "screenshot", "--help").stdout.split())

    def test_nothing_of_the_schema_shows(self, farm: FakeFarm) -> None:
        texts = [run(farm, kind, "--help").stdout for kind in SPECS]
        assert not re.search(r"`|\bnull\b", "".join(texts))


class TestValues:
    def test_a_list_of_names_may_have_commas(self, farm: FakeFarm) -> None:
        arguments = ["--collect", "html, har", "--collect", "text", "--fail-on-status", "404,5xx"]
        assert sent(farm, *arguments) == {
            "collect": ["html", "har", "text"],
            "fail_on_status": ["404", "5xx"],
        }

    def test_a_comma_in_a_text_is_a_part_of_it(self, farm: FakeFarm) -> None:
        assert sent(farm, "--block-urls", "**/*.{png,jpg}") == {"block_urls": ["**/*.{png,jpg}"]}

    def test_a_pair_may_have_its_separator_in_the_value(self, farm: FakeFarm) -> None:
        arguments = ["--metadata", "a:b=c=d", "--metadata", "e="]
        assert sent(farm, *arguments) == {"metadata": {"a:b": "c=d", "e": ""}}

    def test_a_header_may_be_written_either_way(self, farm: FakeFarm) -> None:
        arguments = ["--extra-http-headers", "A: b=c", "--extra-http-headers", "D=e: f"]
        assert sent(farm, *arguments) == {"extra_http_headers": {"A": "b=c", "D": "e: f"}}

    def test_a_size_may_be_json_too(self, farm: FakeFarm) -> None:
        assert sent(farm, "--viewport", '{"width": 320}') == {"viewport": {"width": 320}}

    def test_a_box_may_have_fractions(self, farm: FakeFarm) -> None:
        found = sent(farm, "--clip", "0.5,10,99.5x20")["clip"]
        assert found == {"x": 0.5, "y": 10, "width": 99.5, "height": 20}

    def test_a_number_that_is_whole_stays_so(self, farm: FakeFarm) -> None:
        run(farm, "screenshot", "--device-scale-factor", "2")
        assert b'"device_scale_factor":2,' in farm.requests[0].content + b","

    def test_what_the_farm_knows_better_is_left_to_it(self, farm: FakeFarm) -> None:
        arguments = ["--quality", "101", "--device", "Nokia 3310", "--clip", "-1,0,0x0"]
        assert sent(farm, *arguments) == {
            "quality": 101,
            "device": "Nokia 3310",
            "clip": {"x": -1, "y": 0, "width": 0, "height": 0},
        }

    @pytest.mark.parametrize(
        ("name", "value", "reason"),
        [
            ("--viewport", "800", "'800' is not like 1280x800."),
            ("--viewport", "0,0,800x600", "'0,0,800x600' is not like 1280x800."),
            ("--clip", "800x600", "'800x600' is not like 0,100,1280x800."),
            ("--wait-until", "friday", "'friday' is not one of "),
            ("--collect", "html,", "'' is not one of html, text, pdf, "),
            ("--timeout", "1s", "'1s' is not a valid integer."),
            ("--device-scale-factor", "two", "'two' is not a number."),
            ("--device-scale-factor", "nan", "'nan' is not a number."),
            ("--device-scale-factor", "9" * 400, "is not a number."),
            ("--metadata", "order", "'order' is not like NAME=VALUE."),
            ("--metadata", "=7", "'=7' is not like NAME=VALUE."),
            ("--extra-http-headers", "Accept", "'Accept' is not like NAME:VALUE."),
            ("--tags", "\udcff", r"'\udcff' is not Unicode text."),
        ],
    )
    def test_what_cannot_be_meant_is_refused_by_the_option(
        self, farm: FakeFarm, name: str, value: str, reason: str
    ) -> None:
        said = refused(farm, name, value)
        assert said.startswith(f"Error: Invalid value for '{name}': ")
        assert reason in said

    def test_the_same_name_twice_is_refused(self, farm: FakeFarm) -> None:
        said = refused(farm, "--metadata", "a=1", "--metadata", "a=2")
        assert said == "Error: Invalid value for '--metadata': 'a' is given twice."


class TestJson:
    @pytest.mark.parametrize(
        "value",
        ["session=1", '[{"name": ', '[{"expires": 1e999}]', '["\\ud83d"]', "[" * 100_000, "[NaN]"],
        ids=["text", "cut off", "infinite", "half a pair", "deep", "nan"],
    )
    def test_what_is_not_json_is_refused_by_the_option(self, farm: FakeFarm, value: str) -> None:
        said = refused(farm, "--cookies", value)
        assert said.startswith("Error: Invalid value for '--cookies': That is not JSON: ")

    def test_a_selector_to_wait_for_is_a_text_or_json(self, farm: FakeFarm) -> None:
        said = refused(farm, "--wait-for-selector", "{#chart")
        assert said.startswith("Error: Invalid value for '--wait-for-selector': That is not JSON")


class TestFiles:
    def test_a_text_may_come_from_a_file(self, farm: FakeFarm, tmp_path: Path) -> None:
        (tmp_path / "a.js").write_text("first()\n\n", encoding="utf-8")
        (tmp_path / "b.js").write_bytes(b"\xef\xbb\xbf'\xc3\xa4'\r\n")
        arguments = ["--scripts", "@a.js", "--scripts", "@b.js", "--scripts", "third()"]
        assert sent(farm, *arguments) == {"scripts": ["first()\n", "'ä'", "third()"]}

    def test_a_value_of_a_pair_may_come_from_a_file(self, farm: FakeFarm, tmp_path: Path) -> None:
        (tmp_path / "token").write_text("Bearer secret\n", encoding="utf-8")
        found = sent(farm, "--extra-http-headers", "Authorization: @token")
        assert found == {"extra_http_headers": {"Authorization": "Bearer secret"}}

    def test_json_may_come_from_a_file(self, farm: FakeFarm, tmp_path: Path) -> None:
        state: dict[str, Any] = {"cookies": [], "origins": []}
        (tmp_path / "state.json").write_text(json.dumps(state, indent=2), encoding="utf-8")
        assert sent(farm, "--storage-state", "@state.json") == {"storage_state": state}

    def test_two_at_signs_are_one_that_is_meant(self, farm: FakeFarm) -> None:
        arguments = ["--style", "@@media print {}", "--metadata", "author=@@ann"]
        assert sent(farm, *arguments) == {
            "style": "@media print {}",
            "metadata": {"author": "@ann"},
        }

    def test_a_file_that_is_not_there_is_named_with_the_way_out(self, farm: FakeFarm) -> None:
        said = refused(farm, "--style", "@media print {}")
        assert said == (
            "Error: Invalid value for '--style': The file 'media print {}' cannot be read: "
            "No such file or directory; write @@ for an @ that is part of the value."
        )

    def test_a_file_that_is_no_text_is_refused(self, farm: FakeFarm, tmp_path: Path) -> None:
        (tmp_path / "a.js").write_bytes(b"\xff\xfe")
        said = refused(farm, "--scripts", "@a.js")
        assert said == "Error: Invalid value for '--scripts': The text in 'a.js' is not UTF-8."
