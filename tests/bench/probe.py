"""What the farm adds to the bare ffprobe, for many small files.

``make bench-probe`` has 200 small files probed by a farm with two slots and by
``xargs -P2 ffprobe``, in turns, so that both see the same machine: first by their
addresses on one local server, then as files, which the farm has as uploads. It prints
throughputs; nothing is asserted, for times say little about another machine.
"""

import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path

from farm.client.http import FarmClient
from farm.jobs.states import JobState
from tests.bench.support import farm
from tests.support.neighbours import free_port, need
from tests.support.waiting import until

_ROUNDS = 5
_PROBES = 200
_SLOTS = 2
_THREADS = 2 * _SLOTS
"""Callers: as many jobs wait as run, so that no slot is ever without one."""
_WIDTHS_PX = (64, 96, 128, 160)
_ENCODERS: Mapping[str, Sequence[str]] = {
    "mp4": ("libx264", "aac"),
    "mkv": ("libx264", "flac"),
    "mov": ("mpeg4", "aac"),
    "avi": ("mpeg4", "libmp3lame"),
    "ts": ("mpeg2video", "mp2"),
}

_Specs = Sequence[Mapping[str, str]]


def main(rounds: int = _ROUNDS) -> None:
    """Measure and print."""
    settings = {"STACK_MEDIA_CONCURRENCY": str(_SLOTS), "STACK_PAGES_CONCURRENCY": "1"}
    with (
        tempfile.TemporaryDirectory(prefix="farm-bench-media-") as folder,
        _serving(Path(folder)) as address,
        farm(settings) as stack,
        FarmClient(stack.url) as client,
    ):
        files = list(_files(Path(folder)))
        urls = [f"{address}/{file.name}" for file in files]
        uploads = [client.upload(file).id for file in files]
        print(f"{_PROBES} probes of {len(files)} small files, {_SLOTS} at once; probes per second")
        print(f"{'':24}{'median':>8}{'least':>8}{'most':>8}")
        _compare("by URL", client, [{"url": url} for url in urls], urls, rounds)
        by_upload = [{"upload_id": each} for each in uploads]
        _compare("by file", client, by_upload, [str(file) for file in files], rounds)


def _compare(
    label: str, client: FarmClient, specs: _Specs, sources: Sequence[str], rounds: int
) -> None:
    specs = list(islice(cycle(specs), _PROBES))
    sources = list(islice(cycle(sources), _PROBES))
    through_farm, bare = [], []
    _through_the_farm(client, specs)  # Both are warm then: processes, connections, files.
    for _ in range(rounds):
        bare.append(_per_second(lambda: _bare(sources)))
        through_farm.append(_per_second(lambda: _through_the_farm(client, specs)))
    for name, found in (("farm", through_farm), ("xargs", bare)):
        numbers = (statistics.median(found), min(found), max(found))
        print(f"{f'{label}, {name}':24}" + "".join(f"{number:8.1f}" for number in numbers))
    ratios = [ours / theirs for ours, theirs in zip(through_farm, bare, strict=True)]
    print(
        f"The farm has {statistics.median(ratios):.2f} of the throughput of xargs"
        f" ({min(ratios):.2f} to {max(ratios):.2f}).",
        flush=True,
    )


def _per_second(work: Callable[[], None]) -> float:
    start = time.monotonic()
    work()
    return _PROBES / (time.monotonic() - start)


def _through_the_farm(client: FarmClient, specs: _Specs) -> None:
    with ThreadPoolExecutor(_THREADS) as threads:
        for job in threads.map(
            lambda spec: client.submit({"kind": "probe", **spec}, wait_s=60), specs
        ):
            if job.state is not JobState.SUCCEEDED:
                raise RuntimeError(f"the job did not succeed: {job.failure}")


def _bare(sources: Sequence[str]) -> None:
    shown = ("-show_format", "-show_streams", "-show_chapters")
    subprocess.run(
        ["xargs", f"-P{_SLOTS}", "-n1", need("ffprobe"), "-v", "error", "-of", "json", *shown],
        input="\n".join(sources).encode(),
        stdout=subprocess.DEVNULL,
        check=True,
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
        until(lambda: _is_open(port), "the files are served")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
