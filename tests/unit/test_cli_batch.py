"""The command ``farm batch`` against a farm in memory: what is saved, said, and gone on with."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from farm.client.cli import cli
from farm.client.lists.entries import Entry
from farm.client.lists.items import apart, wanted
from farm.client.lists.manifest import opened
from farm.client.lists.run import Run, Wishes
from farm.client.lists.telling import Telling
from tests.support.fake_farm import DNS_ERROR, PICTURE, FakeFarm, problem

SITE = "https://example.com"


pytestmark = pytest.mark.usefixtures("at_a_farm")


@pytest.fixture
def farm() -> FakeFarm:
    return FakeFarm()


def run(farm: FakeFarm, *arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(cli, arguments, obj=farm.client, prog_name="farm", input=stdin)


def batch(farm: FakeFarm, urls: Sequence[str], *arguments: str) -> Result:
    Path("urls.txt").write_text("".join(f"{url}\n" for url in urls), encoding="utf-8")
    return run(farm, "batch", "urls.txt", "-o", "shots", *arguments)


def urls(count: int) -> list[str]:
    return [f"{SITE}/{number}" for number in range(count)]


def files() -> set[str]:
    found = {str(path.relative_to("shots")) for path in Path("shots").rglob("*") if path.is_file()}
    return found - {"manifest.jsonl"}


def sent(farm: FakeFarm) -> list[Any]:
    """Return what was asked for, batch by batch."""
    return [
        json.loads(request.content)
        for request in farm.requests
        if request.method == "POST" and request.url.path == "/v1/batches"
    ]


def fetched(farm: FakeFarm) -> int:
    return sum("/artifacts/" in request.url.path for request in farm.requests)


def manifest() -> list[Any]:
    lines = Path("shots/manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line]


@contextmanager
def room_for_files(size_bytes: int) -> Iterator[None]:
    """Let no file grow beyond this size, as on a disk that is full."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class TestAList:
    def test_every_address_becomes_a_file(self, farm: FakeFarm) -> None:
        done = batch(farm, urls(3), "--full-page", "--per-host-concurrency", "5")
        assert (done.exit_code, done.stdout) == (0, "")
        assert done.stderr == "3 done\n"
        assert files() == {"example.com-0.png", "example.com-1.png", "example.com-2.png"}
        assert {Path("shots", name).read_bytes() for name in files()} == {PICTURE}
        assert sent(farm) == [
            {
                "defaults": {"kind": "screenshot", "full_page": True},
                "items": urls(3),
                "dedupe": False,
                "per_host_concurrency": 5,
            }
        ]

    def test_the_manifest_tells_what_became_of_each(self, farm: FakeFarm) -> None:
        farm.failures[f"{SITE}/1"] = DNS_ERROR
        assert batch(farm, urls(2)).exit_code == 1
        request, made, *items = manifest()
        assert request["type"] == "request"
        assert (made["key"], made["batch_id"]) == (request["key"], "batch-1")
        by_url = {line["url"]: line for line in items}
        good, bad = by_url[f"{SITE}/0"], by_url[f"{SITE}/1"]
        assert {good["item"], bad["item"]} == set(request["items"])
        assert (good["state"], good["job_id"], good["batch_id"]) == (
            "succeeded",
            "job-1",
            "batch-1",
        )
        assert good["files"] == [
            {
                "artifact": "screenshot.png",
                "path": "example.com-0.png",
                "sha256": hashlib.sha256(PICTURE).hexdigest(),
            }
        ]
        assert bad["error"] == {"code": DNS_ERROR["code"], "message": DNS_ERROR["message"]}

    def test_a_failure_is_told_with_its_line_and_counted(self, farm: FakeFarm) -> None:
        farm.failures[f"{SITE}/1"] = DNS_ERROR
        done = batch(farm, ["# a comment", *urls(3)])
        assert done.stderr.splitlines() == [
            f"line 3: {SITE}/1: dns_error: The name nowhere.test does not resolve.",
            "2 done, 1 failed (dns_error 1)",
        ]

    def test_quiet_is_quiet(self, farm: FakeFarm) -> None:
        farm.failures[f"{SITE}/1"] = DNS_ERROR
        done = batch(farm, [*urls(3), *urls(1)], "--quiet")
        assert (done.exit_code, done.output) == (1, "")

    def test_json_is_a_line_for_each(self, farm: FakeFarm) -> None:
        farm.failures[f"{SITE}/1"] = DNS_ERROR
        lines = [json.loads(line) for line in batch(farm, urls(2), "--json").stdout.splitlines()]
        assert {line["line"]: line["state"] for line in lines} == {1: "succeeded", 2: "failed"}
        assert all(line["job_id"] and line["batch_id"] for line in lines)

    @pytest.mark.parametrize(
        ("kind", "suffix"), [("pdf", "pdf"), ("content", "json"), ("probe", "json")]
    )
    def test_other_kinds_have_their_own_options_and_suffixes(
        self, farm: FakeFarm, kind: str, suffix: str
    ) -> None:
        option = ["--landscape"] if kind == "pdf" else ["--timeout", "9000"]
        done = batch(farm, urls(1), "--kind", kind, *option)
        assert done.exit_code == 0, done.output
        assert files() == {f"example.com-0.{suffix}"}
        assert sent(farm)[0]["defaults"]["kind"] == kind

    def test_an_option_of_another_kind_is_none(self, farm: FakeFarm) -> None:
        done = batch(farm, urls(1), "--kind=pdf", "--full-page")
        assert done.exit_code == 2
        assert "No such option" in done.stderr

    def test_the_help_has_the_options_of_the_kind(self, farm: FakeFarm) -> None:
        assert "--landscape" in run(farm, "batch", "--kind", "pdf", "--help").stdout
        assert "--landscape" not in run(farm, "batch", "--help").stdout

    def test_a_list_may_come_from_stdin(self, farm: FakeFarm) -> None:
        listed = b"\xef\xbb\xbf" + f"{SITE}/0\r\n\r\n{SITE}/1\r\n".encode()
        assert run(farm, "batch", "-", "-o", "shots", stdin=listed).exit_code == 0
        assert sent(farm)[0]["items"] == urls(2)

    def test_specs_that_differ_are_sent_whole(self, farm: FakeFarm) -> None:
        specs = [{"url": f"{SITE}/0", "kind": "pdf"}, {"url": f"{SITE}/1", "full_page": True}]
        Path("list.ndjson").write_text("".join(json.dumps(spec) + "\n" for spec in specs))
        assert run(farm, "batch", "list.ndjson", "-o", "shots").exit_code == 0
        assert sent(farm)[0]["defaults"] == {}
        assert files() == {"example.com-0.pdf", "example.com-1.png"}

    def test_what_is_collected_lies_beside_the_result(self, farm: FakeFarm) -> None:
        assert batch(farm, urls(1), "--collect", "html,har").exit_code == 0
        assert files() == {"example.com-0.png"} | {
            f"example.com-0.{name}" for name in ("page.html", "network.har")
        }
        assert len(manifest()[-1]["files"]) == 3


