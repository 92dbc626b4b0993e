"""Leaving large files with the farm: they go to a folder as they come, or not at all."""

import hashlib
import tempfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.settings import ApiSettings
from farm.backends.folder_artifacts import FolderArtifacts
from tests.support.builders import MemoryFarm
from tests.support.uploads import MEDIA_TYPE, chunked, problem, raw

MAX_BYTES = 1_000_000
CONTENT = bytes(range(256)) * 3000
DAY_S = 24 * 3600

FORM = "multipart/form-data; boundary=b"
BEFORE = b'--b\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n'
END = b"\r\n--b--\r\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def client(farm: MemoryFarm, folder: Path) -> FlaskClient:
    service = replace(farm.service, uploads=FolderArtifacts(folder, farm.clock))
    return create_app(ApiSettings(upload_max_bytes=MAX_BYTES), service).test_client()


def form(client: FlaskClient, content: bytes) -> Any:
    return client.post("/v1/uploads", data=content, content_type=FORM)


def form_chunked(client: FlaskClient, content: bytes) -> Any:
    return chunked(client, content, FORM)


def multipart(client: FlaskClient, content: bytes) -> Any:
    # Werkzeug's test client would make a temporary file of its own, and leave it open.
    return form(client, FILE + b"\r\n" + content + END)


@pytest.mark.parametrize("send", [raw, chunked, multipart])
def test_a_file_is_written_once_as_it_came(client: FlaskClient, folder: Path, send: Any) -> None:
    answer = send(client, CONTENT)
    assert answer.status_code == 201
    assert answer.get_json()["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert sorted(file.suffix for file in folder.iterdir()) == ["", ".json"]
    assert max(folder.iterdir(), key=lambda file: file.stat().st_size).read_bytes() == CONTENT


@pytest.mark.parametrize("send", [form, form_chunked])
def test_a_form_goes_to_no_temporary_file(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, send: Any
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    assert send(client, FILE + b"\r\n" + CONTENT + END).get_json()["size_bytes"] == len(CONTENT)


@pytest.mark.parametrize("send", [raw, chunked, multipart])
def test_a_file_over_the_limit_is_413_and_leaves_nothing(
    client: FlaskClient, folder: Path, send: Any
) -> None:
    assert problem(send(client, b"x" * (MAX_BYTES + 1))) == (413, "payload_too_large")
    assert list(folder.iterdir()) == []


class Endless(BytesIO):
    """A body that never comes to an end; remembers how much of it was taken."""

    taken_bytes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert 0 < size <= MAX_BYTES
        self.taken_bytes += size
        return b"x" * size

    def readinto(self, buffer: Any, /) -> int:
        buffer[:] = self.read(len(buffer))
        return len(buffer)


def test_a_body_without_an_end_is_cut_at_the_limit(client: FlaskClient, folder: Path) -> None:
    body = Endless()
    answer = client.post(
        "/v1/uploads",
        input_stream=body,
        content_type=MEDIA_TYPE,
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert problem(answer) == (413, "payload_too_large")
    assert body.taken_bytes < 2 * MAX_BYTES
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("server", [{}, {"wsgi.input_terminated": True}], ids=["plain", "ending"])
@pytest.mark.parametrize("content_type", [MEDIA_TYPE, FORM])
def test_a_body_that_breaks_off_is_400_and_leaves_nothing(
    client: FlaskClient, folder: Path, content_type: str, server: dict[str, object]
) -> None:
    answer = client.post(
        "/v1/uploads",
        data=FILE + b"\r\n" + CONTENT,
        content_type=content_type,
        environ_overrides={"CONTENT_LENGTH": "900000", **server},
    )
    assert problem(answer) == (400, "bad_request")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        FILE + b"\r\n" + CONTENT,
        FILE + b"\r\n" + CONTENT + b"\r\n--b",
        FILE + b"\r\n" + CONTENT + b"\r\n" + BEFORE,
        FILE + b"\r\n" + CONTENT + b"\r\n--b\r\nNonsense\r\n\r\n" + END,
    ],
    ids=["in the file", "in its boundary", "after the file", "nonsense after the file"],
)
@pytest.mark.parametrize("send", [form, form_chunked])
def test_a_form_that_is_not_whole_is_400_and_leaves_nothing(
    client: FlaskClient, folder: Path, content: bytes, send: Any
) -> None:
    assert problem(send(client, content)) == (400, "bad_request")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("send", [form, form_chunked])
def test_the_first_file_of_a_form_is_taken_whatever_stands_around(
    client: FlaskClient, folder: Path, send: Any
) -> None:
    other = FILE.replace(b'name="file"', b'name="other"') + b"\r\nother\r\n"
    first = FILE + b"Content-Type: Video/MP4; codecs=x\r\n\r\n" + CONTENT + b"\r\n"
    answer = send(client, BEFORE + other + first + FILE + b"\r\nsecond\r\n" + BEFORE[:-2] + END)
    assert (answer.status_code, answer.get_json()["filename"]) == (201, "a.mp4")
    assert answer.get_json()["size_bytes"] == len(CONTENT)
    (manifest,) = folder.glob("*.json")
    assert '"media_type":"video/mp4"' in manifest.read_text()


@pytest.mark.parametrize(
    "around",
    [b"x" * 600_000, b"--b\r\nX: " + b"x" * 600_000, BEFORE * 1001],
    ids=["before the form", "in a header", "parts"],
)
def test_what_stands_around_the_file_is_bounded(
    client: FlaskClient, folder: Path, around: bytes
) -> None:
    answer = form(client, around + b"\r\n" + FILE + b"\r\nabc" + END)
    assert problem(answer) == (413, "payload_too_large")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("boundary", ["", "; boundary=", "; boundary=ä"])
def test_a_form_without_a_boundary_is_422(client: FlaskClient, boundary: str) -> None:
    answer = client.post(
        "/v1/uploads", data=FILE + b"\r\nabc" + END, content_type=f"multipart/form-data{boundary}"
    )
    assert problem(answer) == (422, "invalid_spec")


def test_an_upload_that_has_expired_can_be_neither_probed_nor_forgotten(
    farm: MemoryFarm, client: FlaskClient
) -> None:
    upload_id = raw(client, CONTENT).get_json()["id"]
    spec = {"kind": "probe", "upload_id": upload_id}
    farm.clock.advance(DAY_S - 1)
    assert client.post("/v1/jobs", json=spec).status_code == 202
    farm.clock.advance(DAY_S - 1)  # The probe has begun the day anew.
    assert client.post("/v1/jobs", json=spec).status_code == 202
    farm.clock.advance(DAY_S)
    assert problem(client.post("/v1/jobs", json=spec)) == (422, "invalid_spec")
    assert problem(client.delete(f"/v1/uploads/{upload_id}")) == (404, "unknown_upload")


def test_a_forgotten_upload_is_out_of_the_folder_at_once(client: FlaskClient, folder: Path) -> None:
    upload_id = raw(client, CONTENT).get_json()["id"]
    assert client.delete(f"/v1/uploads/{upload_id}").status_code == 204
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("upload_id", ["..", "%2e%2e%2fetc%2fpasswd", "%00", "a" * 300])
def test_an_id_is_no_path(client: FlaskClient, upload_id: str) -> None:
    assert client.delete(f"/v1/uploads/{upload_id}").status_code == 404


def test_a_folder_that_went_away_is_503_and_worth_another_try(
    client: FlaskClient, folder: Path
) -> None:
    folder.rmdir()
    answer = raw(client, CONTENT)
    assert problem(answer) == (503, "backend_unavailable")
    assert "Retry-After" in answer.headers
