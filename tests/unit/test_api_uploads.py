"""Leaving files with the farm over HTTP."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.settings import ApiSettings
from farm.backends.memory import MemoryArtifacts
from farm.jobs.models import Artifact
from tests.support.builders import MemoryFarm
from tests.support.uploads import MEDIA_TYPE, chunked, multipart, problem, raw

MAX_BYTES = 1000


class CountingArtifacts(MemoryArtifacts):
    """Remembers all that was ever stored."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Artifact] = []

    def put(
        self, owner: str, name: str, media_type: str, chunks: Iterable[bytes], *, ttl_s: int
    ) -> Artifact:
        self.kept.append(super().put(owner, name, media_type, chunks, ttl_s=ttl_s))
        return self.kept[-1]


@pytest.fixture
def artifacts() -> CountingArtifacts:
    return CountingArtifacts()


@pytest.fixture
def client(artifacts: CountingArtifacts) -> FlaskClient:
    service = replace(MemoryFarm().service, uploads=artifacts)
    return create_app(ApiSettings(upload_max_bytes=MAX_BYTES), service).test_client()


@pytest.mark.parametrize("send", [raw, chunked, multipart])
def test_a_file_is_kept_as_it_came(
    client: FlaskClient, artifacts: CountingArtifacts, send: Any
) -> None:
    content = bytes(range(256))
    answer = send(client, content)
    upload = answer.get_json()
    assert answer.status_code == 201
    assert set(upload) == {"id", "filename", "size_bytes", "sha256", "expires_at"}
    assert upload["size_bytes"] == len(content)
    assert upload["sha256"] == hashlib.sha256(content).hexdigest()
    assert upload["expires_at"] == "2026-01-02T12:00:00.000Z"
    assert b"".join(artifacts.read(upload["id"], "upload")) == content
    assert [kept.media_type for kept in artifacts.kept] == [MEDIA_TYPE]


@pytest.mark.parametrize("name", ["a.mp4", "Ferien 夏.mp4", "../../etc/passwd", 'a"\\b', "%00"])
def test_the_file_name_is_echoed_and_nothing_more(client: FlaskClient, name: str) -> None:
    assert raw(client, b"abc", filename=name).get_json()["filename"] == name


def test_a_multipart_file_brings_its_name_and_the_query_outranks_it(client: FlaskClient) -> None:
    assert multipart(client, b"abc", "夏.mp4").get_json()["filename"] == "夏.mp4"
    files = {"file": (BytesIO(b"abc"), "a.mp4")}
    answer = client.post("/v1/uploads?filename=b.mp4", data=files)
    assert answer.get_json()["filename"] == "b.mp4"


def test_without_a_name_the_name_is_null(client: FlaskClient) -> None:
    assert raw(client, b"abc").get_json()["filename"] is None


def test_a_name_that_is_too_long_is_422_naming_it(
    client: FlaskClient, artifacts: CountingArtifacts
) -> None:
    assert raw(client, b"abc", filename="n" * 255).status_code == 201
    answer = raw(client, b"abc", filename="n" * 256)
    assert problem(answer) == (422, "invalid_spec")
    assert answer.get_json()["errors"][0]["field"] == "filename"
    assert len(artifacts.kept) == 1


@pytest.mark.parametrize("send", [raw, chunked])
def test_a_file_of_just_the_limit_is_taken(client: FlaskClient, send: Any) -> None:
    assert send(client, b"x" * MAX_BYTES).get_json()["size_bytes"] == MAX_BYTES


@pytest.mark.parametrize("send", [raw, chunked, multipart])
def test_76_one_byte_over_the_limit_is_413_and_nothing_is_kept(
    client: FlaskClient, artifacts: CountingArtifacts, send: Any
) -> None:
    answer = send(client, b"x" * (MAX_BYTES + 1))
    assert problem(answer) == (413, "payload_too_large")
    assert str(MAX_BYTES) in answer.get_json()["detail"]
    assert artifacts.kept == []


def test_the_limit_of_specs_is_not_that_of_uploads() -> None:
    client = create_app(ApiSettings(), MemoryFarm().service).test_client()
    assert raw(client, b"x" * 300_000).get_json()["size_bytes"] == 300_000
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
    answer = client.post(
        "/v1/uploads",
        data=part + b"x" * 600_000 + b"\r\n--b--\r\n",
        content_type="multipart/form-data; boundary=b",
    )
    assert answer.get_json()["size_bytes"] == 600_000


@pytest.mark.parametrize(
    "sent",
    [
        {"data": {"other": (BytesIO(b"abc"), "a.mp4")}},
        {"data": {"file": "a field and no file"}, "content_type": "multipart/form-data"},
        {"data": b"abc", "content_type": "multipart/form-data; boundary=b"},
        {"data": b"", "content_type": "multipart/form-data; boundary=b"},
    ],
    ids=["another field", "no file", "no parts", "empty"],
)
def test_a_multipart_body_without_the_file_is_422_naming_the_field(
    client: FlaskClient, artifacts: CountingArtifacts, sent: dict[str, Any]
) -> None:
    answer = client.post("/v1/uploads", **sent)
    assert problem(answer) == (422, "invalid_spec")
    assert [error["field"] for error in answer.get_json()["errors"]] == ["file"]
    assert artifacts.kept == []


def test_76_a_body_that_breaks_off_is_400_and_nothing_is_kept(
    client: FlaskClient, artifacts: CountingArtifacts
) -> None:
    answer = client.post("/v1/uploads", data=b"abc", environ_overrides={"CONTENT_LENGTH": "100"})
    assert problem(answer) == (400, "bad_request")
    assert artifacts.kept == []


def test_an_upload_can_be_probed(client: FlaskClient) -> None:
    upload_id = raw(client, b"abc").get_json()["id"]
    answer = client.post("/v1/jobs", json={"kind": "probe", "upload_id": upload_id})
    assert (answer.status_code, answer.get_json()["spec"]) == (202, {"upload_id": upload_id})


def test_an_upload_is_forgotten_once(client: FlaskClient) -> None:
    path = f"/v1/uploads/{raw(client, b'abc').get_json()['id']}"
    answer = client.delete(path)
    assert (answer.status_code, answer.data) == (204, b"")
    assert problem(client.delete(path)) == (404, "unknown_upload")
