"""The command ``farm probe``: tables for people, JSON for programs, one source or many."""

import json
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from farm.client.cli import cli
from farm.client.errors import UnreadableAnswer
from farm.client.probes import IN_FLIGHT
from tests.support.fake_farm import DNS_ERROR, REPORT, STILLS, FakeFarm, problem

CLIP = "https://example.com/a/clip.mp4"
OTHER = "https://example.com/b/clip.mp4"
IN_FULL = """\
https://example.com/a/clip.mp4
container  QuickTime / MOV (mov,mp4,m4a,3gp,3g2,mj2)
duration   1:02:03 (3,723.400 s)
size       12.3 MB (12,345,678 bytes)
bit rate   26 kb/s
video      hevc (Main 10), 1920x1080, 16:9, 29.97 fps, 111,600 frames, 10 bit, \
yuv420p10le, HDR10, rotated 90°, 24 kb/s
cover      yes
audio      aac (LC), 6 ch (5.1), 48,000 Hz, eng, "Ça, 動画"
           ac3, 2 ch, ger, comment
subtitles  mov_text, ger, forced
chapters   0:00:00  First
           0:01:01
tags       title: A test
           encoder: Lavf
"""


pytestmark = pytest.mark.usefixtures("at_a_farm")


@pytest.fixture
def farm() -> FakeFarm:
    return FakeFarm()


def run(farm: FakeFarm, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["probe", *arguments], obj=farm.client, prog_name="farm")


def lines(done: Result) -> list[Any]:
    return [json.loads(each) for each in done.stdout.splitlines()]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


class TestOneSource:
    def test_it_is_a_table(self, farm: FakeFarm) -> None:
        done = run(farm, CLIP)
        assert (done.exit_code, done.stdout, done.stderr) == (0, IN_FULL, "")

    def test_the_options_are_sent(self, farm: FakeFarm) -> None:
        run(farm, CLIP, "--timeout", "60000", "--select-streams", "a:0")
        assert json.loads(farm.requests[0].content) == {
            "kind": "probe",
            "url": CLIP,
            "timeout": 60000,
            "select_streams": "a:0",
        }

    def test_a_file_is_uploaded_and_dropped(self, farm: FakeFarm, tmp_path: Path) -> None:
        (tmp_path / "clip.mp4").write_bytes(b"bytes")
        done = run(farm, "clip.mp4")
        assert done.stdout == IN_FULL.replace(CLIP, "clip.mp4")
        assert farm.asked[0] == "POST /v1/uploads"
        assert farm.uploads == {}

    def test_a_failure_is_said_on_stderr(self, farm: FakeFarm, tmp_path: Path) -> None:
        farm.failure = DNS_ERROR
        done = run(farm, CLIP, "-o", "x.txt")
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr == "dns_error: The name nowhere.test does not resolve.\n"
        assert files(tmp_path) == []

    def test_a_table_can_be_written(self, farm: FakeFarm, tmp_path: Path) -> None:
        done = run(farm, CLIP, "-o", "x.txt")
        assert (done.exit_code, done.output) == (0, "")
        assert (tmp_path / "x.txt").read_text(encoding="utf-8") == IN_FULL

    def test_what_a_stranger_wrote_cannot_steer_the_terminal(self, farm: FakeFarm) -> None:
        tags = {"title": "a\x1b[2Jb\nc[bold]d:smile:", "\x9b1m": "\u202e"}
        farm.report = {"summary": {"tags": tags}}
        said = run(farm, CLIP).stdout.splitlines()
        assert said[-2:] == [
            r"tags  title: a\x1b[2Jb\nc[bold]d:smile:",
            r"      \x9b1m: \u202e",
        ]

    def test_of_long_lists_and_values_it_shows_the_beginning(self, farm: FakeFarm) -> None:
        tags = {f"tag-{number}": "x" * 1000 for number in range(1000)}
        farm.report = {"summary": {"tags": tags}}
        said = run(farm, CLIP).stdout.splitlines()
        assert said[-1].strip() == "… and 980 more; --json has them"
        assert max(map(len, said)) < 220

    def test_packets_and_frames_are_counted(self, farm: FakeFarm) -> None:
        farm.report = {"ffprobe": {"packets_and_frames": [{}] * 1234}}
        assert run(farm, CLIP).stdout.splitlines()[-1] == (
            "further  1,234 packets and frames; --json has them"
        )

    def test_what_the_file_does_not_say_has_no_row(self, farm: FakeFarm) -> None:
        farm.report = {"summary": {"duration": None, "video": None, "audio": []}}
        assert run(farm, CLIP).stdout == f"{CLIP}\n"

    def test_a_failure_leaves_the_old_file(self, farm: FakeFarm, tmp_path: Path) -> None:
        (tmp_path / "x.json").write_bytes(b"old")
        farm.failure = DNS_ERROR
        assert run(farm, CLIP, "-o", "x.json").exit_code == 1
        assert (tmp_path / "x.json").read_bytes() == b"old"


