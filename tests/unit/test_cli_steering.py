"""The commands that look after jobs and batches, and what a shell needs to complete them all."""

import json

import pytest
from click.testing import CliRunner, Result

from farm.client.cli import cli
from tests.support.fake_farm import DNS_ERROR, FakeFarm

URLS = [f"https://example.com/{number}" for number in range(3)]


pytestmark = pytest.mark.usefixtures("at_a_farm")


@pytest.fixture
def farm() -> FakeFarm:
    return FakeFarm()


def run(farm: FakeFarm, *arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, obj=farm.client, prog_name="farm")


@pytest.fixture
def batch_id(farm: FakeFarm) -> str:
    farm.batches.script = [[], ["job-1"], ["job-2"], ["job-3"]]
    return farm.client().batch(URLS, kind="pdf").id


class TestCancel:
    def test_an_open_job_is_cancelled(self, farm: FakeFarm) -> None:
        job_id = farm.add_job()
        farm.answers_before_the_end = 2
        done = run(farm, "cancel", job_id)
        assert (done.exit_code, done.stdout) == (0, f"{job_id}  cancelled\n")

    def test_one_that_has_ended_is_not_forgotten(self, farm: FakeFarm) -> None:
        job_id = farm.add_job()
        done = run(farm, "cancel", job_id)
        assert (done.exit_code, done.stdout) == (0, f"{job_id}  succeeded\n")
        assert not [each for each in farm.asked if each.startswith("DELETE")]

    def test_a_batch_is_cancelled_as_a_whole(self, farm: FakeFarm, batch_id: str) -> None:
        done = run(farm, "cancel", batch_id, "--json")
        assert done.exit_code == 0
        assert json.loads(done.stdout)["state"] == "cancelled"

    def test_what_is_neither_is_bad_input(self, farm: FakeFarm) -> None:
        done = run(farm, "cancel", "nope")
        assert (done.exit_code, done.stderr) == (2, "Error: There is no job 'nope'.\n")


class TestWatch:
    def test_a_job_is_told_as_it_goes(self, farm: FakeFarm) -> None:
        job_id = farm.add_job()
        farm.answers_before_the_end = 3
        done = run(farm, "watch", job_id)
        assert (done.exit_code, done.stdout) == (0, "running\nsucceeded\n")

    def test_a_job_that_fails_says_why(self, farm: FakeFarm) -> None:
        job_id = farm.add_job(failure=DNS_ERROR)
        done = run(farm, "watch", job_id, "--json")
        assert done.exit_code == 1
        assert json.loads(done.stdout)["failure"]["code"] == "dns_error"
        assert done.stderr == "dns_error: The name nowhere.test does not resolve.\n"

    def test_a_batch_is_told_each_time_it_has_changed(self, farm: FakeFarm, batch_id: str) -> None:
        done = run(farm, "watch", batch_id)
        assert done.exit_code == 0
        assert done.stdout.splitlines() == [
            "running  1 succeeded  2 queued",
            "running  2 succeeded  1 queued",
            "finished  3 succeeded",
        ]

    def test_a_batch_of_which_one_failed_has_its_exit_code(self, farm: FakeFarm) -> None:
        farm.failures[URLS[0]] = DNS_ERROR
        batch_id = farm.client().batch(URLS, kind="pdf").id
        done = run(farm, "watch", batch_id, "--json")
        assert done.exit_code == 1
        assert json.loads(done.stdout.splitlines()[-1])["failed"] == 1


def test_what_failed_in_a_batch_is_queued_again(farm: FakeFarm) -> None:
    farm.failures[URLS[0]] = DNS_ERROR
    batch_id = farm.client().batch(URLS, kind="pdf").id
    run(farm, "watch", batch_id)
    done = run(farm, "retry", batch_id)
    assert (done.exit_code, done.stdout) == (0, f"{batch_id}  running\n")
    assert farm.asked[-1] == f"POST /v1/batches/{batch_id}/retry-failed"


class TestCompletion:
    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
    def test_each_shell_has_its_script(self, farm: FakeFarm, shell: str) -> None:
        done = run(farm, "completion", shell)
        assert done.exit_code == 0
        assert "farm" in done.stdout
        assert f"{shell}_complete" in done.stdout
        assert farm.requests == []

    @pytest.mark.parametrize(
        ("words", "word", "found"),
        [
            ("farm ba", "ba", "plain\tbatch\t"),
            ("farm batch --kind pdf --lands", "--lands", "plain\t--landscape\t"),
            ("farm batch --kind ", "", "plain\tcontent\t"),
        ],
    )
    def test_commands_and_the_options_of_a_kind_are_completed(
        self, monkeypatch: pytest.MonkeyPatch, words: str, word: str, found: str
    ) -> None:
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_WORD", word)
        monkeypatch.setenv("_FARM_COMPLETE", "powershell_complete")
        done = CliRunner().invoke(cli, prog_name="farm", complete_var="_FARM_COMPLETE")
        assert found in done.stdout
