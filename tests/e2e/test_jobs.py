"""Jobs from the door to the result, through HTTP and the command line alone."""

import json
import subprocess
import sys
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from PIL import Image
from redis import Redis

from dev.stack import Stack
from farm.client.http import FarmClient
from farm.jobs.states import JobState
from farm.jobs.views import JobView
from tests.support.neighbours import free_port
from tests.support.processes import workers_children
from tests.support.site import Site
from tests.support.waiting import until

TERMINAL_S = 60


def run_job(client: FarmClient, **spec: Any) -> JobView:
    return client.wait(client.submit(spec), timeout_s=TERMINAL_S)


def post(farm: Stack, body: Any, headers: Mapping[str, str] | None = None) -> httpx.Response:
    return httpx.post(f"{farm.url}/v1/jobs", json=body, headers=headers, timeout=70)


def cli(farm: Stack, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = str(Path(sys.executable).parent / "farm")
    return subprocess.run(
        [command, "--url", farm.url, *arguments], capture_output=True, timeout=90, check=False
    )


def worker_children(farm: Stack, queue: str) -> list[psutil.Process]:
    """Return the pool processes of the worker on ``queue``."""
    for process in psutil.Process(farm.pid).children():
        if queue in process.cmdline():
            return workers_children(process)
    raise AssertionError(f"no worker on {queue}")


def test_a_screenshot_is_the_page_s_picture(client: FarmClient, site: Site) -> None:
    job = run_job(client, kind="screenshot", url=site.url("/colours"))
    assert job.state is JobState.SUCCEEDED
    image = Image.open(BytesIO(client.result(job.id))).convert("RGB")
    assert image.size == (1280, 800)
    assert image.getpixel((640, 50)) == (255, 0, 0)
    assert image.getpixel((640, 250)) == (0, 0, 255)
    assert job.report is not None
    assert set(job.report["timings_ms"]) == {
        *("queue", "browser", "load", "settle", "capture", "store")
    }


def test_a_probe_of_an_upload_says_what_ffprobe_says(
    client: FarmClient, media_folder: Path
) -> None:
    file = media_folder / "video.mp4"
    found = client.probe(file)["ffprobe"]
    printed = subprocess.run(
        ["ffprobe", "-v", "error", "-of", "json", "-show_streams", str(file)],
        capture_output=True,
        check=True,
    )
    assert found["streams"] == json.loads(printed.stdout)["streams"]


def test_a_probe_of_a_url_says_what_is_in_the_file(client: FarmClient, site: Site) -> None:
    summary = client.probe(site.url("/video.mp4"))["summary"]
    assert summary["video"]["codec_name"] == "h264"
    assert summary["audio"][0]["codec_name"] == "aac"


def test_a_job_whose_worker_is_killed_in_the_middle_succeeds_all_the_same(
    farm: Stack, client: FarmClient, site: Site
) -> None:
    job = client.submit({"kind": "screenshot", "url": site.url("/slow?3")})
    until(lambda: client.job(job.id).state is JobState.RUNNING, "the job runs")
    # Which of them has the job is not to be seen from outside, so all of them.
    for child in worker_children(farm, "pages"):
        child.kill()
    done = client.wait(job.id, timeout_s=TERMINAL_S)
    assert done.state is JobState.SUCCEEDED
    assert done.attempt == 2


def test_a_page_that_cannot_be_reached_fails_and_has_no_picture(
    farm: Stack, client: FarmClient
) -> None:
    addresses = {
        "http://nowhere.invalid/": "dns_error",
        f"http://127.0.0.1:{free_port()}/": "connection_failed",
    }
    for url, code in addresses.items():
        job = run_job(client, kind="screenshot", url=url)
        assert job.failure is not None
        assert (job.state, job.failure.code, job.artifacts) == (JobState.FAILED, code, ())
        answer = httpx.get(f"{farm.url}/v1/jobs/{job.id}/result")
        assert answer.status_code == 409
        assert answer.json()["code"] == "job_failed"
        assert answer.json()["failure"]["code"] == code


def test_an_error_status_is_pictured_and_recorded(client: FarmClient, site: Site) -> None:
    job = run_job(client, kind="screenshot", url=site.url("/missing"))
    assert job.state is JobState.SUCCEEDED
    assert job.report is not None
    assert job.report["http_status"] == 404


def test_a_file_that_is_no_media_is_invalid(client: FarmClient, tmp_path: Path) -> None:
    text = tmp_path / "film.mp4"
    text.write_text("This is no film.")
    upload = client.upload(text)
    job = run_job(client, kind="probe", upload_id=upload.id)
    assert job.failure is not None
    assert job.failure.code == "media_invalid"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "screenshot", "url": "http://page.test/", "ful_page": True}, "ful_page"),
        ({"kind": "screenshot", "url": "http://page.test/", "timeout": "9"}, "timeout"),
        ({"kind": "screenshot", "url": "file:///etc/passwd"}, "url"),
        ({"kind": "probe", "upload_id": "nobody"}, "upload_id"),
    ],
)
def test_bad_input_names_the_field_and_stores_nothing(
    farm: Stack, body: dict[str, Any], field: str
) -> None:
    with Redis.from_url(farm.redis_url) as redis:
        before = redis.keys("farm:job:*")
        answer = post(farm, body)
        assert answer.status_code == 422
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert [error["field"] for error in answer.json()["errors"]] == [field]
        assert sorted(redis.keys("farm:job:*")) == sorted(before)