class TestManySources:
    def test_each_is_a_line_in_the_order_of_the_arguments(self, farm: FakeFarm) -> None:
        farm.failures = {OTHER: DNS_ERROR}
        done = run(farm, "HTTPS://example.com/c.mkv", OTHER, CLIP)
        assert done.stdout.splitlines() == [
            "HTTPS://example.com/c.mkv       mov       1:02:03   hevc 1920x1080@29.97  aac 6ch +1",
            f"{OTHER}  dns_error: The name nowhere.test does not resolve.",
            f"{CLIP}  mp4       1:02:03   hevc 1920x1080@29.97  aac 6ch +1",
        ]
        assert done.exit_code == 1

    def test_all_good_exits_with_0(self, farm: FakeFarm) -> None:
        assert run(farm, CLIP, OTHER).exit_code == 0

    def test_the_same_twice_is_probed_twice(self, farm: FakeFarm) -> None:
        assert len(run(farm, CLIP, CLIP).stdout.splitlines()) == 2

    def test_several_jobs_are_open_at_once(self, farm: FakeFarm) -> None:
        farm.barrier = threading.Barrier(IN_FLIGHT)
        assert run(farm, *[CLIP] * IN_FLIGHT).exit_code == 0

    def test_warnings_name_their_source(self, farm: FakeFarm) -> None:
        farm.warnings = ["There is no picture at 9 s."]
        done = run(farm, CLIP, OTHER)
        assert done.stderr.splitlines() == [
            f"Warning: {source}: There is no picture at 9 s." for source in (CLIP, OTHER)
        ]

    def test_a_source_that_the_farm_refuses_spoils_no_other(self, farm: FakeFarm) -> None:
        refused = problem(413, "payload_too_large", "Too large.")
        farm.troubles = [refused]
        done = run(farm, CLIP, OTHER, "--json")
        assert done.exit_code == 1
        failures = [each["failure"] for each in lines(done) if "failure" in each]
        assert failures == [
            {"code": "payload_too_large", "message": "Too large.", "retryable": False}
        ]

    def test_a_file_that_cannot_be_read_spoils_no_other(
        self, farm: FakeFarm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "clip.mp4").write_bytes(b"bytes")
        monkeypatch.setattr(Path, "open", _denied)
        bad, good = lines(run(farm, "clip.mp4", CLIP, "--json"))
        assert bad["job_id"] is None
        assert bad["failure"]["code"] == "unreadable_file"
        assert good["ffprobe"] == REPORT["ffprobe"]

    def test_options_that_the_farm_refuses_are_said_once(self, farm: FakeFarm) -> None:
        fields = [{"field": "frame_limit", "message": "too many"}]
        farm.troubles = [
            problem(422, "invalid_spec", "frame_limit: too many", errors=fields) for _ in range(9)
        ]
        done = run(farm, CLIP, OTHER, CLIP)
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == "Error: frame_limit: too many\n"

    def test_a_farm_that_is_away_is_said_once(self, farm: FakeFarm) -> None:
        farm.troubles = [httpx.ConnectError("[Errno 111] Connection refused") for _ in range(9)]
        done = run(farm, CLIP, OTHER, CLIP)
        assert done.exit_code == 3
        assert done.stderr.count("\n") == 1