class TestNames:
    def test_a_template_may_use_columns_and_folders(self, farm: FakeFarm) -> None:
        Path("list.csv").write_text(f"sku,url\nA/1,{SITE}/0\nb,{SITE}/1\n")
        done = run(farm, "batch", "list.csv", "-o", "shots", "--name", "{host}/{sku}.webp")
        assert done.exit_code == 0, done.output
        assert files() == {"example.com/A-1.webp", "example.com/b.webp"}
        assert sent(farm)[0]["defaults"] == {"kind": "screenshot", "type": "webp"}

    def test_an_address_that_ends_like_a_picture_says_nothing_of_the_type(
        self, farm: FakeFarm
    ) -> None:
        assert batch(farm, [f"{SITE}/cat.jpg"], "--name", "{number}-{name}").exit_code == 0
        assert files() == {"1-example.com-cat.jpg.png"}
        assert "type" not in sent(farm)[0]["defaults"]

    def test_names_that_are_one_to_some_system_are_numbered(self, farm: FakeFarm) -> None:
        assert batch(farm, [f"{SITE}/a", f"{SITE}/A", f"{SITE}/a/", f"{SITE}/?a"]).exit_code == 0
        assert files() == {f"example.com-{n}.png" for n in ("a", "A-2", "a-3", "a-4")}

    def test_reserved_and_endless_names_are_files_too(self, farm: FakeFarm) -> None:
        Path("list.csv").write_text(f"n,url\nCON,{SITE}/0\n{'x' * 400},{SITE}/1\nmanifest,{SITE}/2")
        done = run(farm, "batch", "list.csv", "-o", "shots", "--name", "{n}", "--kind", "content")
        assert done.exit_code == 0, done.output
        assert len(files()) == 3
        assert "_CON.json" in files()

    def test_a_column_that_is_not_there_is_named(self, farm: FakeFarm) -> None:
        done = batch(farm, urls(3), "--name", "{sku}")
        assert done.exit_code == 2
        assert "line 1 and 2 more: there is no {sku} for --name" in done.stderr
        assert farm.requests == []


