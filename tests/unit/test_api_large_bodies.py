"""Large bodies: a whole page is taken, and what is made to take long does not."""

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.bodies import JSON_MAX_BYTES
from api.settings import ApiSettings
from tests.support.builders import MemoryFarm

ALMOST_ALL = JSON_MAX_BYTES - 200
"""Bytes; the rest is for what stands around."""
GOOD_START = '{"kind": "screenshot", "url": "http://page.test/"'
HTML = '{"kind": "pdf", "html": "'
ESCAPED = "\\u0000"


@pytest.fixture
def client() -> FlaskClient:
    return create_app(ApiSettings(), MemoryFarm().service).test_client()


LARGE: dict[str, tuple[str, int]] = {
    "a page of two million characters": (
        f'{{"kind": "content", "html": "{"<" * (2 * 1024 * 1024)}"}}',
        202,
    ),
    "the same in escapes": (HTML + ESCAPED * (1024 * 1024) + '"}', 202),
    "one character more": (f'{{"kind": "pdf", "html": "{"<" * (2 * 1024 * 1024 + 1)}"}}', 422),
    "quotes": ('"' * ALMOST_ALL, 400),
    "backslashes": ('"' + "\\" * ALMOST_ALL, 400),
    "quotes and backslashes": ('"\\' * (ALMOST_ALL // 2), 400),
    "strings without a comma": ('""' * (ALMOST_ALL // 2), 400),
    "brackets": ("[]" * (ALMOST_ALL // 2), 400),
    "brackets in a string": (GOOD_START + f', "user_agent": "{"[{" * (ALMOST_ALL // 2)}"}}', 422),
    "digits": ("[" + "9" * ALMOST_ALL + "]", 400),
    "a device": (GOOD_START + f', "device": "{"iPhone 15 " * (ALMOST_ALL // 10)}"}}', 422),
    "a name": (GOOD_START + f', "{"timeout" * (ALMOST_ALL // 7)}": 0}}', 422),
    "wrong tags": (GOOD_START + f', "tags": [{"0," * (ALMOST_ALL // 2)}0]}}', 422),
    "wrong cookies": (GOOD_START + f', "cookies": [{"{}," * (ALMOST_ALL // 3)}0]}}', 422),
}
"""Bodies of some MiB. Each is answered within moments, and shortly."""


@pytest.mark.timeout(30)
@pytest.mark.parametrize(("content", "status"), LARGE.values(), ids=LARGE)
def test_a_large_body_takes_neither_long_nor_a_long_answer(
    client: FlaskClient, content: str, status: int
) -> None:
    answer = client.post("/v1/jobs", data=content, content_type="application/json")
    assert answer.status_code == status
    assert len(answer.data) < 5000
