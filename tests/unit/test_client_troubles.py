"""Answers that are errors, and requests that find no farm: what is raised, what is tried again."""

from pathlib import Path

import httpx
import pytest

from farm.client.errors import (
    ApiError,
    ClientError,
    FarmUnavailable,
    FarmUnreachable,
    Misconfigured,
    RequestInvalid,
    RequestRefused,
    UnreadableAnswer,
)
from farm.jobs.errors import FieldError
from tests.support.fake_farm import FakeFarm, problem

SPEC = {"kind": "screenshot", "url": "https://example.com/"}
REFUSED = "[Errno 111] Connection refused"


@pytest.fixture
def farm() -> FakeFarm:
    return FakeFarm()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RequestInvalid),
        (401, RequestRefused),
        (403, RequestRefused),
        (404, RequestInvalid),
        (413, RequestInvalid),
        (422, RequestInvalid),
        (429, RequestRefused),
        (500, FarmUnavailable),
        (503, FarmUnavailable),
    ],
)
def test_a_problem_becomes_an_error_of_its_status(
    farm: FakeFarm, status: int, kind: type[ApiError]
) -> None:
    farm.troubles = [problem(status, "some_code", "Some sentence.", retryable=True)] * 4
    with pytest.raises(kind) as caught:
        farm.client().submit(SPEC)
    error = caught.value
    assert (error.status, error.code, error.detail) == (status, "some_code", "Some sentence.")
    assert str(error) == "Some sentence."
    assert error.retryable
    assert error.trace_id == "0123"
    assert error.retry_after_s is None


def test_a_refused_spec_names_each_field(farm: FakeFarm) -> None:
    fields = [{"field": "url", "message": "missing"}, {"field": "", "message": "odd"}]
    farm.troubles = [problem(422, "invalid_spec", "url: missing", errors=fields)]
    with pytest.raises(RequestInvalid) as caught:
        farm.client().submit(SPEC)
    assert caught.value.errors == (
        FieldError(field="url", message="missing"),
        FieldError(field="", message="odd"),
    )


def test_an_error_page_of_a_proxy_still_has_a_code_and_a_sentence(farm: FakeFarm) -> None:
    farm.troubles = [httpx.Response(502, html="<h1>Bad gateway</h1>")] * 4
    with pytest.raises(FarmUnavailable) as caught:
        farm.client().submit(SPEC)
    assert caught.value.code == "http_502"
    assert str(caught.value) == "http://farm.test:8000/v1/jobs answered 502 Bad Gateway."


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, html="<h1>Welcome</h1>"),
        httpx.Response(200, json={"id": "job-1"}),
        httpx.Response(301, headers={"Location": "https://farm.test/v1/jobs/job-1"}),
    ],
    ids=["a page", "other JSON", "a redirect"],
)
def test_an_answer_that_no_farm_gives_is_an_error(farm: FakeFarm, answer: httpx.Response) -> None:
    farm.troubles = [answer]
    with pytest.raises(UnreadableAnswer, match=r"http://farm\.test:8000/v1/jobs/job-1"):
        farm.client().job("job-1")


def test_a_probe_whose_result_is_no_json_is_an_error(farm: FakeFarm) -> None:
    client = farm.client()
    job = client.job(farm.add_job("probe"))
    farm.troubles = [httpx.Response(200, text="Hello")]
    with pytest.raises(UnreadableAnswer, match="is not JSON"):
        client.report(job)


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError(REFUSED),
        httpx.ReadTimeout("timed out"),
        httpx.RemoteProtocolError("Server disconnected without sending a response."),
        problem(503, "backend_unavailable", "Redis is away."),
        httpx.Response(502, text="Bad gateway"),
    ],
    ids=["refused", "timed out", "hung up", "unavailable", "bad gateway"],
)
def test_a_read_that_fails_in_passing_is_tried_again(
    farm: FakeFarm, trouble: httpx.Response | Exception
) -> None:
    job_id = farm.add_job()
    farm.troubles = [trouble]
    assert farm.client().job(job_id).id == job_id
    assert len(farm.naps) == 1


def test_each_pause_is_longer_and_the_last_error_is_raised(farm: FakeFarm) -> None:
    farm.troubles = [httpx.ConnectError(REFUSED) for _ in range(9)]
    with pytest.raises(FarmUnreachable) as caught:
        farm.client().job("job-1")
    assert str(caught.value) == f"No answer from the farm at http://farm.test:8000: {REFUSED}."
    assert len(farm.requests) == 4
    assert len(farm.naps) == 3
    for nap, least in zip(farm.naps, (0.25, 0.5, 1), strict=True):
        assert least <= nap <= 2 * least


