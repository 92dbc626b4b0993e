"""The command ``farm`` against a farm in memory: files, output, exit codes."""

import importlib.metadata
import json
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from farm.client.cli import cli
from tests.support.fake_farm import (
    DNS_ERROR,
    PICTURE,
    FakeFarm,
    problem,
)

PAGE = "https://example.com/"


pytestmark = pytest.mark.usefixtures("at_a_farm")


@pytest.fixture
def farm() -> FakeFarm:
    return FakeFarm()


def run(farm: FakeFarm, *arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, obj=farm.client, prog_name="farm")


class TestScreenshot:
    def test_the_picture_is_written_and_nothing_is_said(
        self, farm: FakeFarm, tmp_path: Path
    ) -> None:
        done = run(farm, "screenshot", PAGE, "-o", "x.png")
        assert (done.exit_code, done.output) == (0, "")
        assert (tmp_path / "x.png").read_bytes() == PICTURE
        assert json.loads(farm.requests[0].content) == {
            "kind": "screenshot",
            "url": PAGE,
            "type": "png",
        }

    @pytest.mark.parametrize(
        ("name", "kind"), [("x.PNG", "png"), ("x.jpeg", "jpeg"), ("x.webp", "webp")]
    )
    def test_the_file_names_the_type(self, farm: FakeFarm, name: str, kind: str) -> None:
        run(farm, "screenshot", PAGE, "-o", name)
        assert json.loads(farm.requests[0].content)["type"] == kind

    def test_a_type_that_is_named_outranks_the_file(self, farm: FakeFarm) -> None:
        run(farm, "screenshot", PAGE, "-o", "x.png", "--type", "webp")
        assert json.loads(farm.requests[0].content)["type"] == "webp"

    def test_a_dash_writes_the_bytes_to_stdout(self, farm: FakeFarm, tmp_path: Path) -> None:
        done = run(farm, "screenshot", PAGE, "-o", "-", "--type", "png")
        assert done.stdout_bytes == PICTURE
        assert list(tmp_path.iterdir()) == []

    def test_the_job_can_be_had_as_json(self, farm: FakeFarm) -> None:
        job = json.loads(run(farm, "screenshot", PAGE, "-o", "x.png", "--json").stdout)
        assert (job["id"], job["state"]) == ("job-1", "succeeded")
        assert job["created_at"] == "2026-01-02T03:04:05.006Z"

    @pytest.mark.parametrize(
        "arguments",
        [
            ["screenshot", PAGE],
            ["screenshot", PAGE, "-o", "x.gif"],
            ["screenshot", PAGE, "-o", "-"],
            ["screenshot", PAGE, "-o", "-", "--type", "png", "--json"],
            ["screenshot", PAGE, "-o", "nowhere/x.png"],
            ["screenshot", PAGE, "-o", ".", "--type", "png"],
            ["screenshot", "none.html", "-o", "x.png"],
            ["screenshot", ".", "-o", "x.png"],
            ["screenshot", "ftp://example.com/", "-o", "x.png"],
            ["pdf", PAGE],
            ["pdf", PAGE, "-o", "-", "--json"],
            ["pdf", PAGE, "-o", "-", "--collect", "html"],
            ["pdf", PAGE, "-o", "x.pdf", "--artifacts", "nowhere"],
            ["content", PAGE, "--json"],
            ["content", PAGE, "--collect", "html"],
            ["probe"],
            ["probe", "none.mp4"],
            ["probe", PAGE, "none.mp4"],
            ["probe", PAGE, "--thumbnails", '{"count": 1}'],
            ["probe", PAGE, "--artifacts", "nowhere"],
            ["probe", "."],
            ["probe", "ftp://example.com/a.mp4"],
        ],
    )
    def test_wrong_usage_asks_nothing_of_the_farm(
        self, farm: FakeFarm, arguments: list[str]
    ) -> None:
        done = run(farm, *arguments)
        assert done.exit_code == 2
        assert "Error" in done.stderr
        assert farm.requests == []


