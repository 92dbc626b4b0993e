"""What ``FolderArtifacts`` promises beyond the port."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from farm.backends.folder_artifacts import FolderArtifacts
from farm.backends.memory import ManualClock
from farm.jobs.errors import ArtifactEvicted, BackendUnavailable

CHUNK = b"x" * 300_000
DAY_S = 24 * 3600
HOUR_S = 3600


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(folder: Path, clock: ManualClock) -> FolderArtifacts:
    return FolderArtifacts(folder, clock)


def put(store: FolderArtifacts, owner: str = "u1", *, ttl_s: int = DAY_S) -> None:
    store.put(owner, "upload", "video/mp4", [CHUNK, CHUNK], ttl_s=ttl_s)


def the_file(folder: Path, ending: str = "") -> Path:
    """Return the only file that ends so; with nothing, the one with the bytes."""
    (file,) = (each for each in folder.iterdir() if each.suffix == ending)
    return file


def touch(folder: Path, clock: ManualClock) -> None:
    """Let every file have been written to just now, in the time of ``clock``."""
    for file in folder.iterdir():
        os.utime(file, (clock.now().timestamp(),) * 2)


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """Let the system refuse to write larger files, as it does when a disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_the_files_are_private_and_their_names_say_nothing(
    store: FolderArtifacts, folder: Path
) -> None:
    put(store, "secret-id")
    files = list(folder.iterdir())
    assert len(files) == 2
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert not any("secret-id" in file.name for file in files)


def test_a_reader_on_the_machine_gets_a_link_and_no_copy(
    store: FolderArtifacts, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    put(store)
    link = tmp_path_factory.mktemp("probe") / "input"
    store.place("u1", "upload", link)
    assert link.readlink() == the_file(folder)


def test_a_relative_folder_is_the_same_wherever_a_link_lies(
    folder: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (folder / "uploads").mkdir()
    (folder / "probe").mkdir()
    store = FolderArtifacts(Path("uploads"), clock)
    put(store)
    store.place("u1", "upload", folder / "probe" / "input")
    assert (folder / "probe" / "input").read_bytes() == CHUNK * 2


def test_what_has_expired_is_not_there_any_more(store: FolderArtifacts, clock: ManualClock) -> None:
    put(store, ttl_s=60)
    clock.advance(59)
    assert store.find("u1", "upload") is not None
    clock.advance(1)
    assert store.find("u1", "upload") is None
    with pytest.raises(ArtifactEvicted):
        list(store.read("u1", "upload"))
    store.expire("u1", "upload", 60)
    assert store.find("u1", "upload") is None


def test_a_new_expiry_counts_from_now(store: FolderArtifacts, clock: ManualClock) -> None:
    put(store, ttl_s=60)
    clock.advance(59)
    store.expire("u1", "upload", 60)
    clock.advance(59)
    assert b"".join(store.read("u1", "upload")) == CHUNK * 2


def test_an_expiry_that_is_almost_the_same_writes_nothing(
    store: FolderArtifacts, folder: Path, clock: ManualClock
) -> None:
    put(store, ttl_s=1000)
    before = {file: file.stat().st_ino for file in folder.iterdir()}
    clock.advance(1)
    store.expire("u1", "upload", 1000)
    assert {file: file.stat().st_ino for file in folder.iterdir()} == before
    clock.advance(1)
    store.expire("u1", "upload", 1000)
    clock.advance(999)
    assert store.find("u1", "upload") is not None


def test_dropped_bytes_leave_the_folder_at_once(store: FolderArtifacts, folder: Path) -> None:
    put(store)
    store.expire("u1", "upload", 0)
    store.expire("u1", "upload", 0)
    assert list(folder.iterdir()) == []


def test_a_sweep_removes_what_expired_a_minute_ago_and_nothing_else(
    store: FolderArtifacts, folder: Path, clock: ManualClock
) -> None:
    put(store, "old", ttl_s=60)
    put(store, "young", ttl_s=DAY_S)
    clock.advance(119)
    store.sweep()
    assert len(list(folder.iterdir())) == 4  # Who began to read it may read to its end.
    clock.advance(1)
    store.sweep()
    assert len(list(folder.iterdir())) == 2
    assert store.find("young", "upload") is not None


def test_a_sweep_removes_what_a_dead_process_left_after_an_hour(
    store: FolderArtifacts, folder: Path, clock: ManualClock
) -> None:
    put(store, "whole")
    put(store, "without manifest")
    whole = {file for file in folder.iterdir() if (folder / file.stem).exists()}
    store.expire("without manifest", "upload", 0)
    digest = "0123456789abcdef" * 4
    left = [digest, f"{digest}.deadbeef.part", f"{digest}.json.deadbeef.part"]
    for name in left:
        (folder / name).write_bytes(CHUNK)
    (folder / f"{digest[::-1]}.json").touch()  # As a loss of power leaves it.
    touch(folder, clock)
    clock.advance(HOUR_S)
    store.sweep()
    assert len(list(folder.iterdir())) == 6
    clock.advance(1)
    store.sweep()
    assert len(list(folder.iterdir())) == 2
    assert {file.name for file in folder.iterdir()} <= {file.name for file in whole}
    assert b"".join(store.read("whole", "upload")) == CHUNK * 2


def test_a_sweep_leaves_alone_what_is_not_the_store_s(
    store: FolderArtifacts, folder: Path, clock: ManualClock
) -> None:
    names = {"film.mp4", "notes.json", "copy.part"}
    for name in names:
        (folder / name).touch()
    touch(folder, clock)
    clock.advance(10 * DAY_S)
    store.sweep()
    assert {file.name for file in folder.iterdir()} == names


def test_bytes_that_a_loss_of_power_cut_are_an_eviction(
    store: FolderArtifacts, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    put(store)
    os.truncate(the_file(folder), 1000)
    with pytest.raises(ArtifactEvicted):
        list(store.read("u1", "upload"))
    with pytest.raises(ArtifactEvicted):
        store.place("u1", "upload", tmp_path_factory.mktemp("probe") / "input")


def test_a_manifest_that_a_loss_of_power_emptied_is_none(
    store: FolderArtifacts, folder: Path
) -> None:
    put(store)
    os.truncate(the_file(folder, ".json"), 0)
    assert store.find("u1", "upload") is None


def test_an_error_of_whoever_sends_goes_on_as_it_is_and_nothing_is_left(
    store: FolderArtifacts, folder: Path
) -> None:
    def broken() -> Iterator[bytes]:
        yield CHUNK
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store.put("u1", "upload", "video/mp4", broken(), ttl_s=60)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("room_bytes", [500_000, 100, 0])
def test_a_disk_that_takes_no_more_is_an_outage_and_nothing_is_left(
    store: FolderArtifacts, folder: Path, room_bytes: int
) -> None:
    with pytest.raises(BackendUnavailable), files_of_at_most(room_bytes):
        put(store)
    assert list(folder.iterdir()) == []


def test_bytes_whose_manifest_cannot_be_written_are_not_left(
    store: FolderArtifacts, folder: Path
) -> None:
    with pytest.raises(BackendUnavailable), files_of_at_most(10):
        store.put("u1", "upload", "video/mp4", [b"tiny"], ttl_s=60)
    assert list(folder.iterdir()) == []


def test_a_folder_that_went_away_is_an_outage(store: FolderArtifacts, folder: Path) -> None:
    folder.rmdir()
    with pytest.raises(BackendUnavailable):
        put(store)
    with pytest.raises(BackendUnavailable):
        store.sweep()
