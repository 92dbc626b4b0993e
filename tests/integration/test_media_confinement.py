"""What a running ffprobe has, and what is left once a probe has ended."""

import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from farm.jobs.errors import FarmError, JobTimedOut
from tests.support.media_site import dripping_head, serving_media
from tests.support.neighbours import need
from tests.support.probing import probe, probe_upload
from tests.support.site import Site
from tests.support.waiting import until

TIMEOUT_S = 3
MIB = 1024**2


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's probes have their private folders, which no other test sees."""
    need("ffprobe")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def running(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[psutil.Process]:
    """An ffprobe that waits for a silent server; what it then makes of that is awaited."""
    monkeypatch.setenv("FARM_REDIS_URL", "redis://:hunter2@127.0.0.1/0")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with ThreadPoolExecutor(1) as pool:
        ending: Future[object] = pool.submit(probe, url=site.url("/silent"), timeout_s=TIMEOUT_S)
        yield until(ffprobe, "ffprobe runs")
        assert isinstance(ending.exception(TIMEOUT_S + 3), JobTimedOut)
    until(lambda: ffprobe() is None, "ffprobe is gone")


def ffprobe() -> psutil.Process | None:
    for child in psutil.Process().children(recursive=True):
        try:
            # By its name, or as what its linker has been given.
            if child.name().startswith(("ffprobe", "ld-linux")):
                return child
        except psutil.NoSuchProcess:
            continue
    return None


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def test_nothing_of_the_worker_is_in_its_environment(running: psutil.Process) -> None:
    assert set(running.environ()) == {"PATH", "LANG"}


def test_the_kernel_holds_it_to_its_limits(running: psutil.Process) -> None:
    lines = Path(f"/proc/{running.pid}/limits").read_text().splitlines()
    limits = {line[:25].strip(): line[26:].split()[:2] for line in lines}
    assert limits["Max file size"] == ["0", "0"]
    assert limits["Max core file size"] == ["0", "0"]
    assert limits["Max address space"] == [str(1024 * MIB)] * 2
    assert limits["Max open files"] == ["64", "64"]
    assert limits["Max cpu time"] == [str(TIMEOUT_S)] * 2


def test_it_is_in_an_empty_private_folder_and_has_no_input(running: psutil.Process) -> None:
    folder = Path(running.cwd())
    assert folder.name.startswith("farm-probe-")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert list(folder.iterdir()) == []
    assert Path(f"/proc/{running.pid}/fd/0").readlink() == Path("/dev/null")


def test_it_leads_a_session_of_its_own(running: psutil.Process) -> None:
    fields = Path(f"/proc/{running.pid}/stat").read_text().rpartition(")")[2].split()
    assert int(fields[3]) == running.pid


@pytest.mark.parametrize("headers", [None, {"X-Secret": "hunter2"}], ids=str)
def test_a_probe_leaves_no_process_and_no_folder(
    place: Path, media_folder: Path, site: Site, headers: dict[str, str] | None
) -> None:
    before = children()  # The session's own neighbours, as a Redis.
    probe_upload(media_folder / "video.mp4", thumbnails={"count": 2, "columns": 2})
    with serving_media(None, {"/dripping-head": dripping_head}) as dripping:
        for url in (
            *map(site.url, ("/video.mp4", "/broken", "/drip", "/silent")),
            dripping.url("/dripping-head"),
        ):
            try:
                probe(url=url, timeout_s=1, headers=headers)
            except FarmError:
                continue
            finally:
                assert children() == before
                assert list(place.iterdir()) == []
    with pytest.raises(FarmError):
        probe_upload(b"no media")
    assert list(place.iterdir()) == []
