"""Files that appear whole or not at all."""

import os
import resource
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from farm.client.errors import NotSaved
from farm.client.saving import replacing
from tests.support.fake_farm import FakeFarm


def test_the_new_bytes_take_the_place_of_the_old(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_ends_badly_leaves_no_trace(
    tmp_path: Path, error: type[BaseException]
) -> None:
    def break_off() -> None:
        with replacing(tmp_path / "x") as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        break_off()
    assert list(tmp_path.iterdir()) == []


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"old")
    link = tmp_path / "link"
    link.symlink_to(target)
    with replacing(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_file_has_the_rights_that_any_new_file_has(tmp_path: Path) -> None:
    (tmp_path / "any").touch()
    with replacing(tmp_path / "x") as file:
        file.write(b"new")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="its devices are no files")
def test_a_device_is_written_to_and_stays_one() -> None:
    with replacing(Path(os.devnull)) as file:
        file.write(b"gone")
    assert Path(os.devnull).is_char_device()


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("none/x.png", "No such file or directory"),
        ("a-file/x.png", "Not a directory"),
        ("a-folder", "Is a directory"),
        ("/dev/full", "No space left on device"),
        ("/proc/x.png", "No such file or directory"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="its words and devices")
def test_what_cannot_be_written_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a-file").touch()
    Path("a-folder").mkdir()
    farm = FakeFarm()
    with pytest.raises(NotSaved) as caught:
        farm.client().save_artifact(farm.add_job(), "screenshot.png", path)
    assert str(caught.value) == f"{path!r} cannot be written: {why}."
    assert isinstance(caught.value, OSError)
    assert caught.value.errno
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["a-file", "a-folder"]


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such limit")
def test_a_disk_that_is_full_in_the_middle_keeps_the_old_and_nothing_half_written(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"old")
    farm = FakeFarm()
    job_id = farm.add_job()
    with files_of_at_most(70_000), pytest.raises(NotSaved, match="cannot be written: File too"):
        farm.client().save_artifact(job_id, "screenshot.png", path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    # Once more would be no better.
    assert len(farm.requests) == 2


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """Let no file grow further, as on a full disk; see setrlimit(2)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
