"""Whatever is sent to the API, its answer is one that its own description has.

Schemathesis makes up what is sent from the description: what fits it, and what does not.
"""

import string
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import create_app
from api.settings import ApiSettings
from dev import openapi
from tests.support.fuzzing import FuzzedFarm, make_sense, simplified

CASES = 2000
"""In all; they take about a minute."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OF_KEYS_ALONE = {"DELETE /v1/keys/{key_id}"}
"""What a farm without keys has nothing for."""
REPRODUCIBLE = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
TEXT = st.text(string.printable[:95], max_size=20).map(str.strip)
NOTHING: dict[str, str] = {}
HEADERS = st.just(NOTHING) | st.dictionaries(
    st.sampled_from(
        [
            *("Accept", "Accept-Encoding", "Content-Encoding", "Content-Type", "Expect"),
            *("If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "Range", "Prefer"),
            *("Host", "Origin", "Sec-Fetch-Site", "Forwarded", "Cookie", "X-HTTP-Method-Override"),
        ]
    ),
    TEXT
    | st.sampled_from(
        [
            *("*", '"', '"made"', 'W/"1"', "bytes=0-1", "bytes=9-2", "bytes=", "wait=1"),
            *("wait=-1", "wait=9e9", 'wait="', "http://[", "http://localhost:x", "localhost:99999"),
            *("multipart/form-data", "multipart/form-data; boundary=\xff", "text/plain", "null"),
            *("application/json; charset=\xe9", "Thu, 01 Jan 1970 00:00:00 GMT", "100-continue"),
        ]
    ),
    max_size=2,
)
"""What callers say beside what the description asks for: in half of the cases nothing."""


def described() -> schemathesis.BaseSchema:
    app = create_app(ApiSettings(), FuzzedFarm(keyed=False).service)
    found = schemathesis.openapi.from_dict(simplified(app.test_client().get("/openapi.json").data))
    # Who may call is not of this test, which says itself what lets a caller in.
    found.config.generation.with_security_parameters = False
    return found


OPERATIONS: dict[str, APIOperation[Any, Any, Any, Any]] = {
    found.ok().label: found.ok()
    for found in described().get_all_operations()
    if isinstance(found, Ok)
}


def budget() -> Iterator[tuple[str, bool, GenerationMode, int]]:
    """Yield operation, whether the farm has keys, what is sent to it, and how often."""
    for label, operation in OPERATIONS.items():
        can_be_wrong = bool(operation.body or operation.query)
        cases = 440 if label == "POST /v1/jobs" else 120 if can_be_wrong else 45
        for keyed, share in ((False, cases), (True, cases // 4)):
            wrong = share * 2 // 5 if can_be_wrong else 0
            yield label, keyed, GenerationMode.POSITIVE, share - wrong
            if wrong:
                yield label, keyed, GenerationMode.NEGATIVE, wrong


ROWS = list(budget())


def test_each_operation_is_asked_for_and_there_are_as_many_cases_as_promised() -> None:
    paths = simplified(openapi.FILE.read_bytes())["paths"]
    assert set(OPERATIONS) == {
        f"{method.upper()} {path}" for path, operations in paths.items() for method in operations
    }
    assert sum(row[-1] for row in ROWS) >= CASES


@pytest.mark.parametrize(
    ("label", "keyed", "mode", "cases"),
    ROWS,
    ids=[f"{mode.value} {label} {'keyed' if keyed else 'open'}" for label, keyed, mode, _ in ROWS],
)
def test_every_answer_is_one_of_the_description(
    label: str, *, keyed: bool, mode: GenerationMode, cases: int
) -> None:
    farm = FuzzedFarm(keyed=keyed)
    app = create_app(ApiSettings(upload_max_bytes=100), farm.service)
    answered: set[int] = set()

    @settings(REPRODUCIBLE, max_examples=cases)
    @given(case=OPERATIONS[label].as_strategy(mode), headers=HEADERS, data=st.data())
    def try_one(case: Case[Any], headers: dict[str, str], data: st.DataObject) -> None:
        farm.restore()
        if mode.is_positive:
            make_sense(case, farm.known, data)
        answer = case.call(app=app, headers={**headers, **farm.headers})
        answered.add(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    try_one()
    if mode.is_positive and not keyed and label not in OF_KEYS_ALONE:
        assert min(answered) < 300, "not one case got as far as to what it asks for"