class TestBadInput:
    def test_wrong_lines_are_named_and_nothing_is_done(self, farm: FakeFarm) -> None:
        done = batch(farm, [f"{SITE}/0", "nowhere", "", "ftp://example.com/", "x" * 9000])
        assert done.exit_code == 2
        assert "line 2 and 2 more: url: must start with http:// or https://" in done.stderr
        assert "--skip-invalid" in done.stderr
        assert farm.requests == []
        assert not Path("shots").exists()

    def test_wrong_lines_can_be_left_out(self, farm: FakeFarm) -> None:
        done = batch(farm, [f"{SITE}/0", "nowhere"], "--skip-invalid")
        assert done.exit_code == 0
        assert "line 2: url: must start" in done.stderr
        assert files() == {"example.com-0.png"}

    def test_an_option_that_no_line_can_have_is_told_once(self, farm: FakeFarm) -> None:
        done = batch(farm, urls(50), "--quality", "5")
        assert done.exit_code == 2
        assert done.stderr.startswith("line 1 and 49 more: quality: png has no quality")

    def test_what_is_asked_for_twice_is_done_once(self, farm: FakeFarm) -> None:
        done = batch(farm, [f"{SITE}/0", f"{SITE}/0", "HTTPS://EXAMPLE.com:443/0"])
        assert done.exit_code == 0
        assert "line 2 and 1 more: asked for before, in line 1; done once" in done.stderr
        assert sent(farm)[0]["items"] == [f"{SITE}/0"]

    @pytest.mark.parametrize("lines", [[], ["", "# nothing"]])
    def test_a_list_with_nothing_in_it_is_bad_input(self, farm: FakeFarm, lines: list[str]) -> None:
        done = batch(farm, lines)
        assert done.exit_code == 2
        assert "The list is empty." in done.stderr

    @pytest.mark.parametrize(
        "arguments",
        [
            ["batch", "none.txt", "-o", "shots"],
            ["batch", ".", "-o", "shots"],
            ["batch", "urls.txt"],
            ["batch", "urls.txt", "-o", "urls.txt"],
            ["batch", "urls.txt", "-o", "urls.txt/x"],
            ["batch", "urls.txt", "-o", "shots", "--name", "{"],
            ["batch", "urls.txt", "-o", "shots", "--input-format", "json"],
            ["batch", "urls.txt", "-o", "shots", "--input-format", "csv"],
            ["batch", "urls.txt", "-o", "shots", "--kind", "video"],
            ["shots", "none.yml"],
            ["shots", "bad.yml"],
        ],
    )
    def test_wrong_usage_asks_nothing_of_the_farm(
        self, farm: FakeFarm, arguments: list[str]
    ) -> None:
        Path("urls.txt").write_text(f"{SITE}/0\n")
        Path("bad.yml").write_text("url: x")
        done = run(farm, *arguments)
        assert done.exit_code == 2
        assert "Error" in done.stderr
        assert farm.requests == []

    def test_what_the_farm_rejects_has_failed(self, farm: FakeFarm) -> None:
        original = farm.batches.answer

        def rejecting(request: httpx.Request, rest: list[str]) -> httpx.Response | None:
            if request.method == "POST" and not rest:
                body = json.loads(request.content)
                body["items"][1] = "nowhere"
                request = httpx.Request("POST", request.url, json=body)
            return original(request, rest)

        farm.batches.answer = rejecting  # type: ignore[method-assign]
        done = batch(farm, urls(3))
        assert done.exit_code == 1
        assert f"line 2: {SITE}/1: invalid_spec: url: must have a scheme" in done.stderr
        assert len(files()) == 2
        assert batch(farm, urls(3)).exit_code == 1
        assert len(sent(farm)) == 1

    def test_a_farm_that_is_not_there_is_not_waited_for(self, farm: FakeFarm) -> None:
        farm.troubles = [httpx.ConnectError("refused")] * 50
        done = batch(farm, urls(2))
        assert done.exit_code == 3
        assert "The same command goes on from here." in done.stderr
        assert len(farm.naps) < 5

    def test_a_refusal_has_its_own_exit_code(self, farm: FakeFarm) -> None:
        farm.troubles = [problem(403, "forbidden", "The key may not.")]
        assert batch(farm, urls(2)).exit_code == 4

    @pytest.mark.parametrize("room", [200, 100_000])
    def test_a_full_disk_is_told_and_nothing_is_lost(self, room: int) -> None:
        farm = EndingFarm()
        with room_for_files(room):
            done = batch(farm, urls(2), "--name", "{number}")
        assert done.exit_code == 2
        assert "File too large" in done.stderr
        assert files() == set()
        assert batch(farm, urls(2), "--name", "{number}").exit_code == 0
        assert files() == {"1.png", "2.png"}
        assert farm.made == 2

    def test_a_file_that_cannot_be_written_ends_it_and_the_rest_is_resumed(
        self, farm: FakeFarm
    ) -> None:
        Path("shots/example.com-1.png").mkdir(parents=True)
        done = batch(farm, urls(3))
        assert done.exit_code == 2
        assert "example.com-1.png" in done.stderr
        Path("shots/example.com-1.png").rmdir()
        assert batch(farm, urls(3)).exit_code == 0
        assert len(files()) == 3
        assert len(sent(farm)) == 1


