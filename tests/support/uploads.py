"""Ways to leave a file with the farm over HTTP."""

from io import BytesIO

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

MEDIA_TYPE = "video/mp4"


def raw(client: FlaskClient, content: bytes, **query: str) -> TestResponse:
    return client.post("/v1/uploads", data=content, content_type=MEDIA_TYPE, query_string=query)


def chunked(client: FlaskClient, content: bytes, media_type: str = MEDIA_TYPE) -> TestResponse:
    """Send ``content`` without saying how long it is, as ``Transfer-Encoding: chunked`` does."""
    return client.post(
        "/v1/uploads",
        input_stream=BytesIO(content),
        content_type=media_type,
        environ_overrides={"wsgi.input_terminated": True},
    )


def multipart(
    client: FlaskClient, content: bytes, filename: str = "a.mp4", *, field: str = "file"
) -> TestResponse:
    return client.post("/v1/uploads", data={field: (BytesIO(content), filename, MEDIA_TYPE)})


def problem(answer: TestResponse) -> tuple[int, str]:
    assert answer.content_type == "application/problem+json"
    return answer.status_code, answer.get_json()["code"]
