"""Two gigabytes go through the farm, and lie in nobody's memory."""

import shutil
import struct
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from redis import Redis

from dev.stack import Stack, running
from farm.client.http import FarmClient
from tests.support.neighbours import missing, need
from tests.support.stacks import a_stack

SOUND_BYTES = 2 * 1024**3
FREE_BYTES = 5 * 1024**3
GROWTH_MAX_BYTES = 100 * 1000**2
RATE_HZ = 48_000
PARTS = {"api": "api.wsgi:create()", "media": "media@%h", "redis": "redis-server"}
"""Words that only that part's command line has."""

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    need("redis-server")
    need("ffprobe")
    if shutil.disk_usage(tmp_path).free < FREE_BYTES:
        missing("a file of 2 GB needs a disk with 5 GB free")
    settings = {"STACK_PAGES_CONCURRENCY": "1", "STACK_MEDIA_CONCURRENCY": "1"}
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    with (tmp_path / "farm.log").open("wb") as log:
        try:
            with running(a_stack(run_dir, log, settings)) as stack:
                stack.wait_ready()
                yield stack
        finally:
            shutil.rmtree(run_dir)


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Path]:
    """Hours of silence as a WAV file that takes next to no room on the disk."""
    file = tmp_path / "silence.wav"
    with file.open("wb") as opened:
        opened.write(struct.pack("<4sI4s", b"RIFF", SOUND_BYTES + 36, b"WAVE"))
        opened.write(struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE_HZ, RATE_HZ * 2, 2, 16))
        opened.write(struct.pack("<4sI", b"data", SOUND_BYTES))
        opened.truncate(opened.tell() + SOUND_BYTES)
    yield file
    file.unlink()


def resident_bytes(stack: Stack) -> dict[str, int]:
    """Return how much memory each part's processes hold now."""
    found: dict[str, int] = defaultdict(int)
    for part in psutil.Process(stack.pid).children():
        with suppress(psutil.NoSuchProcess):
            command = " ".join(part.cmdline())
            names = [name for name, word in PARTS.items() if word in command]
            for process in [part, *part.children(recursive=True)] if names else []:
                with suppress(psutil.NoSuchProcess):
                    found[names[0]] += process.memory_info().rss
    return found


@contextmanager
def watching(stack: Stack) -> Iterator[dict[str, int]]:
    """Fill in the most memory that each part has held during the block."""
    most: dict[str, int] = {}
    ended = threading.Event()

    def watch() -> None:
        while True:
            for name, size_bytes in resident_bytes(stack).items():
                most[name] = max(most.get(name, 0), size_bytes)
            if ended.wait(0.05):
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield most
    finally:
        ended.set()
        watcher.join()


def test_two_gigabytes_are_probed_and_lie_in_nobodys_memory(stack: Stack, recording: Path) -> None:
    before = resident_bytes(stack)
    assert before.keys() == PARTS.keys()
    with watching(stack) as most, FarmClient(stack.url) as client:
        summary = client.probe(recording)["summary"]
    assert summary["duration"] == pytest.approx(SOUND_BYTES / 2 / RATE_HZ)
    growth = {name: most[name] - before[name] for name in PARTS}
    print({name: f"{size_bytes / 1e6:.1f} MB" for name, size_bytes in growth.items()})  # noqa: T201
    assert {name: size for name, size in growth.items() if size >= GROWTH_MAX_BYTES} == {}
    assert list((stack.run_dir / "uploads").iterdir()) == []
    with Redis.from_url(stack.redis_url) as redis:
        assert redis.info("memory")["used_memory_peak"] < GROWTH_MAX_BYTES