class TestGoingOn:
    def test_what_is_done_is_not_done_again(self, farm: FakeFarm) -> None:
        batch(farm, urls(3))
        asked = len(farm.requests)
        done = batch(farm, urls(3))
        assert (done.exit_code, done.stderr) == (0, "0 done, 3 there before\n")
        assert len(farm.requests) == asked

    def test_nor_what_has_a_long_name_with_more_behind_it(self, farm: FakeFarm) -> None:
        long = [f"{SITE}/{'x' * 500}"]
        batch(farm, long, "--collect", "html")
        batch(farm, long, "--collect", "html", "--full-page")
        assert len(files()) == 4
        asked = len(farm.requests)
        for more in ([], ["--full-page"]):
            done = batch(farm, long, "--collect", "html", *more)
            assert (done.exit_code, done.stderr) == (0, "0 done, 1 there before\n")
        assert len(farm.requests) == asked

    def test_what_is_new_in_the_list_is_done(self, farm: FakeFarm) -> None:
        batch(farm, urls(2))
        done = batch(farm, [f"{SITE}/x", *urls(2)])
        assert done.stderr == "1 done, 2 there before\n"
        assert sent(farm)[1]["items"] == [f"{SITE}/x"]

    def test_other_options_are_another_result(self, farm: FakeFarm) -> None:
        batch(farm, urls(1))
        assert batch(farm, urls(1), "--full-page").exit_code == 0
        assert files() == {"example.com-0.png", "example.com-0-2.png"}
        assert batch(farm, urls(1), "--full-page", "--priority", "high").stderr == (
            "0 done, 1 there before\n"
        )

    def test_a_new_secret_is_not_another_result(self, farm: FakeFarm) -> None:
        batch(farm, urls(1), "--extra-http-headers", "Authorization: old")
        batch(farm, urls(1), "--extra-http-headers", "Authorization: new")
        assert len(sent(farm)) == 1
        assert "old" not in Path("shots/manifest.jsonl").read_text()

    def test_two_that_differ_by_their_secrets_are_two(self, farm: FakeFarm) -> None:
        specs = [
            {"url": f"{SITE}/", "extra_http_headers": {"X-Who": who}} for who in ("a", "b", "a")
        ]
        Path("list.json").write_text(json.dumps(specs))
        done = run(farm, "batch", "list.json", "-o", "shots")
        assert done.exit_code == 0
        assert "line 3: asked for before, in line 1" in done.stderr
        assert files() == {"example.com.png", "example.com-2.png"}
        assert run(farm, "batch", "list.json", "-o", "shots").exit_code == 0
        assert farm.made == 2

    @pytest.mark.parametrize("change", [b"", b"other bytes", None])
    def test_a_file_that_is_missing_or_another_is_fetched_again_not_made_again(
        self, farm: FakeFarm, change: bytes | None
    ) -> None:
        batch(farm, urls(3))
        victim = Path("shots/example.com-1.png")
        victim.unlink() if change is None else victim.write_bytes(change)
        done = batch(farm, urls(3))
        assert (done.exit_code, done.stderr) == (0, "1 done, 2 there before\n")
        assert victim.read_bytes() == PICTURE
        assert (len(sent(farm)), fetched(farm)) == (1, 4)

    def test_what_the_farm_has_forgotten_is_made_again(self, farm: FakeFarm) -> None:
        batch(farm, urls(2))
        Path("shots/example.com-1.png").unlink()
        farm.forget_all()
        assert batch(farm, urls(2)).exit_code == 0
        assert len(files()) == 2
        assert sent(farm)[1]["items"] == [f"{SITE}/1"]

    def test_what_failed_stays_failed_until_it_is_wanted_again(self, farm: FakeFarm) -> None:
        farm.failures[f"{SITE}/1"] = DNS_ERROR
        batch(farm, urls(3))
        farm.failures.clear()
        done = batch(farm, urls(3))
        assert (done.exit_code, done.stderr) == (
            1,
            "0 done, 2 there before, 1 failed (failed before 1)\n",
        )
        done = batch(farm, urls(3), "--retry-failed")
        assert (done.exit_code, done.stderr) == (0, "1 done, 2 there before\n")
        assert sent(farm)[1]["items"] == [f"{SITE}/1"]
        assert batch(farm, urls(3)).exit_code == 0

    def test_without_a_past_all_is_done_anew(self, farm: FakeFarm) -> None:
        batch(farm, urls(2))
        assert batch(farm, urls(2), "--no-resume").stderr == "2 done\n"
        assert len(files()) == 2
        assert [len(each["items"]) for each in sent(farm)] == [2, 2]

    def test_the_first_failure_can_end_it_and_the_rest_goes_on_later(self, farm: FakeFarm) -> None:
        farm.failures[f"{SITE}/0"] = DNS_ERROR
        farm.batches.script = [["job-1"], []]
        done = batch(farm, urls(4), "--fail-fast")
        assert done.exit_code == 1
        assert "1 failed (dns_error 1), 3 left" in done.stderr
        assert "POST /v1/batches/batch-1/cancel" in farm.asked
        farm.failures.clear()
        assert batch(farm, urls(4), "--retry-failed").exit_code == 0
        assert len(files()) == 4

    def test_a_batch_that_the_farm_has_paused_is_told_and_resumed(self, farm: FakeFarm) -> None:
        farm.batches.script = [["job-1"], []]
        farm.batches.pauses_after_script = True
        done = batch(farm, urls(3), "--max-failures", "1")
        assert done.exit_code == 1
        assert "paused" in done.stderr
        assert sent(farm)[0]["max_failures"] == 1
        farm.batches.pauses_after_script = False
        assert batch(farm, urls(3)).exit_code == 0
        assert "POST /v1/batches/batch-1/resume" in farm.asked
        assert len(files()) == 3


