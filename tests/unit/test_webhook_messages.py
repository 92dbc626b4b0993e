"""What a webhook says, and that the sample of the docs believes the right ones alone."""

import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dev.docs import ROOT
from farm.jobs.batches.models import Batch, BatchOptions, Progress, Standing
from farm.jobs.batches.notices import Event, Notice
from farm.jobs.batches.views import BatchView
from farm.jobs.errors import DnsError
from farm.jobs.models import Artifact, Job
from farm.jobs.views import JobView
from tasks.webhooks import headers, message
from tests.support.builders import NOON, a_job, a_spec

SECRET = "whsec_" + base64.b64encode(b"hunter2 " * 4).decode()
URL = "https://hooks.test/"
NOW = datetime(2026, 1, 1, 12, 0, 5, tzinfo=UTC)


def a_failed_job(**fields: Any) -> Job:
    spec = a_spec(webhook_url=URL, **fields)
    return a_job(spec=spec).failed(DnsError("No such host."), NOON)


def sample() -> Callable[[str, Mapping[str, str], bytes], Any]:
    """Return the function of the docs."""
    text = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(import base64.*?)^```", text, re.DOTALL | re.MULTILINE)
    found: dict[str, Any] = {}
    exec(code, found)
    checked: Callable[[str, Mapping[str, str], bytes], Any] = found["checked"]
    return checked


def test_it_is_the_job_as_the_api_shows_it_but_for_the_webhook() -> None:
    job = a_failed_job(webhook_secret=SECRET, extra_http_headers={"Authorization": "hunter2"})
    told = json.loads(message(job))
    shown = JobView.of(job).model_dump(mode="json")
    del shown["webhook"]
    assert told == {"type": "job.failed", "timestamp": "2026-01-01T12:00:00.000Z", "data": shown}
    assert b"hunter2" not in message(job)
    assert SECRET.encode() not in message(job)


def test_each_end_has_its_type() -> None:
    job = a_job(spec=a_spec(webhook_url=URL))
    running = job.claimed("w", NOON, redeliveries=0)
    picture = Artifact(name="screenshot.png", media_type="image/png", size_bytes=1, sha256="ab")
    ends = [
        running.succeeded(NOON, artifacts=[picture], report={}),
        running.failed(DnsError("No such host."), NOON),
        running.cancelled(NOON),
    ]
    types = [json.loads(message(end))["type"] for end in ends]
    assert types == ["job.succeeded", "job.failed", "job.cancelled"]


def test_the_id_is_of_the_message_and_the_timestamp_of_the_attempt() -> None:
    job = a_failed_job(webhook_secret=SECRET)
    body = message(job)
    first, second = (
        headers(job, body, NOW, [SECRET]),
        headers(job, body, NOW + timedelta(hours=1), [SECRET]),
    )
    assert first["webhook-id"] == second["webhook-id"] == "job-1-2"
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 3600
    assert first["webhook-signature"] != second["webhook-signature"]
    again = job.retried(NOON).cancelled(NOON)
    assert headers(again, message(again), NOW, [SECRET])["webhook-id"] == "job-1-4"


def test_without_a_secret_nothing_is_signed() -> None:
    job = a_failed_job()
    assert "webhook-signature" not in headers(job, message(job), NOW, [])


class TestSample:
    """112: the verifier of the docs, run as it stands there."""

    def test_112_it_takes_what_the_farm_has_signed(self) -> None:
        job = a_failed_job(webhook_secret=SECRET)
        body = message(job)
        found = headers(job, body, datetime.fromtimestamp(time.time(), UTC), [SECRET])
        assert sample()(SECRET, found, body) == json.loads(body)

    def test_112_it_refuses_what_somebody_kept_and_sent_again(self) -> None:
        job = a_failed_job(webhook_secret=SECRET)
        body = message(job)
        found = headers(job, body, datetime.fromtimestamp(time.time() - 301, UTC), [SECRET])
        with pytest.raises(ValueError, match="too old"):
            sample()(SECRET, found, body)

    @pytest.mark.parametrize("what", ["body", "webhook-id", "webhook-timestamp", "secret", "no"])
    def test_112_it_refuses_what_was_changed(self, what: str) -> None:
        job = a_failed_job(webhook_secret=SECRET)
        body = message(job)
        now = datetime.fromtimestamp(time.time(), UTC)
        found = headers(job, body, now, [SECRET])
        secret = SECRET
        match what:
            case "body":
                body += b" "
            case "webhook-id":
                found[what] = "job-2-2"
            case "webhook-timestamp":
                found[what] = str(int(now.timestamp()) + 1)
            case "secret":
                secret = "whsec_" + base64.b64encode(b"another " * 4).decode()
            case _:
                del found["webhook-signature"]
        with pytest.raises(ValueError, match="not signed"):
            sample()(secret, found, body)

    def test_112_it_takes_either_of_two_secrets_while_one_takes_the_others_place(self) -> None:
        job = a_failed_job()
        body = message(job)
        other = "whsec_" + base64.b64encode(b"another " * 4).decode()
        found = headers(job, body, datetime.fromtimestamp(time.time(), UTC), [other, SECRET])
        for secret in (SECRET, other):
            assert sample()(secret, found, body) == json.loads(body)

    def test_112_a_signature_among_others_does(self) -> None:
        job = a_failed_job(webhook_secret=SECRET)
        body = message(job)
        found = headers(job, body, datetime.fromtimestamp(time.time(), UTC), [SECRET])
        found["webhook-signature"] = f"v1,b3RoZXI= v2,x {found['webhook-signature']}"
        assert sample()(SECRET, found, body)["type"] == "job.failed"


def test_112_the_signature_is_the_one_that_openssl_computes() -> None:
    # printf 'job-1-2.1767268805.{}' | openssl dgst -sha256 -hmac 'hunter2 hunter2 ...' -binary
    job = a_failed_job(webhook_secret=SECRET)
    assert (
        headers(job, b"{}", NOW, [SECRET])["webhook-signature"]
        == "v1,6R39mzbHZtq3PN8T/2O27FP5CWaoR6Y/4QF58rMksUU="
    )


@pytest.mark.parametrize("event", ["finished", "paused"])
def test_of_a_batch_it_is_the_batch_and_signed_likewise(event: Event) -> None:
    told = {"webhook_url": URL, "webhook_secret": SECRET}
    options = BatchOptions.model_validate({"on_complete": told})
    standing = Standing(Batch(id="b", created_at=NOON, options=options), Progress(failed=2))
    notice = Notice(standing, event, revision=3, at=NOON)
    body = message(notice)
    assert json.loads(body) == {
        "type": f"batch.{event}",
        "timestamp": "2026-01-01T12:00:00.000Z",
        "data": BatchView.of(standing).model_dump(mode="json", exclude={"webhook"}),
    }
    now = datetime.fromtimestamp(int(time.time()), UTC)
    found = headers(notice, body, now, [SECRET])
    assert found["webhook-id"] == f"b-{event}-3"
    assert sample()(SECRET, found, body) == json.loads(body)
    assert "hunter2" not in body.decode()
