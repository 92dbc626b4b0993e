"""What dead children left is removed, and nothing else is."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.homes import Reaper
from tasks.identity import identity, started_at
from tests.support.waiting import until

GONE = "farm-child-1-1"
"""The first process was there before the first hundredth of a second was over."""


def mine() -> str:
    return f"farm-child-{os.getpid()}-{started_at(os.getpid())}"


@contextmanager
def sleeping(home: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Give a process, and another one of its group, that live in ``home``."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", "sleep 60 & wait"], env={"TMPDIR": str(home)}, start_new_session=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def group_is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def test_the_folder_of_a_child_that_is_gone_is_removed_and_others_are_not(tmp_path: Path) -> None:
    for name in (GONE, mine(), "farm-child-of-somebody", "other"):
        (tmp_path / name / "profile").mkdir(parents=True)
        (tmp_path / name / "profile" / "file").touch()
    Reaper(tmp_path).reap()
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(
        [mine(), "farm-child-of-somebody", "other"]
    )


def test_what_a_child_that_is_gone_had_started_is_killed_and_others_are_not(
    tmp_path: Path,
) -> None:
    with sleeping(tmp_path / GONE) as orphan, sleeping(tmp_path / mine()) as kept:
        Reaper(tmp_path).reap()
        assert orphan.wait(10) == -signal.SIGKILL
        until(lambda: group_is_gone(orphan.pid), "the rest of its group is gone")
        assert kept.poll() is None


def test_it_is_done_now_and_then(tmp_path: Path) -> None:
    reaper = Reaper(tmp_path)
    for is_left in (False, True):
        (tmp_path / GONE).mkdir()
        reaper.reap_if_due()
        assert (tmp_path / GONE).exists() is is_left


def test_no_two_processes_have_one_identity() -> None:
    code = "from tasks.identity import identity; print(identity())"
    said = [subprocess.check_output([sys.executable, "-c", code], text=True) for _ in range(2)]
    assert len({identity(), *said}) == 3
    assert identity() == identity()
    assert started_at(2**22 + 1) is None