class TestEnds:
    """The process is killed at each of its steps; the next one does what is missing."""

    @pytest.mark.parametrize("end", [KeyboardInterrupt(), httpx.ReadError("gone")])
    def test_whatever_ends_it_wherever_the_next_one_completes_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: BaseException
    ) -> None:
        whole = FakeFarm()
        assert batch(whole, urls(4)).exit_code == 0
        steps = len(whole.requests)
        for step in range(steps):
            folder = tmp_path / f"{type(end).__name__}-{step}"
            folder.mkdir()
            monkeypatch.chdir(folder)
            farm = EndingFarm(step, end)
            done = batch(farm, urls(4), "--patience", "0")
            assert done.exit_code == (130 if isinstance(end, KeyboardInterrupt) else 3), step
            assert not [name for name in files() if name.endswith(".part")]
            farm.end = None
            done = batch(farm, urls(4))
            assert done.exit_code == 0, (step, done.output)
            assert len(files()) == 4
            # No job twice, and no file either, but those that were under way.
            assert farm.made == 4, step
            assert farm.delivered <= 4 + 4, step

    def test_what_a_killed_process_left_half_written_is_swept(self, farm: FakeFarm) -> None:
        Path("shots").mkdir()
        for name in (".example.com-0.png.0123abcd.part", ".of-another.png.0123abcd.part"):
            Path("shots", name).write_bytes(b"half")
        batch(farm, urls(1))
        assert files() == {"example.com-0.png", ".of-another.png.0123abcd.part"}

    def test_an_interrupted_one_says_how_to_go_on_and_how_to_stop(self, farm: FakeFarm) -> None:
        farm = EndingFarm(1, KeyboardInterrupt())
        done = batch(farm, urls(2))
        assert done.exit_code == 130
        assert done.stderr.splitlines() == [
            "0 done, 2 left",
            "The farm goes on; to stop it: farm cancel batch-1",
            "The same command goes on from here.",
            "Interrupted.",
        ]

    def test_two_at_once_in_one_folder_do_not_go(self, farm: FakeFarm) -> None:
        Path("shots").mkdir()
        with opened(Path("shots")):
            done = batch(farm, urls(1))
        assert done.exit_code == 2
        assert "Another farm command" in done.stderr


