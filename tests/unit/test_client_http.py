"""The client against a farm in memory: what is sent, and what comes of the answers."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from farm.client.errors import (
    DamagedArtifact,
    FarmUnreachable,
    JobNotSucceeded,
    Misconfigured,
    RequestInvalid,
    WaitTimedOut,
)
from farm.client.http import FarmClient
from farm.jobs.states import JobState
from tests.support.fake_farm import (
    CONTENT,
    DNS_ERROR,
    DOCUMENT,
    PICTURE,
    REPORT,
    URL,
    BrokenOff,
    FakeFarm,
    problem,
)

SPEC = {"kind": "screenshot", "url": "https://example.com/"}


@pytest.fixture
def farm() -> FakeFarm:
    return FakeFarm()


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FARM_URL", raising=False)
    monkeypatch.delenv("FARM_KEY", raising=False)


def read_timeout_s(request: httpx.Request) -> Any:
    return request.extensions["timeout"]["read"]


class TestAddressAndKey:
    def test_without_variables_the_farm_is_on_this_machine(self) -> None:
        with FarmClient() as client:
            assert client.url == "http://127.0.0.1:8000"

    def test_the_variables_name_address_and_key(
        self, farm: FakeFarm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FARM_URL", "https://farm.example/base/")
        monkeypatch.setenv("FARM_KEY", "k-1")
        farm.troubles = [httpx.Response(204)]
        with farm.client(url=None) as client:
            client.cancel("job-1")
        assert str(farm.requests[0].url) == "https://farm.example/base/v1/jobs/job-1"
        assert farm.requests[0].headers["Authorization"] == "Bearer k-1"

    def test_arguments_outrank_the_variables(
        self, farm: FakeFarm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FARM_URL", "https://other.example")
        monkeypatch.setenv("FARM_KEY", "k-1")
        with farm.client(key="k-2") as client:
            client.ready()
        assert farm.requests[0].url.host == "farm.test"
        assert farm.requests[0].headers["Authorization"] == "Bearer k-2"

    def test_an_empty_variable_counts_as_none(
        self, farm: FakeFarm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FARM_URL", "")
        monkeypatch.setenv("FARM_KEY", "")
        with farm.client(url=None) as client:
            client.ready()
            assert client.url == "http://127.0.0.1:8000"
        assert "Authorization" not in farm.requests[0].headers

    @pytest.mark.parametrize(
        "url",
        [
            "127.0.0.1:8000",
            "localhost",
            "ftp://farm.test",
            "http://",
            "http://name:word@farm.test",
            "http://farm.test/?a=1",
            "http://farm.test/#there",
            "http://farm.test:port",
        ],
    )
    def test_an_address_that_cannot_be_used_is_refused_at_once(self, url: str) -> None:
        with pytest.raises(Misconfigured):
            FarmClient(url)

    @pytest.mark.parametrize("key", ["two words", "line\nbreak", "schlüssel"])
    def test_a_key_that_cannot_be_used_is_refused_and_not_repeated(self, key: str) -> None:
        with pytest.raises(Misconfigured) as caught:
            FarmClient(URL, key)
        assert key not in str(caught.value)

    @pytest.mark.parametrize(
        ("url", "heeded"),
        [
            ("http://127.0.0.1:8000", False),
            ("http://[::1]:8000", False),
            ("http://localhost:8000", False),
            ("https://farm.example", True),
        ],
    )
    def test_proxies_are_for_farms_on_other_machines(
        self, url: str, *, heeded: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen = []

        class Recorder(httpx.Client):
            def __init__(self, **options: Any) -> None:
                seen.append(options["trust_env"])
                super().__init__(**options)

        monkeypatch.setattr(httpx, "Client", Recorder)
        FarmClient(url).close()
        assert seen == [heeded]

    def test_only_a_key_over_plain_http_to_another_machine_is_in_clear(self) -> None:
        assert FarmClient("http://farm.example", "k").key_in_clear
        assert not FarmClient("http://farm.example").key_in_clear
        assert not FarmClient("https://farm.example", "k").key_in_clear
        assert not FarmClient("http://localhost:8000", "k").key_in_clear


class TestJobs:
    def test_a_spec_is_sent_as_it_is(self, farm: FakeFarm) -> None:
        job = farm.client().submit(SPEC | {"full_page": True})
        assert job.id == "job-1"
        assert farm.last_json() == SPEC | {"full_page": True}
        assert "Prefer" not in farm.requests[0].headers

    @pytest.mark.parametrize(("wait_s", "asked_s"), [(20, 20), (0.2, 1), (500, 60)])
    def test_the_farm_is_asked_to_wait_and_given_the_time(
        self, farm: FakeFarm, wait_s: float, asked_s: int
    ) -> None:
        farm.client().submit(SPEC, wait_s=wait_s)
        assert farm.requests[0].headers["Prefer"] == f"wait={asked_s}"
        assert read_timeout_s(farm.requests[0]) == asked_s + 30

    def test_a_job_is_read_at_once_unless_told_to_wait(self, farm: FakeFarm) -> None:
        job_id = farm.add_job()
        client = farm.client()
        assert client.job(job_id).state is JobState.SUCCEEDED
        client.job(job_id, wait_s=99)
        assert farm.requests[0].url.query == b""
        assert read_timeout_s(farm.requests[0]) == 30
        assert farm.requests[1].url.query == b"wait=30"
        assert read_timeout_s(farm.requests[1]) == 60

    def test_an_id_cannot_lead_to_another_address(self, farm: FakeFarm) -> None:
        with pytest.raises(RequestInvalid):
            farm.client().job("a/../b?c#d")
        assert farm.requests[0].url.raw_path == b"/v1/jobs/a%2F..%2Fb%3Fc%23d"

    def test_waiting_ends_with_the_job(self, farm: FakeFarm) -> None:
        job_id = farm.add_job()
        farm.answers_before_the_end = 3
        assert farm.client().wait(job_id).state is JobState.SUCCEEDED
        assert len(farm.requests) == 4

    def test_waiting_for_a_failed_job_returns_it(self, farm: FakeFarm) -> None:
        farm.failure = DNS_ERROR
        assert farm.client().wait(farm.add_job()).state is JobState.FAILED

    def test_a_job_that_has_ended_is_not_asked_for_again(self, farm: FakeFarm) -> None:
        client = farm.client()
        job = client.job(farm.add_job())
        assert client.wait(job) is job
        assert len(farm.requests) == 1

    def test_a_farm_that_answers_at_once_is_asked_once_a_second(self, farm: FakeFarm) -> None:
        job_id = farm.add_job()
        farm.answers_before_the_end = 4
        farm.client().wait(job_id)
        assert len(farm.naps) == 3
        assert all(0.5 < nap <= 1 for nap in farm.naps)

    def test_waiting_gives_up_when_told_to(self, farm: FakeFarm) -> None:
        job_id = farm.add_job()
        farm.answers_before_the_end = 10**9
        with pytest.raises(WaitTimedOut) as caught:
            farm.client().wait(job_id, timeout_s=0.01)
        assert caught.value.job.state is JobState.RUNNING
        assert isinstance(caught.value, TimeoutError)
        assert str(caught.value) == "Job 'job-1' is still running after 0.01 s."

    def test_a_farm_that_is_away_meanwhile_is_waited_for_if_told_to(self, farm: FakeFarm) -> None:
        job_id = farm.add_job()
        farm.troubles = [httpx.ConnectError("refused") for _ in range(12)]
        assert farm.client().wait(job_id, patience_s=60).state is JobState.SUCCEEDED
        assert 30 < sum(farm.naps) < 60
        assert max(farm.naps) <= 5

    def test_an_open_job_is_cancelled(self, farm: FakeFarm) -> None:
        job_id = farm.add_job()
        farm.answers_before_the_end = 1
        job = farm.client().cancel(job_id)
        assert job is not None
        assert job.state is JobState.CANCELLED

    def test_cancelling_an_ended_job_forgets_it(self, farm: FakeFarm) -> None:
        assert farm.client().cancel(farm.add_job()) is None

    def test_cancelling_is_never_tried_twice(self, farm: FakeFarm) -> None:
        farm.troubles = [problem(503, "backend_unavailable", "x", headers={"Retry-After": "1"})]
        with pytest.raises(Exception, match="x"):
            farm.client().cancel(farm.add_job())
        assert len(farm.requests) == 1

    def test_running_a_job_returns_it_once_it_has_succeeded(self, farm: FakeFarm) -> None:
        farm.answers_before_the_end = 2
        assert farm.client().run(SPEC).state is JobState.SUCCEEDED

    def test_running_a_job_that_fails_raises_its_failure(self, farm: FakeFarm) -> None:
        farm.failure = DNS_ERROR | {"retryable": True}
        with pytest.raises(JobNotSucceeded) as caught:
            farm.client().run(SPEC)
        assert caught.value.code == "dns_error"
        assert caught.value.retryable
        assert caught.value.job.id == "job-1"
        assert str(caught.value) == "dns_error: The name nowhere.test does not resolve."


class TestArtifacts:
    def test_the_result_is_the_main_artifact(self, farm: FakeFarm) -> None:
        job_id = farm.add_job()
        assert farm.client().result(job_id) == PICTURE
        assert farm.client().artifact(job_id, "screenshot.png") == PICTURE

    def test_there_is_no_result_of_a_failed_job(self, farm: FakeFarm) -> None:
        farm.failure = DNS_ERROR
        with pytest.raises(RequestInvalid) as caught:
            farm.client().result(farm.add_job())
        assert (caught.value.status, caught.value.code) == (409, "job_failed")

    def test_an_artifact_is_saved_and_nothing_else(self, farm: FakeFarm, tmp_path: Path) -> None:
        path = tmp_path / "x.png"
        path.write_bytes(b"old")
        farm.client().save_artifact(farm.add_job(), "screenshot.png", path)
        assert path.read_bytes() == PICTURE
        assert list(tmp_path.iterdir()) == [path]

    def test_a_known_job_is_not_asked_for_before_saving(
        self, farm: FakeFarm, tmp_path: Path
    ) -> None:
        client = farm.client()
        client.save_artifact(client.job(farm.add_job()), "screenshot.png", tmp_path / "x.png")
        assert farm.asked == ["GET /v1/jobs/job-1", "GET /v1/jobs/job-1/artifacts/screenshot.png"]

    def test_damaged_bytes_leave_the_old_file(self, farm: FakeFarm, tmp_path: Path) -> None:
        path = tmp_path / "x.png"
        path.write_bytes(b"old")
        farm.damaged = True
        with pytest.raises(DamagedArtifact):
            farm.client().save_artifact(farm.add_job(), "screenshot.png", path)
        assert path.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [path]

    def test_a_download_that_breaks_off_leaves_nothing(
        self, farm: FakeFarm, tmp_path: Path
    ) -> None:
        client = farm.client()
        job = client.job(farm.add_job())
        farm.troubles = [httpx.Response(200, stream=BrokenOff()) for _ in range(4)]
        with pytest.raises(FarmUnreachable, match="reset by peer"):
            client.save_artifact(job, "screenshot.png", tmp_path / "x.png")
        assert list(tmp_path.iterdir()) == []

    def test_a_download_that_breaks_off_is_begun_anew(self, farm: FakeFarm, tmp_path: Path) -> None:
        job_id = farm.add_job()
        client = farm.client()
        job = client.job(job_id)
        farm.troubles = [httpx.Response(200, stream=BrokenOff())]
        client.save_artifact(job, "screenshot.png", tmp_path / "x.png")
        assert (tmp_path / "x.png").read_bytes() == PICTURE
        assert len(list(tmp_path.iterdir())) == 1

    def test_bytes_that_are_not_those_of_their_etag_are_refused(self, farm: FakeFarm) -> None:
        job_id = farm.add_job()
        farm.damaged = True
        with pytest.raises(DamagedArtifact):
            farm.client().result(job_id)
        with pytest.raises(DamagedArtifact):
            farm.client().artifact(job_id, "screenshot.png")

    def test_an_artifact_that_is_not_there_leaves_nothing(
        self, farm: FakeFarm, tmp_path: Path
    ) -> None:
        with pytest.raises(RequestInvalid) as caught:
            farm.client().save_artifact(farm.add_job(), "page.pdf", tmp_path / "x.pdf")
        assert caught.value.code == "unknown_artifact"
        assert list(tmp_path.iterdir()) == []


class TestUploads:
    def test_a_file_is_sent_in_pieces(self, farm: FakeFarm, tmp_path: Path) -> None:
        path = tmp_path / "clip.mp4"
        path.write_bytes(PICTURE)
        steps: list[tuple[int, int]] = []
        upload = farm.client().upload(path, on_progress=lambda *step: steps.append(step))
        size_bytes = len(PICTURE)
        assert (upload.filename, upload.size_bytes) == ("clip.mp4", size_bytes)
        assert farm.uploads == {"upload-1": PICTURE}
        assert farm.requests[0].headers["Content-Length"] == str(size_bytes)
        assert farm.requests[0].headers["Content-Type"] == "video/mp4"
        assert steps == [(65536, size_bytes), (131072, size_bytes), (size_bytes, size_bytes)]

    def test_an_upload_that_was_turned_away_is_sent_again_whole(
        self, farm: FakeFarm, tmp_path: Path
    ) -> None:
        path = tmp_path / "clip"
        path.write_bytes(PICTURE)
        farm.troubles = [problem(503, "backend_unavailable", "x", headers={"Retry-After": "1"})]
        farm.client().upload(path)
        assert farm.uploads == {"upload-1": PICTURE}
        assert farm.requests[1].headers["Content-Type"] == "application/octet-stream"

    def test_a_file_that_is_missing_is_not_sent(self, farm: FakeFarm, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            farm.client().upload(tmp_path / "none.mp4")
        assert farm.requests == []

    def test_an_upload_can_be_dropped(self, farm: FakeFarm, tmp_path: Path) -> None:
        path = tmp_path / "clip.mp4"
        path.write_bytes(b"bytes")
        client = farm.client()
        client.forget_upload(client.upload(path).id)
        assert farm.uploads == {}


class TestReadiness:
    def test_a_farm_that_is_ready_says_so(self, farm: FakeFarm) -> None:
        readiness = farm.client().ready()
        assert readiness.ready
        assert readiness.checks == {"redis": "ok", "pages": "ok"}

    def test_a_farm_that_is_not_ready_is_an_answer(self, farm: FakeFarm) -> None:
        farm.checks["pages"] = "no worker is alive"
        readiness = farm.client().ready()
        assert not readiness.ready
        assert readiness.checks["pages"] == "no worker is alive"
        assert len(farm.requests) == 1

    def test_a_farm_that_is_away_is_asked_once(self, farm: FakeFarm) -> None:
        farm.troubles = [httpx.ConnectError("refused")]
        with pytest.raises(FarmUnreachable):
            farm.client().ready()
        assert len(farm.requests) == 1


class TestWholeJobs:
    def test_a_screenshot_is_its_bytes(self, farm: FakeFarm) -> None:
        picture = farm.client().screenshot("https://example.com/", full_page=True)
        assert picture == PICTURE
        assert farm.requests[0].headers["Prefer"] == "wait=30"
        assert b'"full_page":true' in farm.requests[0].content

    def test_a_pdf_is_its_bytes(self, farm: FakeFarm) -> None:
        assert farm.client().pdf("https://example.com/", landscape=True) == DOCUMENT
        spec = {"kind": "pdf", "url": "https://example.com/", "landscape": True}
        assert json.loads(farm.requests[0].content) == spec

    def test_content_is_what_the_page_says(self, farm: FakeFarm) -> None:
        assert farm.client().content("https://example.com/") == CONTENT

    @pytest.mark.parametrize("kind", ["screenshot", "pdf", "content"])
    def test_a_page_can_be_given_itself(self, farm: FakeFarm, kind: str) -> None:
        getattr(farm.client(), kind)(html="<p>Hello</p>")
        assert json.loads(farm.requests[0].content) == {"kind": kind, "html": "<p>Hello</p>"}

    def test_a_url_is_probed_where_it_is(self, farm: FakeFarm) -> None:
        assert farm.client().probe("HTTPS://example.com/a.mp4", timeout=60_000) == REPORT
        assert farm.asked == ["POST /v1/jobs", "GET /v1/jobs/job-1/result"]
        assert b'"url":"HTTPS://example.com/a.mp4"' in farm.requests[0].content

    def test_a_file_is_uploaded_probed_and_dropped(self, farm: FakeFarm, tmp_path: Path) -> None:
        path = tmp_path / "clip.mp4"
        path.write_bytes(b"bytes")
        assert farm.client().probe(path) == REPORT
        assert farm.asked == [
            "POST /v1/uploads",
            "POST /v1/jobs",
            "DELETE /v1/uploads/upload-1",
            "GET /v1/jobs/job-1/result",
        ]
        assert b'"upload_id":"upload-1"' in farm.requests[1].content

    def test_a_file_whose_probe_fails_is_dropped_too(self, farm: FakeFarm, tmp_path: Path) -> None:
        path = tmp_path / "clip.mp4"
        path.write_bytes(b"bytes")
        farm.failure = DNS_ERROR
        with pytest.raises(JobNotSucceeded):
            farm.client().probe(str(path))
        assert farm.uploads == {}


def test_the_client_works_inside_a_running_loop(farm: FakeFarm) -> None:
    async def handler() -> bytes:
        return farm.client().screenshot("https://example.com/")

    assert asyncio.run(handler()) == PICTURE


def test_the_client_brings_neither_the_server_sides_nor_a_loop_along() -> None:
    unwanted = ["redis", "celery", "playwright", "flask", "asyncio", "subprocess"]
    unwanted += ["farm.jobs.service", "farm.client.async_http"]
    code = f"import sys, farm.client.http; print([m for m in {unwanted} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == "[]"
