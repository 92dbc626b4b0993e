"""Which options a page that is shared may have."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # ships no types

from farm.jobs.errors import InvalidSpec
from farm.jobs.specs.page import PageOptions
from farm.jobs.specs.requests import SPECS, JobRequest
from tasks.pages.warm import sharers
from tests.support.builders import a_job

WHOLE = Draft202012Validator(JobRequest.model_json_schema())
PAGE = {"kind": "screenshot", "url": "http://page.test/"}
SHARED = {**PAGE, "isolation": "batch"}
COOKIE = {"name": "a", "value": "b"}
REFUSED: list[dict[str, Any]] = [
    {"http_credentials": {"username": "ann", "password": "secret"}},
    {"extra_http_headers": {"Authorization": "x"}},
    {"cookies": [COOKIE]},
    {"storage_state": {"cookies": [COOKIE]}},
    {"click": ["a"]},
    {"scripts": ["1"]},
    {"wait_for_function": "true"},
    {"block_cookie_banners": True},
    {"collect": ["html", "har"]},
]
TAKEN: list[dict[str, Any]] = [
    {},
    {"extra_http_headers": {}, "cookies": [], "click": [], "scripts": []},
    {"block_cookie_banners": False, "wait_for_function": None, "storage_state": None},
    {"collect": ["html", "network"], "styles": ["a {}"], "block_ads": True},
    {"wait_for_selector": "#a", "device": "iPhone 15", "locale": "de-DE"},
]


@pytest.mark.parametrize("fields", REFUSED, ids=lambda fields: next(iter(fields)))
def test_what_would_stay_on_a_shared_page_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidSpec) as caught:
        JobRequest.model_validate({**SHARED, **fields})
    (error,) = caught.value.errors
    assert error.field == next(iter(fields))
    assert "isolation" in error.message
    assert not WHOLE.is_valid({**SHARED, **fields})
    for alone in (PAGE, {**PAGE, "isolation": "job"}):
        assert WHOLE.is_valid({**alone, **fields})
        JobRequest.model_validate({**alone, **fields})


@pytest.mark.parametrize("fields", TAKEN)
def test_a_shared_page_takes_all_the_rest(fields: dict[str, Any]) -> None:
    spec = JobRequest.model_validate({**SHARED, **fields}).root
    assert isinstance(spec, PageOptions)
    assert spec.isolation == "batch"
    assert WHOLE.is_valid({**SHARED, **fields})


@pytest.mark.parametrize("kind", [kind for kind in SPECS if kind != "probe"])
def test_only_jobs_of_a_batch_share_a_page_and_only_if_they_say_so(kind: str) -> None:
    page = {"kind": kind, "url": "http://page.test/"}
    shared = a_job(spec=JobRequest.model_validate({**page, "isolation": "batch"}).root)
    alone = a_job(spec=JobRequest.model_validate(page).root)
    assert sharers(shared) is None
    one, other = ({"batch_id": each} for each in ("batch-1", "batch-2"))
    assert sharers(alone.model_copy(update=one)) is None
    assert sharers(shared.model_copy(update=one)) is not None
    assert sharers(shared.model_copy(update=one)) != sharers(shared.model_copy(update=other))


def test_a_probe_has_no_page_to_share() -> None:
    with pytest.raises(InvalidSpec) as caught:
        JobRequest.model_validate({"kind": "probe", "url": "http://a.test/", "isolation": "batch"})
    assert caught.value.errors[0].field == "isolation"
    probe = JobRequest.model_validate({"kind": "probe", "url": "http://a.test/"}).root
    assert sharers(a_job(spec=probe).model_copy(update={"batch_id": "batch-1"})) is None