class TestFailures:
    def test_a_failed_job_says_why(self, farm: FakeFarm) -> None:
        farm.failure = DNS_ERROR
        done = run(farm, "screenshot", PAGE, "-o", "x.png")
        assert done.exit_code == 1
        assert done.stderr == "dns_error: The name nowhere.test does not resolve.\n"
        assert done.stdout == ""

    def test_a_failed_job_writes_no_file(self, farm: FakeFarm, tmp_path: Path) -> None:
        farm.failure = DNS_ERROR
        run(farm, "screenshot", PAGE, "-o", "x.png")
        run(farm, "probe", "https://example.com/a.mp4", "-o", "x.json")
        assert list(tmp_path.iterdir()) == []

    def test_a_failed_job_leaves_the_old_file(self, farm: FakeFarm, tmp_path: Path) -> None:
        (tmp_path / "x.png").write_bytes(b"old")
        farm.failure = DNS_ERROR
        run(farm, "screenshot", PAGE, "-o", "x.png")
        assert (tmp_path / "x.png").read_bytes() == b"old"

    def test_a_failed_job_can_be_had_as_json(self, farm: FakeFarm) -> None:
        farm.failure = DNS_ERROR
        done = run(farm, "screenshot", PAGE, "-o", "x.png", "--json")
        assert done.exit_code == 1
        assert json.loads(done.stdout)["failure"]["code"] == "dns_error"

    def test_what_a_stranger_wrote_cannot_steer_the_terminal(self, farm: FakeFarm) -> None:
        farm.failure = DNS_ERROR | {"message": "a\x1b[2Jb\r\nc\u202ed \x9b1m"}
        done = run(farm, "screenshot", PAGE, "-o", "x.png")
        assert done.stderr == "dns_error: a\\x1b[2Jb\\r\\nc\\u202ed \\x9b1m\n"

    def test_a_refused_spec_names_each_field(self, farm: FakeFarm) -> None:
        fields = [
            {"field": "url", "message": "has no host"},
            {"field": "quality", "message": "png has no quality"},
        ]
        farm.troubles = [problem(422, "invalid_spec", "url: has no host", errors=fields)]
        done = run(farm, "screenshot", PAGE, "-o", "x.png")
        assert done.exit_code == 2
        assert done.stderr == "Error: url: has no host\n  quality: png has no quality\n"

    @pytest.mark.parametrize(
        ("trouble", "code"),
        [
            (problem(401, "unauthorized", "No such key."), 4),
            (problem(429, "queue_full", "The queue is full."), 4),
            (problem(503, "backend_unavailable", "Redis is away."), 3),
            (httpx.ConnectError("[Errno 111] Connection refused"), 3),
            (httpx.Response(200, html="<h1>Welcome</h1>"), 3),
            (problem(413, "payload_too_large", "Too large."), 2),
        ],
        ids=["key", "limit", "unavailable", "unreachable", "no farm", "too large"],
    )
    def test_an_error_is_one_sentence_and_an_exit_code(
        self, farm: FakeFarm, trouble: httpx.Response | Exception, code: int
    ) -> None:
        farm.troubles = [trouble] * 4
        done = run(farm, "screenshot", PAGE, "-o", "x.png")
        assert done.exit_code == code
        assert done.stderr.startswith("Error: ")
        assert done.stderr.count("\n") == 1

    def test_an_address_that_cannot_be_used_is_bad_input(self, farm: FakeFarm) -> None:
        done = run(farm, "--url", "localhost:8000", "show", "job-1")
        assert done.exit_code == 2
        assert "http://127.0.0.1:8000" in done.stderr

    def test_ctrl_c_exits_as_interrupted(self, farm: FakeFarm) -> None:
        farm.troubles = [KeyboardInterrupt()]
        done = run(farm, "screenshot", PAGE, "-o", "x.png")
        assert done.exit_code == 130
        assert done.stderr == "Interrupted.\n"

    def test_a_file_that_cannot_be_written_is_bad_input(
        self, farm: FakeFarm, tmp_path: Path
    ) -> None:
        name = "x" * 300 + ".png"
        done = run(farm, "screenshot", PAGE, "-o", name)
        assert done.exit_code == 2
        assert "File name too long" in done.stderr
        assert list(tmp_path.iterdir()) == []


