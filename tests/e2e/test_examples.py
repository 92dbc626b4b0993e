"""The examples, as their readers run them, against a farm: each does what it says."""

import ast
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from dev.stack import ROOT, Stack
from farm.client.http import FarmClient
from farm.jobs.states import JobState
from tests.support.held import held
from tests.support.neighbours import free_port
from tests.support.processes import Family, family, is_browser, lives
from tests.support.site import Site
from tests.support.waiting import until

EXAMPLES = ROOT / "examples"
PNG = b"\x89PNG\r\n\x1a\n"

pytestmark = pytest.mark.timeout(240)


@dataclass(frozen=True)
class App:
    """A web app under its framework's reloader."""

    url: str
    file: Path
    processes: Family

    def get(self, path: str, **query: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", params=query, timeout=90, trust_env=False)

    def answers(self) -> bool:
        with suppress(httpx.HTTPError):
            self.get("/")
            return True
        return False

    def serving(self) -> set[psutil.Process]:
        """Return the processes below the reloader, of which one is the app."""
        return {each for each in self.processes.alive() if _is_app(each)}

    def reload(self) -> None:
        """Change the file, as an editor saves it; return once another process answers."""
        old = self.serving()
        assert old
        self.file.write_text(f"{self.file.read_text(encoding='utf-8')}\n# Edited.\n")
        until(lambda: not any(map(lives, old)), "the old process is gone", 60)
        until(self.answers, "the new one answers", 60)


def _is_app(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        above = process.parent()
        is_below = above is not None and above.pid != os.getpid()
        # multiprocessing's own, which stays as long as the reloader.
        return is_below and "resource_tracker" not in " ".join(process.cmdline())
    return False


@contextmanager
def serving(folder: Path, example: str, command: Sequence[str], farm: Stack) -> Iterator[App]:
    """Serve a copy of the example for the block; ``command`` has ``{port}`` in it."""
    source, mark, port = folder / "source", folder / "tmp", str(free_port())
    source.mkdir()
    mark.mkdir()
    file = source / example
    file.write_bytes((EXAMPLES / example).read_bytes())
    argv = [sys.executable, *(part.format(port=port) for part in command)]
    with (
        family(str(mark)) as processes,
        (folder / "app.log").open("wb") as log,
        subprocess.Popen(
            argv, cwd=source, env=_environment(farm, TMPDIR=str(mark)), stdout=log, stderr=log
        ) as reloader,
    ):
        app = App(f"http://127.0.0.1:{port}", file, processes)
        try:
            until(app.answers, "the app answers", 60)
            yield app
            reloader.terminate()
            reloader.wait(20)
            until(lambda: not processes.alive(), "nothing is left of it", 20)
        finally:
            reloader.kill()
            sys.stdout.write((folder / "app.log").read_text())


def _environment(farm: Stack, **more: str) -> Mapping[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "FARM_URL": farm.url, "FARM_KEY": "", **more}


def test_the_script_saves_a_picture_of_each_and_names_what_failed(
    farm: Stack, site: Site, tmp_path: Path
) -> None:
    good = [site.url(f"/colours?{number}") for number in range(3)]
    done = subprocess.run(
        [sys.executable, EXAMPLES / "script.py", tmp_path / "shots", *good, "nowhere"],
        env=_environment(farm),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("nowhere: ")
    pictures = list((tmp_path / "shots").iterdir())
    assert len(pictures) == 3
    assert all(each.read_bytes().startswith(PNG) for each in pictures)
    assert sorted(line.split(": ")[0] for line in done.stdout.splitlines()) == good


def test_fastapi_under_reload_leaves_nothing_behind_and_loses_nothing(
    farm: Stack, client: FarmClient, site: Site, tmp_path: Path
) -> None:
    command = ["-m", "uvicorn", "--reload", "--port", "{port}", "fastapi_app:app"]
    with serving(tmp_path, "fastapi_app.py", command, farm) as app:
        assert app.get("/picture", url=site.url("/colours")).content.startswith(PNG)
        assert app.get("/probe", url=site.url("/video.mp4")).json()["video"]["codec_name"] == "h264"
        failed = app.get("/picture", url="http://nowhere.invalid/")
        assert (failed.status_code, failed.text.split(":")[0]) == (422, "dns_error")
        with held(site.url("/colours")) as (page, release):
            query = {"kind": "screenshot", "url": page}
            job_id = httpx.post(f"{app.url}/jobs", params=query, trust_env=False).json()["id"]
            until(lambda: client.job(job_id).state is JobState.RUNNING, "the browser waits")
            app.reload()
            assert not any(map(is_browser, app.processes.alive()))
            assert client.job(job_id).state is JobState.RUNNING
            release.set()
            picture = app.get(f"/jobs/{job_id}")
        assert picture.headers["Content-Type"] == "image/png"
        assert picture.content.startswith(PNG)


def test_django_under_its_reloader_shows_pages_and_probes_uploads(
    farm: Stack, site: Site, media_folder: Path, tmp_path: Path
) -> None:
    command = ["django_app.py", "runserver", "{port}"]
    with serving(tmp_path, "django_app.py", command, farm) as app:
        assert app.get("/picture", url=site.url("/colours")).content.startswith(PNG)
        assert app.get("/picture", url="http://nowhere.invalid/").status_code == 422
        video = (media_folder / "video.mp4").read_bytes()
        probed = httpx.post(f"{app.url}/probe", content=video, timeout=60, trust_env=False)
        assert probed.json()["video"]["codec_name"] == "h264"
        assert app.get("/title", url=site.url("/article")).json()["title"]
        app.reload()
        assert not any(map(is_browser, app.processes.alive()))
        assert app.get("/picture", url=site.url("/colours")).content.startswith(PNG)


def test_every_cell_of_the_notebook_works_in_a_running_loop(
    farm: Stack, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARM_URL", farm.url)
    monkeypatch.setenv("FARM_KEY", "")
    url = site.url("/article")
    cells = json.loads((EXAMPLES / "notebook.ipynb").read_text(encoding="utf-8"))["cells"]
    codes = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    codes = [code.replace("https://example.com/", url) for code in codes]
    assert url in codes[0]
    shown = asyncio.run(_run_cells(codes))
    assert shown[1] > 1000
    assert shown[2][0]
    assert shown[3] == {url: "succeeded"}


async def _run_cells(codes: Sequence[str]) -> list[Any]:
    """Run the cells as a kernel does: in one running loop, which a cell may await in."""
    names: dict[str, Any] = {}
    return [await _run_cell(code, names) for code in codes]


async def _run_cell(code: str, names: dict[str, Any]) -> Any:
    """Return what the last line of the cell shows; ``None`` if it shows nothing."""
    tree = ast.parse(code)
    last = tree.body[-1]
    if isinstance(last, ast.Expr):
        tree.body.pop()
    await _run(compile(tree, "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    if not isinstance(last, ast.Expr):
        return None
    shown = ast.Expression(last.value)
    return await _run(compile(shown, "cell", "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)


async def _run(code: Any, names: dict[str, Any]) -> Any:
    made = eval(code, names)
    return await made if asyncio.iscoroutine(made) else made
