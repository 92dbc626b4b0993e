"""Subprocesses: ended whole, in every path."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from farm.jobs.errors import JobTimedOut, OutputTooLarge
from tasks.deadline import Deadline
from tasks.process import Finished, Limits, run
from tests.support.waiting import until

SLEEPER_WITH_CHILD = """
import subprocess, sys
child = subprocess.Popen(["sleep", "60"], start_new_session=False)
open(sys.argv[1], "w").write(str(child.pid))
child.wait()
"""


def run_python(code: str, cwd: Path, *arguments: str, timeout_s: float = 10) -> Finished:
    return run(
        [sys.executable, "-c", code, *arguments],
        deadline=Deadline(timeout_s),
        cwd=cwd,
        stdout_max_bytes=1_000_000,
        limits=Limits(file_bytes=1000),
    )


def test_it_returns_what_the_program_said(tmp_path: Path) -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    finished = run_python(code, tmp_path)
    assert (finished.exit_code, finished.stdout, finished.stderr) == (3, b"out\n", "err\n")


def test_the_program_sees_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARM_REDIS_URL", "redis://:hunter2@redis/0")
    finished = run_python("import os; print(sorted(os.environ))", tmp_path)
    assert b"FARM_REDIS_URL" not in finished.stdout
    assert b"PATH" in finished.stdout


def test_at_the_deadline_the_program_and_its_children_are_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    with pytest.raises(JobTimedOut, match="during the step"):
        run_python(SLEEPER_WITH_CHILD, tmp_path, str(pid_file), timeout_s=1)
    until(lambda: not psutil.pid_exists(int(pid_file.read_text())), "the grandchild is gone")


def test_a_child_that_the_program_left_behind_is_killed_too(tmp_path: Path) -> None:
    code = """
import subprocess
print(subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid)
"""
    finished = run_python(code, tmp_path)
    until(lambda: not psutil.pid_exists(int(finished.stdout)), "the left child is gone")


def test_a_flood_is_cut_and_ends_the_program(tmp_path: Path) -> None:
    with pytest.raises(OutputTooLarge):
        run_python("while True: print('x' * 10_000)", tmp_path)


def test_a_flood_on_stderr_is_cut_but_does_no_harm(tmp_path: Path) -> None:
    code = "import sys; sys.stderr.write('x' * 1_000_000); print('done')"
    finished = run_python(code, tmp_path)
    assert finished.stdout == b"done\n"
    assert len(finished.stderr) <= 64 * 1024


def test_the_program_has_no_input_and_may_not_write_large_files(tmp_path: Path) -> None:
    code = """
import sys
print(repr(sys.stdin.read()), flush=True)
with open("f", "w") as file:
    file.write("x" * 5000)
"""
    finished = run_python(code, tmp_path)
    assert finished.stdout == b"''\n"
    assert finished.exit_code != 0


def test_the_program_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = f"""
import sys
from pathlib import Path
from tasks.deadline import Deadline
from tasks.process import run, Limits
inner = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)"
run([sys.executable, "-c", inner], deadline=Deadline(60), cwd=Path({str(tmp_path)!r}),
    stdout_max_bytes=1000, limits=Limits(file_bytes=1000))
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=Path.cwd()) as parent:
        until(lambda: pid_file.exists() and pid_file.read_text(), "the program runs")
        program = psutil.Process(int(pid_file.read_text()))
        os.kill(parent.pid, signal.SIGKILL)
        until(lambda: not program.is_running(), "the program is gone")