def test_prefer_wait_answers_with_the_finished_job_also_when_it_failed(
    farm: Stack, site: Site
) -> None:
    good = post(farm, {"kind": "screenshot", "url": site.url("/empty")}, {"Prefer": "wait=30"})
    assert (good.status_code, good.json()["state"]) == (200, "succeeded")
    assert good.headers["Preference-Applied"] == "wait=30"
    bad = post(
        farm, {"kind": "screenshot", "url": "http://nowhere.invalid/"}, {"Prefer": "wait=30"}
    )
    assert (bad.status_code, bad.json()["state"]) == (200, "failed")


def test_a_queued_job_can_be_cancelled_and_never_runs(
    farm: Stack, client: FarmClient, site: Site
) -> None:
    slots = len(worker_children(farm, "pages"))
    busy = [client.submit({"kind": "screenshot", "url": site.url("/slow?2")}) for _ in range(slots)]
    behind = client.submit({"kind": "screenshot", "url": site.url("/empty?never")})
    cancelled = client.cancel(behind.id)
    assert cancelled is not None
    assert cancelled.state is JobState.CANCELLED
    for job in busy:
        assert client.wait(job, timeout_s=TERMINAL_S).state is JobState.SUCCEEDED
    after = run_job(client, kind="screenshot", url=site.url("/empty?after"))
    assert after.state is JobState.SUCCEEDED
    assert site.seen("/empty?never") == 0


def test_an_ended_job_that_is_deleted_is_forgotten(client: FarmClient, site: Site) -> None:
    job = run_job(client, kind="screenshot", url=site.url("/empty"))
    assert client.cancel(job.id) is None
    assert httpx.get(f"{client.url}/v1/jobs/{job.id}").status_code == 404


def test_nothing_of_a_spec_is_in_celery_s_lists_or_flower(
    farm: Stack, client: FarmClient, site: Site
) -> None:
    url = site.url("/empty?token=hunter2")
    job = run_job(client, kind="screenshot", url=url)
    flower = httpx.Client(base_url=farm.flower_url, auth=("farm", farm.flower_password))
    with flower:
        task = until(
            lambda: _task(flower, job.id), "Flower shows the job under its id", timeout_s=30
        )
    assert task["name"] == "screenshot"
    assert task["args"] == f"['{job.id}']"
    assert "hunter2" not in json.dumps(task)


