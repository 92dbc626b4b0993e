"""`make demo`: one command, two results, and nothing left behind."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from dev.stack import ROOT
from tests.support.gate import THIS_MACHINE
from tests.support.neighbours import need
from tests.support.processes import Family, family
from tests.support.site import Site
from tests.support.waiting import until

PICTURE = ROOT / "demo" / "screenshot.png"
REPORT = ROOT / "demo" / "probe.json"
ENDED_WITHIN_S = 200

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Demo:
    """One run of it."""

    make: subprocess.Popen[bytes]
    folder: Path
    """Where it keeps what is temporary."""
    output: Path
    processes: Family

    def says(self, words: str) -> bool:
        return words in self.output.read_text(encoding="utf-8")

    def stops(self) -> bool:
        """Return whether the farm has been told to stop."""
        logs = self.folder.glob("farm-demo-*/supervisord.log")
        return any("received SIGTERM" in log.read_text(encoding="utf-8") for log in logs)

    def interrupt(self) -> None:
        """Send what Ctrl-C sends: to the whole process group."""
        os.killpg(self.make.pid, signal.SIGINT)

    def ended_by_interrupt(self) -> None:
        said = self.ended()
        assert self.make.returncode != 0
        assert "Interrupted; the farm is stopped." in said
        assert "Traceback" not in said
        assert self.processes.alive() == []

    def ended(self) -> str:
        """Return what it said once it has ended."""
        until(lambda: self.make.poll() is not None, "the demo has ended", ENDED_WITHIN_S)
        return self.output.read_text(encoding="utf-8")


@contextmanager
def demo(folder: Path, *arguments: str, **settings: str) -> Iterator[Demo]:
    """Start it for the block, with nothing there from earlier runs."""
    need("make")
    for made in (PICTURE, REPORT):
        made.unlink(missing_ok=True)
    mark, output = folder / "tmp", folder / "output"
    mark.mkdir()
    with family(str(mark)) as processes, output.open("wb") as file:
        # A process group of its own, as a shell gives it one.
        make = subprocess.Popen(
            ["make", "demo", *arguments],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(mark), **settings},
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
        try:
            yield Demo(make, mark, output, processes)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(make.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                make.wait(70)
            processes.kill()
            make.wait()


def test_it_makes_a_picture_and_a_report_and_says_where_and_how_long(tmp_path: Path) -> None:
    with demo(tmp_path) as run:
        said = run.ended()
        assert run.make.returncode == 0, said
        assert run.processes.alive() == []
    assert str(PICTURE) in said
    assert str(REPORT) in said
    assert re.search(r"Screenshot of .*: succeeded\n.*load \d+ ms.*capture \d+ ms", said), said
    assert re.search(r"Probe of .*: succeeded\n.*capture \d+ ms", said), said
    with Image.open(PICTURE) as image:
        image.verify()
        assert (image.format, image.size) == ("PNG", (1280, 800))
    summary = json.loads(REPORT.read_text(encoding="utf-8"))["summary"]
    assert summary["video"]["codec_name"] == "h264"
    assert summary["audio"][0]["codec_name"] == "aac"


def test_it_renders_the_page_it_is_given(site: Site, tmp_path: Path) -> None:
    with demo(tmp_path, f"URL={site.url('/colours')}", FARM_EGRESS_ALLOW=THIS_MACHINE) as run:
        said = run.ended()
    assert run.make.returncode == 0, said
    with Image.open(PICTURE) as image:
        colours = [image.convert("RGB").getpixel((640, y)) for y in (50, 150, 250)]
    assert colours == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


def test_interrupted_at_its_start_it_stops_and_leaves_no_process(tmp_path: Path) -> None:
    with demo(tmp_path) as run:
        until(lambda: run.says("The farm starts at"), "it starts", ENDED_WITHIN_S)
        run.interrupt()
        run.ended_by_interrupt()


def test_interrupted_at_work_and_once_more_it_leaves_no_process(tmp_path: Path) -> None:
    with demo(tmp_path) as run:
        until(lambda: run.says("Screenshot of"), "it works", ENDED_WITHIN_S)
        run.interrupt()
        until(run.stops, "it stops")
        run.interrupt()
        run.ended_by_interrupt()


def test_interrupted_at_its_end_it_leaves_no_process(tmp_path: Path) -> None:
    with demo(tmp_path) as run:
        until(run.stops, "it stops", ENDED_WITHIN_S)
        run.interrupt()
        assert "Traceback" not in run.ended()
        assert run.processes.alive() == []
