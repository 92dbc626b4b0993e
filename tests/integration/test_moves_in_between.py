"""Between a look-up in Redis and the reading of the records, jobs move on."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from redis import Redis

from api.app import create_app
from api.settings import ApiSettings
from farm.backends import redis_batches, redis_ledger
from farm.backends.assembly import assemble
from farm.backends.redis_connection import connect
from farm.backends.redis_records import read_jobs
from farm.jobs.models import Job
from farm.jobs.service import JobService
from tests.support.builders import NOON, a_spec


@pytest.fixture
def service(redis_url: str) -> Iterator[JobService]:
    with connect(redis_url) as client:
        yield assemble(redis_url, None, waiters_max=0, client=client)


def cancel_before_reading(
    monkeypatch: pytest.MonkeyPatch, module: Any, service: JobService, job: Job
) -> None:
    """Have ``job`` end after the ``module`` has looked it up."""

    def late(client: Redis, ids: Sequence[bytes]) -> Mapping[bytes, Job | None]:
        assert job.id.encode() in ids
        assert service.ledger.swap(job.cancelled(NOON))
        return read_jobs(client, ids)

    monkeypatch.setattr(module, "read_jobs", late)


def test_a_job_that_ends_meanwhile_is_not_running(
    service: JobService, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = service.submit(a_spec()).claimed("worker-1", NOON, redeliveries=0)
    assert service.ledger.swap(running)
    cancel_before_reading(monkeypatch, redis_ledger, service, running)
    assert service.ledger.running("pages") == []


def test_a_batch_is_cancelled_though_one_of_its_jobs_ends_meanwhile(
    service: JobService, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = create_app(ApiSettings(), service).test_client()
    urls = "http://page.test/a\nhttp://page.test/b"
    made = client.post("/v1/batches?kind=pdf", data=urls, content_type="text/plain").get_json()
    first = service.batches.open_jobs(made["id"], 1)[0]
    cancel_before_reading(monkeypatch, redis_batches, service, first)
    assert client.post(f"/v1/batches/{made['id']}/cancel").status_code == 202
    assert service.batches.get(made["id"]).progress.open == 0
