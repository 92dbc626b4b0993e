"""The commands for pages: what the SOURCE may be, and what is written where."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from farm.client.cli import cli
from tests.support.fake_farm import CONTENT, DNS_ERROR, DOCUMENT, PICTURE, FakeFarm

PAGE = "https://example.com/"
HTML = "<!doctype html><h1>Ça</h1>\n"


pytestmark = pytest.mark.usefixtures("at_a_farm")


@pytest.fixture
def farm() -> FakeFarm:
    return FakeFarm()


def run(farm: FakeFarm, *arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(cli, arguments, input=stdin, obj=farm.client, prog_name="farm")


def spec(farm: FakeFarm) -> Any:
    return json.loads(farm.requests[0].content)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


class TestSource:
    def test_a_url_is_sent_as_it_is(self, farm: FakeFarm) -> None:
        run(farm, "pdf", "HTTPS://example.com/a?b#c", "-o", "x.pdf")
        assert spec(farm) == {"kind": "pdf", "url": "HTTPS://example.com/a?b#c"}

    def test_a_file_is_the_page_itself(self, farm: FakeFarm, tmp_path: Path) -> None:
        (tmp_path / "page.html").write_text(HTML, encoding="utf-8")
        run(farm, "content", "page.html")
        assert spec(farm) == {"kind": "content", "html": HTML}

    def test_a_dash_is_the_page_from_stdin(self, farm: FakeFarm) -> None:
        run(farm, "screenshot", "-", "-o", "x.png", stdin=HTML)
        assert spec(farm) == {"kind": "screenshot", "html": HTML, "type": "png"}

    def test_a_page_that_is_no_utf_8_is_refused(self, farm: FakeFarm) -> None:
        done = run(farm, "content", "-", stdin=b"\xff")
        assert done.exit_code == 2
        assert "'SOURCE': The text in standard input is not UTF-8." in done.stderr
        assert farm.requests == []


class TestResults:
    def test_a_pdf_is_written_and_nothing_is_said(self, farm: FakeFarm, tmp_path: Path) -> None:
        done = run(farm, "pdf", PAGE, "-o", "x.pdf")
        assert (done.exit_code, done.output) == (0, "")
        assert (tmp_path / "x.pdf").read_bytes() == DOCUMENT

    def test_a_pdf_can_go_to_stdout(self, farm: FakeFarm) -> None:
        assert run(farm, "pdf", PAGE, "-o", "-").stdout_bytes == DOCUMENT

    def test_content_goes_to_stdout_as_json_for_people(self, farm: FakeFarm) -> None:
        done = run(farm, "content", PAGE)
        assert json.loads(done.stdout) == CONTENT
        assert '  "title": "Ça, 動画",' in done.stdout.splitlines()

    def test_content_can_be_written(self, farm: FakeFarm, tmp_path: Path) -> None:
        done = run(farm, "content", PAGE, "-o", "x.json", "--json")
        assert json.loads((tmp_path / "x.json").read_bytes()) == CONTENT
        assert json.loads(done.stdout)["kind"] == "content"

    def test_warnings_go_to_stderr(self, farm: FakeFarm) -> None:
        farm.warnings = ["A font\nnever came.", "It is long."]
        done = run(farm, "screenshot", PAGE, "-o", "-", "--type", "png")
        assert done.stdout_bytes == PICTURE
        assert done.stderr == "Warning: A font\\nnever came.\nWarning: It is long.\n"

    def test_warnings_of_a_failed_job_come_before_its_failure(self, farm: FakeFarm) -> None:
        farm.warnings = ["A font never came."]
        farm.failure = DNS_ERROR
        done = run(farm, "pdf", PAGE, "-o", "x.pdf")
        assert done.exit_code == 1
        assert [line.partition(":")[0] for line in done.stderr.splitlines()] == [
            "Warning",
            "dns_error",
        ]


class TestFurtherArtifacts:
    def test_they_are_saved_beside_the_output(self, farm: FakeFarm, tmp_path: Path) -> None:
        (tmp_path / "shots").mkdir()
        run(farm, "screenshot", PAGE, "-o", "shots/a.b.png", "--collect", "html,har")
        assert files(tmp_path) == ["shots/a.b.network.har", "shots/a.b.page.html", "shots/a.b.png"]
        assert (tmp_path / "shots/a.b.page.html").read_bytes() == b"<p>Hello</p>"

    def test_a_folder_of_their_own_has_them_by_their_names(
        self, farm: FakeFarm, tmp_path: Path
    ) -> None:
        (tmp_path / "more").mkdir()
        arguments = ["--collect", "text,thumbnail", "--artifacts", "more"]
        run(farm, "pdf", PAGE, "-o", "x.pdf", *arguments)
        assert files(tmp_path) == ["more/page.txt", "more/thumbnail.webp", "x.pdf"]

    def test_with_such_a_folder_the_result_can_go_to_stdout(
        self, farm: FakeFarm, tmp_path: Path
    ) -> None:
        done = run(farm, "content", PAGE, "--collect", "pdf", "--artifacts", ".")
        assert json.loads(done.stdout) == CONTENT
        assert files(tmp_path) == ["page.pdf"]

    def test_without_one_nothing_is_asked_of_the_farm(self, farm: FakeFarm) -> None:
        done = run(farm, "content", PAGE, "--collect", "pdf")
        assert done.exit_code == 2
        assert "--artifacts" in done.stderr
        assert farm.requests == []

    @pytest.mark.parametrize("name", ["../x.html", "a/b", "..", ".bashrc", "a\\b", "", "c:d"])
    def test_a_name_cannot_lead_out_of_the_folder(
        self, farm: FakeFarm, tmp_path: Path, name: str
    ) -> None:
        farm.further = [name]
        done = run(farm, "screenshot", PAGE, "-o", "x.png", "--artifacts", ".")
        assert done.exit_code == 3
        assert "odd name" in done.stderr
        assert files(tmp_path) == ["x.png"]