@pytest.mark.parametrize(
    "trouble",
    [
        problem(500, "internal_error", "A mistake.", headers={"Retry-After": "2"}),
        problem(422, "invalid_spec", "No spec."),
    ],
    ids=["internal error", "invalid"],
)
def test_what_will_be_no_better_is_not_sent_again(
    farm: FakeFarm, trouble: httpx.Response | Exception
) -> None:
    farm.troubles = [trouble]
    with pytest.raises(ClientError):
        farm.client().submit(SPEC)
    assert len(farm.requests) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError(REFUSED),
        httpx.ReadTimeout("timed out"),
        problem(503, "backend_unavailable", "Nobody knows whether it was stored."),
    ],
    ids=["refused", "timed out", "unavailable"],
)
def test_a_job_is_handed_in_again_with_a_key_of_its_own(
    farm: FakeFarm, trouble: httpx.Response | Exception
) -> None:
    farm.troubles = [trouble, trouble]
    client = farm.client()
    client.submit(SPEC)
    client.submit(SPEC)
    keys = [request.headers["Idempotency-Key"] for request in farm.requests]
    assert keys == [keys[0]] * 3 + [keys[3]]
    assert keys[0] != keys[3]


@pytest.mark.parametrize("trouble", [httpx.ReadError("gone"), problem(503, "away", "Away.")])
def test_what_may_not_be_made_twice_and_has_no_key_is_not_sent_again(
    farm: FakeFarm, trouble: httpx.Response | Exception
) -> None:
    farm.troubles = [trouble]
    with pytest.raises(ClientError):
        farm.client().create_key("somebody")
    assert len(farm.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_job_that_was_turned_away_is_handed_in_again_when_asked(
    farm: FakeFarm, status: int
) -> None:
    farm.troubles = [problem(status, "queue_full", "Full.", headers={"Retry-After": "7"})]
    assert farm.client().submit(SPEC).id == "job-1"
    assert len(farm.naps) == 1
    assert 7 < farm.naps[0] <= 7.5


def test_a_farm_that_asks_for_a_long_pause_is_not_waited_for(farm: FakeFarm) -> None:
    farm.troubles = [problem(429, "rate_limited", "Enough.", headers={"Retry-After": "31"})]
    with pytest.raises(RequestRefused) as caught:
        farm.client().submit(SPEC)
    assert caught.value.retry_after_s == 31
    assert farm.naps == []


def test_a_pause_given_as_a_date_is_not_guessed_at(farm: FakeFarm) -> None:
    date = {"Retry-After": "Fri, 02 Jan 2026 03:04:05 GMT"}
    farm.troubles = [problem(429, "rate_limited", "Enough.", headers=date)]
    farm.client().submit(SPEC)
    assert len(farm.naps) == 1
    assert 0.25 <= farm.naps[0] <= 0.5


@pytest.mark.parametrize("trouble", [httpx.ReadError("gone"), problem(502, "odd", "Odd.")])
def test_what_has_an_idempotency_key_is_sent_again_with_it(
    farm: FakeFarm, trouble: httpx.Response | BaseException
) -> None:
    farm.troubles = [trouble]
    farm.client().submit(SPEC, idempotency_key="order 7")
    keys = [request.headers.get("Idempotency-Key") for request in farm.requests]
    assert keys == ["order 7"] * 2


def test_an_upload_and_a_retry_carry_their_idempotency_key(farm: FakeFarm, tmp_path: Path) -> None:
    file = tmp_path / "a.mp4"
    file.write_bytes(b"abc")
    client = farm.client()
    client.upload(file, idempotency_key="k-1")
    farm.troubles = [problem(409, "nothing_to_retry", "It is queued.")]
    with pytest.raises(RequestInvalid):
        client.retry("job-1", idempotency_key="k-2")
    keys = [request.headers.get("Idempotency-Key") for request in farm.requests]
    assert keys == ["k-1", "k-2"]


@pytest.mark.parametrize("key", ["", " ", "a ", "a\nb: c", "schlüssel", "k" * 256])
def test_an_idempotency_key_that_is_none_is_refused_before_anything_is_sent(
    farm: FakeFarm, key: str
) -> None:
    with pytest.raises(Misconfigured, match="1 to 255"):
        farm.client().submit(SPEC, idempotency_key=key)
    assert farm.requests == []
