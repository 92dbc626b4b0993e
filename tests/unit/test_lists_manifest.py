"""The manifest: whatever ends the process, what it says is true."""

import json
from pathlib import Path

import pytest

from farm.client.lists.manifest import (
    FILE_NAME,
    ItemError,
    ItemLine,
    Manifest,
    SavedFile,
    opened,
)
from farm.jobs.states import JobState

DONE = ItemLine(
    item="a",
    url="https://example.com/動画",
    job_id="job-1",
    batch_id="batch-1",
    state=JobState.SUCCEEDED,
    path="a.png",
    files=(SavedFile(artifact="screenshot.png", path="a.png", sha256="00"),),
)
FAILED = ItemLine(
    item="b",
    job_id="job-2",
    state=JobState.FAILED,
    path="b.png",
    error=ItemError(code="dns_error", message="\ud83d"),
)


def write(folder: Path) -> bytes:
    with opened(folder) as manifest:
        manifest.begin("key-1", ["a", "b"])
        manifest.accepted("key-1", "batch-1")
        manifest.record(DONE)
        manifest.record(FAILED)
    return (folder / FILE_NAME).read_bytes()


def read(folder: Path) -> Manifest:
    with opened(folder) as manifest:
        return manifest


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    write(tmp_path)
    manifest = read(tmp_path)
    assert manifest.items["a"] == DONE
    assert manifest.items["b"].error == ItemError(code="dns_error", message="?")
    assert manifest.requests["key-1"].items == ("a", "b")
    assert manifest.batches == {"key-1": "batch-1"}


def test_the_last_line_of_an_item_counts(tmp_path: Path) -> None:
    write(tmp_path)
    with opened(tmp_path) as manifest:
        manifest.record(FAILED.model_copy(update={"state": JobState.CANCELLED}))
        assert manifest.items["b"].state is JobState.CANCELLED
    assert read(tmp_path).items["b"].state is JobState.CANCELLED


def test_what_is_asked_for_again_is_open_again(tmp_path: Path) -> None:
    write(tmp_path)
    with opened(tmp_path) as manifest:
        manifest.begin("key-2", ["b"])
        assert manifest.items.keys() == {"a"}
    manifest = read(tmp_path)
    assert manifest.items.keys() == {"a"}
    assert manifest.asked == {"a": "key-1", "b": "key-2"}


def test_what_is_forgotten_stays_in_the_file(tmp_path: Path) -> None:
    write(tmp_path)
    with opened(tmp_path) as manifest:
        manifest.forget()
        assert manifest.items == {}
    assert read(tmp_path).items["a"] == DONE


def test_a_manifest_that_is_cut_anywhere_says_a_part_and_takes_further_lines(
    tmp_path: Path,
) -> None:
    whole = write(tmp_path)
    lines = whole.splitlines(keepends=True)
    ends = {len(b"".join(lines[:count])) for count in range(len(lines) + 1)}
    for length in range(len(whole)):
        (tmp_path / FILE_NAME).write_bytes(whole[:length])
        with opened(tmp_path) as manifest:
            # The newline is not needed to understand a line.
            complete = sum(end <= length + 1 for end in ends if end)
            assert len(manifest.items) == max(0, complete - 2)
            manifest.record(DONE)
        assert read(tmp_path).items["a"] == DONE, f"cut after {length} bytes"


@pytest.mark.parametrize(
    "line", [b"\xff\xfe\n", b"[]\n", b"{}\n", b'{"type": "of a newer client"}\n', b"\n", b"\0" * 80]
)
def test_a_line_that_is_not_understood_is_passed_over(tmp_path: Path, line: bytes) -> None:
    whole = write(tmp_path)
    (tmp_path / FILE_NAME).write_bytes(line + whole + line)
    assert read(tmp_path).items["a"] == DONE


def test_a_request_is_on_the_disk_before_it_is_sent(tmp_path: Path) -> None:
    with opened(tmp_path) as manifest:
        manifest.begin("key-1", ["a"])
        written = (tmp_path / FILE_NAME).read_bytes()
    assert json.loads(written) == {"type": "request", "key": "key-1", "items": ["a"]}


def test_two_commands_do_not_write_to_one_folder_at_once(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(OSError, match="Another farm command"):
        read(tmp_path)
    read(tmp_path)


def test_a_manifest_holds_no_more_than_it_says(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in write(tmp_path).splitlines()]
    assert [line["type"] for line in lines] == ["request", "batch", "item", "item"]
    assert lines[2] == {
        "type": "item",
        "item": "a",
        "url": "https://example.com/動画",
        "job_id": "job-1",
        "batch_id": "batch-1",
        "state": "succeeded",
        "path": "a.png",
        "files": [{"artifact": "screenshot.png", "path": "a.png", "sha256": "00"}],
    }
