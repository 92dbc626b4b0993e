"""A Ctrl-C is never lost, wherever in Python it arrives."""

import subprocess
import sys
from pathlib import Path

from dev.stack import ROOT
from tests.support.waiting import until

IN_A_FINALIZER = """
import time
from dev.stack import interrupt_on_signals

class Slow:
    def __del__(self):
        print("in the finalizer", flush=True)
        while True:
            time.sleep(0.01)

interrupt_on_signals()
try:
    slow = Slow()
    del slow
    while True:
        time.sleep(0.01)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_one_that_python_swallows_in_a_finalizer_comes_again(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", IN_A_FINALIZER], cwd=ROOT, stdout=file, stderr=file
        )
    try:
        until(lambda: "in the finalizer" in output.read_text(), "it is in the finalizer")
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
    assert output.read_text().splitlines() == ["in the finalizer", "interrupted"]