class TestShow:
    def test_a_job_is_shown_for_people(self, farm: FakeFarm) -> None:
        done = run(farm, "show", farm.add_job())
        assert done.exit_code == 0
        assert done.stdout.splitlines() == [
            "id        job-1",
            "kind      screenshot",
            "state     succeeded",
            "attempt   1",
            "url       https://example.com/",
            "created   2026-01-02T03:04:05.006Z",
            "started   2026-01-02T03:04:05.106Z",
            "finished  2026-01-02T03:04:06.006Z",
            "expires   2026-01-03T03:04:06.006Z",
            "timings   load 210 ms, capture 60 ms",
            "artifact  screenshot.png  image/png  153,608 bytes",
        ]

    def test_a_failed_job_is_shown_with_its_failure(self, farm: FakeFarm) -> None:
        farm.failure = DNS_ERROR
        done = run(farm, "show", farm.add_job(warnings=["A font never came."]))
        assert done.exit_code == 0
        assert "failure   dns_error: The name nowhere.test does not resolve." in done.stdout
        assert "warning   A font never came." in done.stdout

    def test_a_job_that_was_queued_again_is_shown_with_what_was_before(
        self, farm: FakeFarm
    ) -> None:
        farm.failure = DNS_ERROR
        job_id = farm.add_job()
        run(farm, "retry", job_id)
        lines = run(farm, "show", job_id).stdout.splitlines()
        assert "retries   1" in lines
        assert "before    dns_error: The name nowhere.test does not resolve." in lines

    def test_an_open_job_is_shown_without_an_end(self, farm: FakeFarm) -> None:
        job_id = farm.add_job()
        farm.answers_before_the_end = 1
        done = run(farm, "show", job_id)
        assert "finished  -" in done.stdout
        assert "artifact" not in done.stdout

    def test_a_job_is_shown_as_json(self, farm: FakeFarm) -> None:
        job = json.loads(run(farm, "show", farm.add_job(), "--json").stdout)
        assert job["artifacts"][0]["name"] == "screenshot.png"

    def test_an_unknown_job_is_bad_input(self, farm: FakeFarm) -> None:
        done = run(farm, "show", "nope")
        assert (done.exit_code, done.stderr) == (2, "Error: There is no job 'nope'.\n")


class TestTheCommandItself:
    def test_options_outrank_the_variables(
        self, farm: FakeFarm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FARM_KEY", "k-1")
        run(farm, "--url", "https://farm.example", "--key", "k-2", "show", farm.add_job())
        assert farm.requests[0].url.host == "farm.example"
        assert farm.requests[0].headers["Authorization"] == "Bearer k-2"

    def test_the_variables_name_address_and_key(
        self, farm: FakeFarm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FARM_KEY", "k-1")
        run(farm, "show", farm.add_job())
        assert farm.requests[0].url.host == "farm.test"
        assert farm.requests[0].headers["Authorization"] == "Bearer k-1"

    def test_the_version_is_that_of_the_package(
        self, farm: FakeFarm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(importlib.metadata, "version", lambda _: "1.2.3")
        assert run(farm, "--version").stdout == "farm, version 1.2.3\n"

    @pytest.mark.parametrize("command", list(cli.commands))
    def test_every_command_explains_itself(self, farm: FakeFarm, command: str) -> None:
        done = run(farm, command, "--help")
        assert done.exit_code == 0
        assert done.stdout.startswith(f"Usage: farm {command}")