def _task(flower: httpx.Client, job_id: str) -> dict[str, Any] | None:
    answer = flower.get(f"/api/task/info/{job_id}")
    found: dict[str, Any] | None = answer.json() if answer.status_code == 200 else None
    return found


def test_flower_lets_nobody_in_without_the_password_and_nobody_change_anything(
    farm: Stack,
) -> None:
    assert httpx.get(f"{farm.flower_url}/tasks").status_code == 401
    wrong = httpx.get(f"{farm.flower_url}/tasks", auth=("farm", "wrong"))
    assert wrong.status_code == 401
    auth = ("farm", farm.flower_password)
    assert httpx.get(f"{farm.flower_url}/tasks", auth=auth).status_code == 200
    shutdown = httpx.post(f"{farm.flower_url}/api/worker/shutdown/pages", auth=auth)
    assert shutdown.status_code in {403, 405}


def test_the_farm_is_ready_and_its_description_is_served(farm: Stack) -> None:
    assert httpx.get(f"{farm.url}/healthz").json() == {"status": "ok"}
    checks = httpx.get(f"{farm.url}/readyz").json()["checks"]
    assert checks == dict.fromkeys(
        ("redis", "pages", "media", "browser", "gate", "broker", "artifacts"), "ok"
    )
    assert httpx.get(f"{farm.url}/openapi.json").json()["openapi"].startswith("3.1")


def test_the_command_line_takes_a_picture(farm: Stack, site: Site, tmp_path: Path) -> None:
    file = tmp_path / "shot.png"
    done = cli(farm, "screenshot", site.url("/colours"), "-o", str(file))
    assert done.returncode == 0, done.stderr
    with Image.open(file) as image:
        assert image.size == (1280, 800)


def test_the_command_line_probes_a_file(farm: Stack, media_folder: Path) -> None:
    done = cli(farm, "probe", str(media_folder / "video.mp4"))
    assert done.returncode == 0, done.stderr
    rows = done.stdout.decode().splitlines()
    assert rows[0] == str(media_folder / "video.mp4")
    assert any(row.startswith("video ") and "320x240" in row for row in rows)
    assert b"\x1b" not in done.stdout


def test_the_command_line_probes_many_and_says_which_failed(
    farm: Stack, media_folder: Path, site: Site, tmp_path: Path
) -> None:
    text = tmp_path / "film.mp4"
    text.write_text("This is no film.")
    sources = [str(media_folder / "video.mp4"), str(text), site.url("/video.mp4")]
    done = cli(farm, "probe", *sources, "--json")
    assert done.returncode == 1, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["source"] for each in found] == sources
    assert found[0]["summary"]["video"]["width"] == 320
    assert found[1]["failure"]["code"] == "media_invalid"
    assert found[2]["summary"]["video"] == found[0]["summary"]["video"]


def test_the_command_line_saves_stills(farm: Stack, media_folder: Path, tmp_path: Path) -> None:
    arguments = ["--thumbnails", '{"count": 2, "columns": 2}', "--artifacts", str(tmp_path)]
    done = cli(farm, "probe", str(media_folder / "video.mp4"), *arguments)
    assert done.returncode == 0, done.stderr
    names = ["contact-sheet.webp", "still-001.webp", "still-002.webp"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_the_command_line_fails_without_a_file_and_without_a_traceback(
    farm: Stack, tmp_path: Path
) -> None:
    file = tmp_path / "shot.png"
    done = cli(farm, "screenshot", "http://nowhere.invalid/", "-o", str(file))
    assert done.returncode == 1
    assert b"dns_error" in done.stderr
    assert b"Traceback" not in done.stderr
    assert not file.exists()


def test_the_doctor_finds_this_machine_fit(farm: Stack) -> None:
    done = cli(farm, "doctor")
    assert done.returncode == 0, done.stdout
    assert b"a page opens" in done.stdout
