"""The failure that the farm is for: an app whose event loop starts no process, reloaded at will."""

import asyncio
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from PIL import Image

from dev.stack import ROOT, Stack
from farm.client.http import FarmClient
from farm.jobs.states import JobState
from tests.support import blocked_loop
from tests.support.held import held
from tests.support.neighbours import free_port, need
from tests.support.processes import family
from tests.support.site import Site
from tests.support.waiting import until


@dataclass(frozen=True)
class ReloadedApp:
    """The app, under a reloader that restarts it when its file changes."""

    url: str
    file: Path

    def get(self, path: str, **query: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", params=query, timeout=70, trust_env=False)

    def pid(self) -> int:
        """Return the process that answers now; 0 if none does."""
        with suppress(httpx.HTTPError):
            return int(self.get("/pid").text)
        return 0

    def edit(self) -> None:
        """Change the file, as an editor saves it."""
        self.file.write_text(f"{self.file.read_text(encoding='utf-8')}\n# Edited.\n")


@pytest.fixture(scope="module")
def app(farm: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReloadedApp]:
    need("ffprobe")
    folder = tmp_path_factory.mktemp("app")
    mark = folder / "tmp"
    mark.mkdir()
    file = folder / "source" / "app.py"
    file.parent.mkdir()
    shutil.copyfile(blocked_loop.__file__, file)
    port = free_port()
    served = shlex.join([sys.executable, str(file), str(port), farm.url])
    with (
        family(str(mark)),
        (folder / "app.log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", "watchfiles", "--filter", "python", served, str(file.parent)],
            env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(mark)},
            stdout=log,
            stderr=log,
        ) as reloader,
    ):
        try:
            app = ReloadedApp(f"http://127.0.0.1:{port}", file)
            until(app.pid, "the app answers", 60)
            yield app
        finally:
            reloader.terminate()
            with suppress(subprocess.TimeoutExpired):
                reloader.wait(20)
            reloader.kill()


@pytest.mark.parametrize("path", ["/async-playwright", "/ffprobe", "/sync-playwright-in-a-thread"])
def test_an_app_on_such_a_loop_can_start_neither_browser_nor_prober(
    app: ReloadedApp, path: str
) -> None:
    answer = app.get(path)
    assert (answer.status_code, answer.text) == (500, "NotImplementedError: ")


def test_nor_does_sync_playwright_work_in_its_running_loop(app: ReloadedApp) -> None:
    answer = app.get("/sync-playwright")
    assert answer.status_code == 500
    assert "using Playwright Sync API inside the asyncio loop" in answer.text


def test_only_the_loop_is_the_reason(farm: Stack) -> None:
    same_app = blocked_loop.App(farm.url)
    with asyncio.Runner() as usual_loop:
        assert usual_loop.run(same_app.ffprobe()) == 0
        assert usual_loop.run(same_app.async_playwright()) == "chromium"


def test_through_the_farm_it_gets_picture_and_probe_even_if_it_is_restarted_meanwhile(
    app: ReloadedApp, client: FarmClient, site: Site
) -> None:
    before = app.pid()
    with held(site.url("/colours")) as (page, release):
        screenshot = app.get("/submit", kind="screenshot", url=page).text
        probe = app.get("/submit", kind="probe", url=site.url("/video.mp4")).text
        until(lambda: client.job(screenshot).state is JobState.RUNNING, "the browser waits")
        app.edit()
        until(lambda: app.pid() not in {0, before}, "the app is restarted", 60)
        assert client.job(screenshot).state is JobState.RUNNING
        release.set()
        picture = app.get("/result", job=screenshot)
    assert picture.content.startswith(b"\x89PNG\r\n\x1a\n")
    with Image.open(BytesIO(picture.content)) as image:
        assert image.size == (1280, 800)
        assert image.convert("RGB").getpixel((640, 150)) == (0, 255, 0)
    summary = json.loads(app.get("/result", job=probe).content)["summary"]
    assert summary["video"]["codec_name"] == "h264"
    assert summary["audio"][0]["codec_name"] == "aac"
