"""The job as a caller sees it: without secrets, without a whole page, and without defaults."""

import base64
import json
from typing import Any

import pytest

from farm.backends.memory import ManualClock, MemoryLedger
from farm.jobs.errors import WorkerLost
from farm.jobs.specs.media import ProbeSpec
from farm.jobs.specs.requests import SPECS
from farm.jobs.views import HIDDEN, JobView, shown
from tests.support.builders import NOON, a_job, a_spec

SECRETS: dict[str, Any] = {
    "extra_http_headers": {"Authorization": "hunter2"},
    "cookies": [{"name": "session", "value": "hunter2"}],
    "http_credentials": {"username": "ann", "password": "hunter2"},
    "storage_state": {"cookies": [{"name": "session", "value": "hunter2"}]},
    "headers": {"Authorization": "hunter2"},
    "webhook_secret": "whsec_" + base64.b64encode(b"hunter2" * 4).decode(),
}
_BESIDE: dict[str, dict[str, Any]] = {"webhook_secret": {"webhook_url": "https://hooks.test/"}}
"""What a secret needs beside it."""
_SINCE_RETRIES = {"retries", "previous_failures"}
OF_PAGES = {name: value for name, value in SECRETS.items() if name != "headers"}


def test_a_view_has_what_was_given_and_no_defaults() -> None:
    spec = a_spec(full_page=True, viewport={"width": 10}, wait_for_selector="#a", tags=["a"])
    assert shown(spec) == {
        "url": "http://page.test/",
        "full_page": True,
        "viewport": {"width": 10},
        "wait_for_selector": {"selector": "#a"},
    }


@pytest.mark.parametrize("name", SECRETS)
def test_of_a_secret_a_view_says_only_that_it_was_given(name: str) -> None:
    kind = "probe" if name in ProbeSpec.model_fields else "screenshot"
    job = a_job(spec=a_spec(kind=kind, **{name: SECRETS[name], **_BESIDE.get(name, {})}))
    assert shown(job.spec)[name] == HIDDEN
    said = JobView.of(job).model_dump_json()
    assert "hunter2" not in said
    assert "whsec_" not in said
    assert name not in shown(a_spec())


def test_every_option_that_is_a_secret_is_in_the_table_above() -> None:
    marked = {
        name
        for spec in SPECS.values()
        for name, field in spec.model_json_schema()["properties"].items()
        if field.get("writeOnly")
    }
    assert marked == set(SECRETS)


def test_a_long_text_is_shown_by_its_beginning() -> None:
    html = "<p>" + "é" * 1_000_000
    found = shown(a_spec(url=None, html=html, scripts=["a", "b" * 50_000]))
    assert found["html"] == f"{html[:200]}… (1000003 characters)"
    assert found["scripts"] == ["a", f"{'b' * 200}… (50000 characters)"]


def test_what_a_job_failed_with_before_its_retries_is_shown_as_failures_are() -> None:
    failed = a_job().claimed("w", NOON, redeliveries=0).failed(WorkerLost("Gone."), NOON)
    view = JobView.of(failed.retried(NOON))
    assert (view.retries, view.attempt, view.failure) == (1, 0, None)
    (before,) = view.previous_failures
    assert (before.code, before.docs) == ("worker_lost", "/docs/errors#worker_lost")


def test_a_client_reads_the_view_of_a_farm_that_knows_no_retries() -> None:
    shown_job = JobView.of(a_job()).model_dump(mode="json")
    older = {name: shown_job[name] for name in shown_job if name not in _SINCE_RETRIES}
    assert JobView.model_validate(older).retries == 0


def test_the_longest_url_is_shown_whole() -> None:
    url = "http://page.test/" + "a" * (8192 - len("http://page.test/"))
    assert shown(a_spec(url=url))["url"] == url


def test_the_record_keeps_what_a_view_hides() -> None:
    spec = a_spec(html="<p>" * 10_000, url=None, scripts=["b" * 50_000], **_with_places(OF_PAGES))
    ledger = MemoryLedger(ManualClock(NOON))
    ledger.swap(a_job("kept", spec=spec))
    kept = ledger.get("kept")
    assert kept is not None
    assert kept.spec == spec
    assert kept.spec.model_fields_set == spec.model_fields_set
    assert json.loads(kept.spec.model_dump_json())["cookies"][0]["value"] == "hunter2"


def _with_places(secrets: dict[str, Any]) -> dict[str, Any]:
    """Return ``secrets`` as a page without an address may have them."""
    cookie = {"name": "session", "value": "hunter2", "domain": "page.test"}
    return {
        **secrets,
        "extra_http_headers_to": "all",
        "cookies": [cookie],
        "storage_state": {"cookies": [cookie]},
        **_BESIDE["webhook_secret"],
        "http_credentials": {**secrets["http_credentials"], "origin": "http://page.test/"},
    }
