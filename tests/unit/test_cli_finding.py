"""``farm jobs``, ``retry``, ``pressure`` and ``workers`` against a farm in memory."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from farm.client.cli import cli
from tests.support.fake_farm import DNS_ERROR, URL, FakeFarm, problem

LOST = {**DNS_ERROR, "code": "worker_lost", "message": "The worker vanished.", "retryable": True}


pytestmark = pytest.mark.usefixtures("at_a_farm")


@pytest.fixture
def farm() -> FakeFarm:
    return FakeFarm()


def run(farm: FakeFarm, *arguments: str, said: str | None = None) -> Result:
    return CliRunner().invoke(cli, arguments, obj=farm.client, prog_name="farm", input=said)


def retried(farm: FakeFarm) -> list[str]:
    asked = [address for address in farm.asked if address.endswith("/retry")]
    return [address.split("/")[-2] for address in asked]


def lose(farm: FakeFarm, count: int, **changes: Any) -> list[str]:
    return [farm.add_job(failure=LOST, **changes) for _ in range(count)]


class TestJobs:
    def test_jobs_are_listed_in_columns_the_newest_first(self, farm: FakeFarm) -> None:
        farm.add_job()
        farm.add_job("pdf", failure=DNS_ERROR, spec={"url": "https://nowhere.test/"})
        farm.add_job("probe", spec={"upload_id": "u-1", "url": "http://x/"})
        done = run(farm, "jobs")
        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout.splitlines() == [
            "id     kind        state      created               failure    source",
            "job-3  probe       succeeded  2026-01-02T03:04:05Z  -          http://x/",
            "job-2  pdf         failed     2026-01-02T03:04:05Z  dns_error  https://nowhere.test/",
            "job-1  screenshot  succeeded  2026-01-02T03:04:05Z  -          https://example.com/",
        ]

    def test_what_is_asked_for_is_sent_and_no_more(self, farm: FakeFarm) -> None:
        asked = ["--state", "failed", "--kind", "pdf", "--tag", "é", "--error", "dns_error"]
        run(farm, "jobs", *asked, "--host", "Example.COM")
        assert dict(farm.requests[0].url.params) == {
            "state": "failed",
            "kind": "pdf",
            "tag": "é",
            "error": "dns_error",
            "host": "example.com",
            "limit": "200",
        }
        run(farm, "jobs")
        assert set(farm.requests[1].url.params) == {"limit"}

    def test_no_more_are_listed_than_asked_for_across_pages(self, farm: FakeFarm) -> None:
        farm.page_max = 2
        for _ in range(9):
            farm.add_job()
        assert len(run(farm, "jobs", "--limit", "5", "--json").stdout.splitlines()) == 5
        assert len(farm.requests) == 3

    def test_json_is_one_job_a_line(self, farm: FakeFarm) -> None:
        farm.add_job()
        farm.add_job(warnings=["é"])
        lines = run(farm, "jobs", "--json").stdout.splitlines()
        assert [json.loads(line)["id"] for line in lines] == ["job-2", "job-1"]
        assert json.loads(lines[1])["created_at"] == "2026-01-02T03:04:05.006Z"

    def test_where_there_are_none_stdout_is_empty(self, farm: FakeFarm) -> None:
        done = run(farm, "jobs", "--state", "running")
        assert (done.exit_code, done.stdout) == (0, "")
        assert done.stderr == "There are no such jobs.\n"
        assert run(farm, "jobs", "--json").output == ""

    def test_what_a_stranger_wrote_cannot_steer_the_terminal(self, farm: FakeFarm) -> None:
        farm.add_job(spec={"url": "http://a/\x1b[2J\n\u202e"}, failure={**LOST, "code": "\x9b"})
        done = run(farm, "jobs")
        _, job = done.stdout.splitlines()
        assert job.endswith("  \\x9b     http://a/\\x1b[2J\\n\\u202e")

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--state", "done"],
            ["--kind", "gif"],
            ["--limit", "0"],
            ["--limit", "x"],
            ["--tag", "\udcff"],
            ["more"],
        ],
    )
    def test_wrong_usage_asks_nothing_of_the_farm(
        self, farm: FakeFarm, arguments: list[str]
    ) -> None:
        done = run(farm, "jobs", *arguments)
        assert (done.exit_code, farm.requests) == (2, [])


class TestRetry:
    def test_a_job_that_is_named_is_queued_again(self, farm: FakeFarm) -> None:
        lose(farm, 2)
        done = run(farm, "retry", "job-1", "job-2")
        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout == "job-1  queued\njob-2  queued\n"

    def test_json_is_one_job_a_line(self, farm: FakeFarm) -> None:
        lose(farm, 1)
        job = json.loads(run(farm, "retry", "job-1", "--json").stdout)
        assert (job["state"], job["retries"]) == ("queued", 1)
        assert job["previous_failures"][0]["code"] == "worker_lost"

    def test_one_that_cannot_be_queued_is_told_and_keeps_no_other_from_it(
        self, farm: FakeFarm
    ) -> None:
        farm.add_job()
        lose(farm, 1)
        done = run(farm, "retry", "job-1", "nope", "job-2")
        assert (done.exit_code, done.stdout) == (1, "job-2  queued\n")
        assert done.stderr == ("Error: Job 'job-1' is succeeded.\nError: There is no job 'nope'.\n")

    def test_what_the_jobs_had_of_secrets_goes_along(self, farm: FakeFarm, tmp_path: Path) -> None:
        lose(farm, 2)
        (tmp_path / "secrets.json").write_text('{"extra_http_headers": {"X-Token": "1"}}')
        done = run(farm, "retry", "job-1", "job-2", "--secrets", "@secrets.json")
        assert (done.exit_code, done.stderr) == (0, "")
        sent = [json.loads(request.content) for request in farm.requests]
        assert sent == [{"extra_http_headers": {"X-Token": "1"}}] * 2

    @pytest.mark.parametrize("secrets", ["{", "[]", '"cookies"', "@nowhere.json"])
    def test_secrets_that_are_no_object_are_bad_usage(self, farm: FakeFarm, secrets: str) -> None:
        done = run(farm, "retry", "job-1", "--secrets", secrets)
        assert (done.exit_code, farm.requests) == (2, [])
        assert "--secrets" in done.stderr

    def test_a_single_one_that_cannot_be_queued_is_bad_input(self, farm: FakeFarm) -> None:
        assert run(farm, "retry", farm.add_job()).exit_code == 2

    def test_dead_jobs_are_counted_and_asked_about_before_any_is_queued(
        self, farm: FakeFarm
    ) -> None:
        farm.page_max = 2
        farm.add_job()
        dead = lose(farm, 5)
        farm.add_job(failure=DNS_ERROR)
        done = run(farm, "retry", "--error", "worker_lost", said="y\n")
        assert done.exit_code == 0
        assert "Queue 5 jobs that have failed with worker_lost again? [y/N]" in done.stderr
        assert retried(farm) == dead[::-1]
        assert done.stdout.splitlines() == [f"{job_id}  queued" for job_id in dead[::-1]]
        assert run(farm, "jobs", "--error", "worker_lost").stdout == ""

    @pytest.mark.parametrize("said", ["n\n", "\n"])
    def test_without_a_yes_nothing_is_queued(self, farm: FakeFarm, said: str) -> None:
        lose(farm, 1)
        done = run(farm, "retry", "--error", "worker_lost", said=said)
        assert "Queue 1 job that has failed with worker_lost again?" in done.stderr
        assert done.stderr.endswith("Nothing was queued.\n")
        assert (done.exit_code, done.stdout, retried(farm)) == (0, "", [])

    def test_where_nobody_answers_it_ends_as_interrupted(self, farm: FakeFarm) -> None:
        lose(farm, 1)
        done = run(farm, "retry", "--error", "worker_lost", said="")
        assert (done.exit_code, retried(farm)) == (130, [])

    def test_with_yes_nobody_is_asked(self, farm: FakeFarm) -> None:
        lose(farm, 2)
        done = run(farm, "retry", "--error", "worker_lost", "--yes")
        assert (done.exit_code, done.stderr) == (0, "")
        assert retried(farm) == ["job-2", "job-1"]

    def test_what_else_the_jobs_must_have_and_how_many_narrow_it(self, farm: FakeFarm) -> None:
        lose(farm, 3, tags=["shop"])
        lose(farm, 1)
        run(farm, "retry", "--error", "worker_lost", "--tag", "shop", "--limit", "2", "-y")
        assert retried(farm) == ["job-3", "job-2"]

    def test_where_none_failed_so_there_is_nothing_to_ask(self, farm: FakeFarm) -> None:
        farm.add_job()
        done = run(farm, "retry", "--error", "worker_lost")
        assert (done.exit_code, done.output) == (0, "There are no such jobs.\n")

    def test_one_that_somebody_else_was_faster_with_is_told(self, farm: FakeFarm) -> None:
        lose(farm, 2)
        gone = problem(409, "nothing_to_retry", "Job 'job-2' is running.")
        page = httpx.Response(200, json=json.loads(farm(_list_of_jobs()).content))
        farm.troubles = [page, gone]
        done = run(farm, "retry", "--error", "worker_lost", "-y")
        assert (done.exit_code, done.stdout) == (1, "job-1  queued\n")
        assert done.stderr == "Error: Job 'job-2' is running.\n"

    def test_a_farm_that_goes_away_ends_it(self, farm: FakeFarm) -> None:
        lose(farm, 2)
        farm.troubles = [httpx.ConnectError("[Errno 111] Connection refused")] * 4
        done = run(farm, "retry", "job-1", "job-2")
        assert (done.exit_code, done.stdout) == (3, "")

    @pytest.mark.parametrize(
        "arguments",
        [
            [],
            ["--kind", "pdf"],
            ["--yes"],
            ["job-1", "--error", "worker_lost"],
            ["job-1", "--tag", "shop"],
            ["job-1", "--limit", "1"],
            ["--error", "worker_lost", "--limit", "0"],
            ["--error", "worker_lost", "--state", "failed"],
        ],
    )
    def test_wrong_usage_asks_nothing_of_the_farm(
        self, farm: FakeFarm, arguments: list[str]
    ) -> None:
        done = run(farm, "retry", *arguments)
        assert (done.exit_code, farm.requests) == (2, [])


class TestPressure:
    def test_each_queue_has_a_line_and_a_refusal_its_reason(self, farm: FakeFarm) -> None:
        done = run(farm, "pressure")
        assert done.exit_code == 0
        assert done.stdout.splitlines() == [
            "queue  queued  limit   running  oldest waits  ended per minute",
            "pages  20,000  20,000  4        1,234.6 s     88.2",
            "media  0       20,000  0        -             0.0",
            "Refuses: 20000 jobs wait on the queue pages, as many as may.",
        ]

    def test_json_is_what_the_farm_said(self, farm: FakeFarm) -> None:
        found = json.loads(run(farm, "pressure", "--json").stdout)
        assert (found["accepting"], found["queues"]["pages"]["limit"]) == (False, 20_000)


class TestWorkers:
    def test_each_process_has_a_line(self, farm: FakeFarm) -> None:
        done = run(farm, "workers")
        assert done.exit_code == 0
        assert done.stdout.splitlines() == [
            "worker   queues  pid  jobs done  memory  browser                job",
            "media@a  media   -    -          -       -                      -",
            "pages@a  pages   8    1,234      50 MB   -                      -",
            "pages@a  pages   9    7          412 MB  156.0 without sandbox  pdf job-7, attempt 2",
        ]

    def test_json_is_what_the_farm_said(self, farm: FakeFarm) -> None:
        found = json.loads(run(farm, "workers", "--json").stdout)
        assert [worker["name"] for worker in found["items"]] == ["media@a", "pages@a"]

    def test_where_nobody_works_it_says_so(self, farm: FakeFarm) -> None:
        farm.workers = {"items": []}
        done = run(farm, "workers")
        assert (done.exit_code, done.output) == (0, "No worker is alive.\n")


@pytest.mark.parametrize("command", ["jobs", "retry", "pressure", "workers"])
def test_a_farm_that_is_not_there_is_exit_code_3(farm: FakeFarm, command: str) -> None:
    farm.troubles = [httpx.ConnectError("[Errno 111] Connection refused")] * 4
    extra = ["job-1"] if command == "retry" else []
    assert run(farm, command, *extra).exit_code == 3


def _list_of_jobs() -> httpx.Request:
    return httpx.Request("GET", f"{URL}/v1/jobs?limit=200")