class TestAFarmThatIsAway:
    """For 30 s in the midst, whatever is being asked: the command waits, and goes on."""

    @pytest.mark.parametrize(
        "trouble",
        [
            httpx.ConnectError("refused"),
            httpx.ReadError("reset"),
            problem(503, "backend_unavailable", "Redis is away.", headers={"Retry-After": "1"}),
        ],
        ids=["unreachable", "broken off", "without Redis"],
    )
    def test_it_is_waited_for(self, trouble: httpx.Response | Exception) -> None:
        for step in count(1):
            farm = AbsentFarm(step, trouble)
            done = batch(farm, urls(3))
            assert (done.exit_code, done.stderr) == (0, "3 done\n"), step
            assert len(files()) == 3
            assert (farm.made, farm.delivered) == (3, 3), step
            if not farm.naps:
                break  # It was never away: all had been asked for before.
            assert sum(farm.naps) >= 30
            Path("shots/manifest.jsonl").unlink()
            for name in files():
                Path("shots", name).unlink()
        assert step >= 5  # The batch, how it stands, its jobs; files are asked for at once.

    def test_a_second_batch_is_waited_for_too(self) -> None:
        farm = SecondBatchFarm(1, KeyboardInterrupt())
        assert batch(farm, urls(1)).exit_code == 130
        farm.end = None
        found = wanted([Entry(1, {"kind": "screenshot", "url": url}) for url in urls(2)], {}, None)
        naps: list[float] = []
        teller = Telling(quiet=True, as_json=False)
        with opened(Path("shots")) as manifest:
            client = farm.client()
            done = Run(client, Path("shots"), manifest, teller, Wishes({}), sleep=naps.append)
            done.do(apart(found.items, {}, []))
        assert sum(naps) >= 20
        assert not teller.is_incomplete
        assert farm.made == 2


class AbsentFarm(FakeFarm):
    """It is away, for 30 s of its caller's pauses, from one request on."""

    def __init__(self, step: int, trouble: httpx.Response | Exception) -> None:
        super().__init__()
        self.step = step
        self.trouble = trouble
        self.delivered = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if len(self.requests) >= self.step and sum(self.naps) < 30:
            if isinstance(self.trouble, Exception):
                raise self.trouble
            return self.trouble
        self.delivered += "/artifacts/" in request.url.path
        return super().__call__(request)


class EndingFarm(FakeFarm):
    """Its caller ends at a request, before or after the farm has done what it asks for."""

    def __init__(self, step: int = 10**9, end: BaseException | None = None) -> None:
        super().__init__()
        self.step = step
        self.end = end
        self.delivered = 0
        """Artifacts that have come to their caller."""
        self._keys: dict[str, httpx.Response] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        key = request.headers.get("Idempotency-Key")
        known = self._keys.get(key or "")
        answer = known or super().__call__(request)
        if key:
            self._keys[key] = answer
        if self.end is not None and len(self.requests) > self.step:
            raise self.end
        self.delivered += "/artifacts/" in request.url.path
        return httpx.Response(answer.status_code, content=answer.read(), headers=answer.headers)


class SecondBatchFarm(EndingFarm):
    """It takes a second batch only when it has been asked many times."""

    refusals = 60

    def __call__(self, request: httpx.Request) -> httpx.Response:
        is_batch = (request.method, request.url.path) == ("POST", "/v1/batches")
        if is_batch and self.batches.batches and self.refusals:
            self.refusals -= 1
            raise httpx.ConnectError("refused")
        return super().__call__(request)


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder nobody writes to")
def test_a_read_only_folder_is_told(farm: FakeFarm) -> None:
    Path("urls.txt").write_text(f"{SITE}/0\n")
    done = run(farm, "batch", "urls.txt", "-o", "/sys/kernel/shots")
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: ")
    assert "/sys/kernel/shots" in done.stderr
    assert farm.requests == []
