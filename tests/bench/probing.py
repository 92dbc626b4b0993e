"""What the benchmarks of probes share: small files, and both ways to have them probed."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from dev.stack import Stack
from farm.client.http import FarmClient
from farm.jobs.states import JobState
from tests.bench.support import farm, is_open
from tests.support.neighbours import free_port, need
from tests.support.waiting import until

SLOTS = 2
_THREADS = 2 * SLOTS
"""Callers: as many jobs wait as run, so that no slot is ever without one."""
_WIDTHS_PX = (64, 96, 128, 160)
_ENCODERS: Mapping[str, Sequence[str]] = {
    "mp4": ("libx264", "aac"),
    "mkv": ("libx264", "flac"),
    "mov": ("mpeg4", "aac"),
    "avi": ("mpeg4", "libmp3lame"),
    "ts": ("mpeg2video", "mp2"),
}


@dataclass(frozen=True)
class Way:
    """One way to name the files, for the farm and for ffprobe; both in the same order."""

    label: str
    specs: Sequence[Mapping[str, str]]
    sources: Sequence[str]

    def through_the_farm(self, client: FarmClient, count: int) -> None:
        """Have ``count`` files probed by the farm.

        Raises:
            RuntimeError: One could not be probed.
        """
        specs = [{"kind": "probe", **spec} for spec in islice(cycle(self.specs), count)]
        with ThreadPoolExecutor(_THREADS) as threads:
            for job in threads.map(lambda spec: client.submit(spec, wait_s=60), specs):
                if job.state is not JobState.SUCCEEDED:
                    raise RuntimeError(f"the job did not succeed: {job.failure}")

    def bare(self, count: int) -> None:
        """Have ``count`` files probed by as many bare ffprobes at once as the farm has slots."""
        shown = ("-show_format", "-show_streams", "-show_chapters")
        subprocess.run(
            ["xargs", f"-P{SLOTS}", "-n1", need("ffprobe"), "-v", "error", "-of", "json", *shown],
            input="\n".join(islice(cycle(self.sources), count)).encode(),
            stdout=subprocess.DEVNULL,
            check=True,
        )


@contextmanager
def probing() -> Iterator[tuple[Stack, FarmClient, Sequence[Way]]]:
    """Run a farm and a server of small files; give both ways to have those probed."""
    settings = {"STACK_MEDIA_CONCURRENCY": str(SLOTS), "STACK_PAGES_CONCURRENCY": "1"}
    with (
        tempfile.TemporaryDirectory(prefix="farm-bench-media-") as folder,
        _serving(Path(folder)) as address,
        farm(settings) as stack,
        FarmClient(stack.url) as client,
    ):
        files = list(_files(Path(folder)))
        urls = [f"{address}/{file.name}" for file in files]
        by_upload = [{"upload_id": client.upload(file).id} for file in files]
        yield (
            stack,
            client,
            (
                Way("by URL", [{"url": url} for url in urls], urls),
                Way("by file", by_upload, [str(file) for file in files]),
            ),
        )


def _files(folder: Path) -> Iterator[Path]:
    for container, (video, audio) in _ENCODERS.items():
        for width in _WIDTHS_PX:
            file = folder / f"{width}.{container}"
            subprocess.run(
                [
                    *(need("ffmpeg"), "-v", "error", "-nostdin"),
                    *("-f", "lavfi", "-i", f"testsrc=size={width}x64:rate=25"),
                    *("-f", "lavfi", "-i", "sine=sample_rate=44100", "-t", "1"),
                    *("-c:v", video, "-pix_fmt", "yuv420p", "-c:a", audio, str(file)),
                ],
                check=True,
            )
            yield file


@contextmanager
def _serving(folder: Path) -> Iterator[str]:
    """Serve ``folder`` from a process of its own, which shares no lock with the callers."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "http.server", str(port), "-b", "127.0.0.1", "-d", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: is_open(port), "the files are served")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()
