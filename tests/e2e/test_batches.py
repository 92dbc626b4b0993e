"""A batch of local pages through the whole farm, with a host that is spared."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from dev.stack import Stack
from farm.client.http import FarmClient
from farm.jobs.views import JobView
from tests.support.neighbours import free_port
from tests.support.site import Site
from tests.support.waiting import until

PAGES = 30
FAILING = 2

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def http(farm: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=farm.url, timeout=60) as client:
        yield client


def sent(http: httpx.Client, body: str, **query: Any) -> dict[str, Any]:
    media_type = {"Content-Type": "text/plain"}
    answer = http.post("/v1/batches", content=body, params=query, headers=media_type)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


def state(http: httpx.Client, batch_id: str, wait: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = http.get(f"/v1/batches/{batch_id}", params={"wait": wait}).json()
    return found


def finished(http: httpx.Client, batch_id: str) -> dict[str, Any]:
    def is_finished() -> dict[str, Any] | None:
        batch = state(http, batch_id, wait=10)
        return batch if batch["state"] == "finished" else None

    return until(is_finished, "the batch has finished", 180)


def most_at_once(jobs: list[JobView]) -> int:
    """Return how many of the jobs ran at the same moment."""
    times = [(job.started_at, job.finished_at) for job in jobs]
    ran = [(start, end) for start, end in times if start is not None and end is not None]
    return max(sum(start <= moment < end for start, end in ran) for moment, _ in ran)


def test_a_batch_is_rendered_and_its_host_is_spared(
    http: httpx.Client, client: FarmClient, site: Site
) -> None:
    urls = [site.url(f"/colours?batch={number}") for number in range(PAGES)]
    nowhere = f"http://127.0.0.1:{free_port()}/"
    lines = ["# a list", *urls, "", "nonsense", f"{nowhere}a", f"{nowhere}b", urls[0]]
    query = {"kind": "screenshot", "tags": "spared", "per_host_concurrency": 1}
    batch = sent(http, "\r\n".join(lines), **query)
    assert (batch["total"], batch["duplicates"]) == (PAGES + FAILING, 1)
    assert [each["line"] for each in batch["rejected"]] == [PAGES + 3]
    # It is in nobody's way.
    single = client.submit({"kind": "screenshot", "url": site.url("/colours")})
    assert client.wait(single, timeout_s=60).state == "succeeded"
    assert state(http, batch["id"])["queued"] > 0
    batch = finished(http, batch["id"])
    assert (batch["succeeded"], batch["failed"]) == (PAGES, FAILING)
    assert batch["failures_by_code"] == {"connection_failed": FAILING}
    jobs = list(client.all_jobs(batch=batch["id"]))
    assert len(jobs) == PAGES + FAILING
    assert most_at_once(jobs) == 1
    assert {job.attempt for job in jobs} == {1}
    for number in range(PAGES):
        assert site.seen(f"/colours?batch={number}") == 1
    pictures = [job.artifacts[0].sha256 for job in jobs if job.state == "succeeded"]
    assert len(pictures) == PAGES
    # What failed is tried again, and nothing else.
    again = http.post(f"/v1/batches/{batch['id']}/retry-failed").json()
    assert (again["state"], again["queued"] + again["running"]) == ("running", FAILING)
    batch = finished(http, batch["id"])
    assert (batch["succeeded"], batch["failed"]) == (PAGES, FAILING)


def test_a_batch_stands_still_in_a_pause_and_is_gone_when_cancelled(
    http: httpx.Client, client: FarmClient, site: Site
) -> None:
    body = "\n".join(site.url(f"/colours?paused={number}") for number in range(PAGES))
    batch_id = sent(http, body, kind="screenshot", per_host_concurrency=1)["id"]
    until(lambda: state(http, batch_id)["succeeded"], "it moves")
    http.post(f"/v1/batches/{batch_id}/pause")
    until(lambda: not list(client.all_jobs(batch=batch_id, state="running")), "none runs")
    # One more may have been on its way to a worker when the batch was paused.
    still = state(http, batch_id)
    assert still["state"] == "paused"
    assert still["queued"] >= PAGES / 2
    cancelled = http.post(f"/v1/batches/{batch_id}/cancel").json()
    assert (cancelled["state"], cancelled["queued"]) == ("cancelled", 0)

    def ended() -> int:
        now = state(http, batch_id)
        return int(now["succeeded"] + now["cancelled"])

    until(lambda: ended() == PAGES, "what was on its way to a worker has ended")