class TestJson:
    def test_one_source_is_one_line(self, farm: FakeFarm) -> None:
        done = run(farm, CLIP, "--json")
        assert lines(done) == [{"source": CLIP, "job_id": "job-1", **REPORT}]
        assert "動画" in done.stdout

    def test_many_are_a_line_each_the_failed_ones_too(self, farm: FakeFarm) -> None:
        farm.failures = {OTHER: DNS_ERROR}
        done = run(farm, CLIP, OTHER, "--json")
        good, bad = lines(done)
        assert list(good) == ["source", "job_id", "summary", "ffprobe"]
        assert (bad["source"], bad["failure"]) == (OTHER, DNS_ERROR)
        assert done.exit_code == 1

    def test_a_single_failure_is_a_line_too(self, farm: FakeFarm) -> None:
        farm.failure = DNS_ERROR
        done = run(farm, CLIP, "--json")
        assert done.exit_code == 1
        assert lines(done) == [{"source": CLIP, "job_id": "job-1", "failure": DNS_ERROR}]

    @pytest.mark.parametrize(
        ("arguments", "is_json"),
        [
            (["-o", "x.json"], True),
            (["-o", "x.NDJSON"], True),
            (["-o", "x.txt"], False),
            (["-o", "x.json", "--table"], False),
            (["-o", "x.txt", "--json"], True),
        ],
    )
    def test_the_file_names_the_form_unless_it_is_given(
        self, farm: FakeFarm, tmp_path: Path, arguments: list[str], *, is_json: bool
    ) -> None:
        run(farm, CLIP, *arguments)
        assert (tmp_path / arguments[1]).read_bytes().startswith(b"{") is is_json

    def test_a_report_that_is_on_the_job_is_not_asked_for(self, farm: FakeFarm) -> None:
        client = farm.client()
        job = client.job(farm.add_job("probe", report={**REPORT, "timings_ms": {}}))
        assert client.report(job) == REPORT
        assert farm.asked == ["GET /v1/jobs/job-1"]

    def test_a_report_that_is_no_object_is_not_read(self, farm: FakeFarm) -> None:
        client = farm.client()
        job = client.job(farm.add_job("probe"))
        farm.troubles = [httpx.Response(200, json=[])]
        with pytest.raises(UnreadableAnswer, match="is not a JSON object"):
            client.report(job)


class TestStills:
    def test_those_of_one_source_have_the_farm_s_names(
        self, farm: FakeFarm, tmp_path: Path
    ) -> None:
        done = run(farm, CLIP, "--thumbnails", '{"count": 1, "columns": 1}', "--artifacts", ".")
        assert files(tmp_path) == sorted(STILLS)
        assert (tmp_path / STILLS[0]).read_bytes() == STILLS[0].encode()
        assert done.stdout.splitlines()[-2:] == [
            "stills     still-001.webp",
            "           contact-sheet.webp",
        ]

    def test_those_of_many_have_the_names_of_their_sources(
        self, farm: FakeFarm, tmp_path: Path
    ) -> None:
        odd = "https://example.com/..%2F%C3%A7a%20%7C.mp4?x=/y.mp4"
        arguments = ["--thumbnails", '{"count": 1}', "--artifacts", ".", "--json"]
        done = run(farm, CLIP, OTHER, odd, "https://example.com", *arguments)
        prefixes = ["clip", "clip-2", "_a__", "media"]
        expected = [[f"{prefix}.{name}" for name in STILLS] for prefix in prefixes]
        assert [each["stills"] for each in lines(done)] == expected
        assert files(tmp_path) == sorted(name for names in expected for name in names)

    def test_a_name_cannot_lead_out_of_the_folder(self, farm: FakeFarm, tmp_path: Path) -> None:
        farm.further = ["../x.webp"]
        done = run(farm, CLIP, "--artifacts", ".")
        assert done.exit_code == 3
        assert files(tmp_path) == []


def _denied(*_: Any, **__: Any) -> Any:
    raise PermissionError(13, "Permission denied")
