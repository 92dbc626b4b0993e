"""The archive: what is in it, what it is called, and what it does about bytes that are gone."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import PureWindowsPath
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import pytest

from api.results.archive import MANIFEST, archive
from api.results.names import file_name
from farm.jobs.errors import ArtifactEvicted
from farm.jobs.models import Artifact, Job
from tests.support.builders import NOON, MemoryFarm
from tests.support.results import PNG, a_running_job, failed, succeeded

ANY = Artifact(name="screenshot.png", media_type="image/png", size_bytes=1, sha256="ab")


def zipped(farm: MemoryFarm, *jobs: Job, **pages: bytes) -> ZipFile:
    made = {name: (lambda content=content: [content]) for name, content in pages.items()}
    pieces = archive(jobs, farm.service.read, made, NOON)
    found = ZipFile(io.BytesIO(b"".join(pieces)))
    assert found.testzip() is None
    return found


def manifest(found: ZipFile) -> list[dict[str, Any]]:
    return [json.loads(line) for line in found.read(MANIFEST).decode().splitlines()]


def test_all_artifacts_are_in_it_and_the_manifest_leads_to_them(farm: MemoryFarm) -> None:
    jobs = [
        succeeded(farm, a_running_job(url="http://a.test/x"), page=("text/html", b"<p>" * 999)),
        succeeded(farm, a_running_job(url="http://a.test/x", metadata={"order": "7"})),
        failed(a_running_job(tags=["late"])),
    ]
    found = zipped(farm, *jobs, page=b"<!doctype html>")
    lines = manifest(found)
    assert [line["id"] for line in lines] == [job.id for job in jobs]
    assert [line["state"] for line in lines] == ["succeeded", "succeeded", "failed"]
    assert (lines[1]["metadata"], lines[2]["tags"]) == ({"order": "7"}, ["late"])
    assert lines[2]["failure"] == {"code": "dns_error", "message": "There is no such host."}
    paths = [entry["path"] for line in lines for entry in line["files"]]
    assert [*paths, "page", MANIFEST] == found.namelist()
    assert [found.read(path) for path in paths] == [PNG, b"<p>" * 999, PNG]
    assert lines[0]["files"][0] == {
        **jobs[0].artifacts[0].model_dump(),
        "path": paths[0],
        "evicted": False,
    }


def test_pictures_are_stored_as_they_are_and_text_is_packed(farm: MemoryFarm) -> None:
    job = succeeded(farm, a_running_job(), page=("text/html", b"<p>" * 999))
    picture, page, _ = zipped(farm, job).infolist()
    assert (picture.compress_type, page.compress_type) == (ZIP_STORED, ZIP_DEFLATED)
    assert (picture.date_time, picture.external_attr >> 16) == ((2026, 1, 1, 12, 0, 0), 0o644)


def test_an_empty_archive_holds_an_empty_manifest(farm: MemoryFarm) -> None:
    assert manifest(zipped(farm)) == []


def test_bytes_that_are_gone_are_named_and_not_fatal(farm: MemoryFarm) -> None:
    gone, there = (succeeded(farm, a_running_job()) for _ in range(2))
    farm.artifacts.expire(gone.run_id, "screenshot.png", 0)
    found = zipped(farm, gone, there)
    entries = [line["files"][0] for line in manifest(found)]
    assert [(entry["evicted"], entry["path"]) for entry in entries] == [
        (True, None),
        (False, file_name(there, there.artifacts[0])),
    ]
    assert found.namelist() == [file_name(there, there.artifacts[0]), MANIFEST]


def test_bytes_that_go_in_the_middle_of_them_are_no_file(farm: MemoryFarm) -> None:
    first, second, third = (succeeded(farm, a_running_job()) for _ in range(3))

    def read(job: Job, artifact: Artifact) -> Iterator[bytes]:
        yield from farm.service.read(job, artifact)
        if job is second:
            yield b"half" * 100_000
            raise ArtifactEvicted("rest.png")

    found = ZipFile(io.BytesIO(b"".join(archive([first, second, third], read, {}, NOON))))
    assert found.testzip() is None
    names = [file_name(job, job.artifacts[0]) for job in (first, third)]
    assert found.namelist() == [*names, MANIFEST]
    assert [line["files"][0]["evicted"] for line in manifest(found)] == [False, True, False]


def test_no_more_is_held_than_a_piece(farm: MemoryFarm) -> None:
    jobs = [succeeded(farm, a_running_job()) for _ in range(3)]
    largest = 0

    def read(*_: object) -> Iterator[bytes]:
        for _number in range(100):
            yield bytes(256 * 1024)

    for piece in archive(jobs, read, {}, NOON):
        largest = max(largest, len(piece))
    assert largest <= 257 * 1024


def test_who_leaves_in_the_middle_ends_the_reading(farm: MemoryFarm) -> None:
    ended = []

    def read(*_: object) -> Iterator[bytes]:
        try:
            yield bytes(256 * 1024)
            yield bytes(256 * 1024)
        finally:
            ended.append(True)

    begun = archive([succeeded(farm, a_running_job())], read, {}, NOON)
    next(begun)
    begun.close()  # type: ignore[attr-defined]
    assert ended == [True]


@pytest.mark.parametrize(
    ("url", "stem"),
    [
        ("http://example.com/", "example.com"),
        (
            "https://example.com:8443/a/b.html?c=d&e=%2e%2e%2f#f",
            "example.com-8443-a-b.html-c-d-e-2e-2e-2f",
        ),
        ("http://example.com/../../etc/passwd", "example.com-etc-passwd"),
        ("http://con.test/", "_con.test"),
        ("http://lpt1.test/", "_lpt1.test"),
        ("http://console.test/", "console.test"),
        ("http://a.test/" + "x" * 500, "a.test-" + "x" * 73),
        ("http://a.test/" + "x" * 72 + "...", "a.test-" + "x" * 72),
        ("http://[2001:db8::1]/", "2001-db8-1"),
        ("http://xn--bcher-kva.test/%E2%80%AEgnp.exe", "xn--bcher-kva.test-E2-80-AEgnp.exe"),
        ("http://a.test/CON", "a.test-CON"),
    ],
)
def test_a_name_says_where_it_came_from_and_is_safe(url: str, stem: str) -> None:
    job = a_running_job(url=url)
    assert file_name(job, ANY) == f"files/{stem}-{job.id[:12]}.screenshot.png"


def test_a_job_without_an_address_is_called_by_its_tag_or_its_kind() -> None:
    tagged = a_running_job(url=None, html="<p>", tags=["../Invoice: 7", "b"])
    plain = a_running_job(url=None, html="<p>", tags=["日本"])
    assert file_name(tagged, ANY) == f"files/Invoice-7-{tagged.id[:12]}.screenshot.png"
    assert file_name(plain, ANY) == f"files/screenshot-{plain.id[:12]}.screenshot.png"


def test_names_of_many_are_all_different_and_fit_windows() -> None:
    jobs = [a_running_job(url=f"http://Same.test/{'A' if i % 2 else 'a'}") for i in range(500)]
    names = {file_name(job, ANY).lower() for job in jobs}
    assert len(names) == 500
    for name in names:
        assert re.fullmatch(r"files/[a-z0-9._-]{1,120}", name)
        assert not PureWindowsPath(name).is_reserved()
