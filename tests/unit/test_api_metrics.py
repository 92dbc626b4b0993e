"""``GET /metrics``, read with Prometheus's own parser."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.app import create_app
from api.settings import ApiSettings
from farm.backends.memory import MemoryLedger
from farm.jobs.errors import BackendUnavailable, DnsError, JobError, leaves
from farm.jobs.metrics import names
from farm.jobs.metrics.names import COUNTED, METRICS, STAGES
from farm.jobs.metrics.ports import Store
from farm.jobs.metrics.samples import samples
from farm.jobs.metrics.tallies import Tally
from farm.jobs.models import Artifact
from farm.jobs.ports import Pressure
from farm.jobs.service import Limits
from farm.jobs.specs.requests import Queue
from farm.jobs.workers import BrowserCheck
from tests.support.builders import NOON, MemoryFarm, a_child, a_worker
from tests.support.keyed import KeyedFarm

Read = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


class AbsentLedger(MemoryLedger):
    def pressure(self, queue: Queue, now: object) -> Pressure:
        raise BackendUnavailable(f"Redis is away from {queue} at {now}.")


def read(farm: MemoryFarm, limits: Limits = Limits()) -> Read:  # noqa: B008 - it is frozen
    app = create_app(ApiSettings(), replace(farm.service, limits=limits))
    answer = app.test_client().get("/metrics")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert answer.content_type.startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(found: Read, name: str, **labels: str) -> float | None:
    return found.get((name, frozenset(labels.items())))


def end(farm: MemoryFarm, **spec: str) -> None:
    job = farm.submit(**spec)
    farm.clock.advance(0.03)
    running = job.claimed("w", farm.clock.now(), redeliveries=0)
    farm.clock.advance(2)
    made = Artifact(name="screenshot.png", media_type="image/png", size_bytes=900, sha256="")
    report = {"timings_ms": {"queue": 30, "load": 600}}
    done = running.succeeded(farm.clock.now(), artifacts=[made], report=report)
    assert farm.ledger.swap(running)
    assert farm.ledger.swap(done)


def test_every_metric_is_told_with_what_it_means(farm: MemoryFarm) -> None:
    text = create_app(ApiSettings(), farm.service).test_client().get("/metrics").text
    told = {family.name: family for family in text_string_to_metric_families(text)}
    wanted = [metric for metric in METRICS if metric is not names.BROWSER_CHECK]
    assert told.keys() == {metric.name for metric in wanted}
    for metric in wanted:
        assert told[metric.name].type == metric.sort
        assert told[metric.name].documentation == metric.meaning.replace("`", "")


def test_names_are_as_prometheus_has_them() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert metric.name.startswith("farm_")
        assert not metric.name.endswith(("_total", "_count", "_sum", "_bucket", "_info"))
        assert all(len(each) == len(metric.labels) for each in metric.known)


def test_a_count_that_is_known_starts_at_nothing(farm: MemoryFarm) -> None:
    found = read(farm)
    for metric in COUNTED.values():
        for labels in metric.known or [()]:
            named = dict(zip(metric.labels, labels, strict=True))
            name = f"{metric.name}_count" if metric.sort == "histogram" else metric.told_as
            assert value(found, name, **named) == 0, (name, named)
    codes = {error.code for error in leaves(JobError)}
    for code in codes:
        named = {"kind": "probe", "state": "failed", "code": code}
        assert value(found, "farm_jobs_ended_total", **named) == 0


def test_jobs_are_counted_and_timed(farm: MemoryFarm) -> None:
    for _ in range(3):
        end(farm)
    end(farm, kind="probe")
    failed = farm.submit().failed(DnsError("Gone."), farm.clock.now())
    farm.ledger.swap(failed)
    found = read(farm)
    shots = {"kind": "screenshot"}
    assert value(found, "farm_jobs_submitted_total", **shots) == 4
    assert value(found, "farm_jobs_ended_total", **shots, state="succeeded", code="") == 3
    assert value(found, "farm_jobs_ended_total", **shots, state="failed", code="dns_error") == 1
    assert value(found, "farm_artifact_bytes_total", **shots) == 2700
    assert value(found, "farm_run_seconds_sum", **shots) == 6
    assert value(found, "farm_run_seconds_count", **shots) == 3
    assert value(found, "farm_run_seconds_count", kind="probe") == 1
    counts = {
        bound: value(found, "farm_stage_seconds_bucket", **shots, stage="load", le=bound)
        for bound in ("0.5", "1.0", "2.5", "1800.0", "+Inf")
    }
    assert counts == {"0.5": 0, "1.0": 3, "2.5": 3, "1800.0": 3, "+Inf": 3}


def test_the_backlog_is_what_waits_and_what_runs(farm: MemoryFarm) -> None:
    jobs = [farm.submit() for _ in range(3)]
    farm.ledger.swap(jobs[0].claimed("w", farm.clock.now(), redeliveries=0))
    farm.clock.advance(4.5)
    found = read(farm, Limits(backlog_max=7))
    expected = {
        "farm_backlog": 3,
        "farm_jobs_queued": 2,
        "farm_jobs_running": 1,
        "farm_jobs_queued_limit": 7,
        "farm_oldest_wait_seconds": 4.5,
    }
    assert {name: value(found, name, queue="pages") for name in expected} == expected
    idle = dict.fromkeys(expected, 0) | {"farm_jobs_queued_limit": 7}
    assert {name: value(found, name, queue="media") for name in expected} == idle


def test_workers_are_told_by_queue_and_memory_by_their_beats(farm: MemoryFarm) -> None:
    farm.workers.beat(a_worker(), ttl_s=60)
    farm.workers.beat(a_worker("both@host", "pages", "media"), ttl_s=60)
    for pid, size in ((8, 10), (9, 30)):
        child = a_child(pid).model_copy(update={"memory_bytes": size, "sandbox": pid == 8})
        farm.workers.child_beat(a_worker().id, child, ttl_s=60)
    found = read(farm)
    assert value(found, "farm_workers", queue="pages") == 2
    assert value(found, "farm_slots", queue="pages") == 4
    assert value(found, "farm_slots", queue="media") == 2
    assert value(found, "farm_memory_bytes", queue="pages") == 40
    assert value(found, "farm_largest_child_bytes", queue="pages") == 30
    assert value(found, "farm_largest_child_bytes", queue="media") == 0
    assert value(found, "farm_browsers_without_sandbox") == 1


def test_how_long_ago_a_browser_opened_a_page_is_told_once_one_did(farm: MemoryFarm) -> None:
    assert value(read(farm), "farm_browser_check_age_seconds") is None
    farm.workers.browser_opened(BrowserCheck(at=NOON, worker="w", version="1", sandbox=True))
    farm.clock.advance(90)
    assert value(read(farm), "farm_browser_check_age_seconds") == 90


def test_a_redis_without_a_limit_tells_none(farm: MemoryFarm) -> None:
    farm.statistics.held = {"records": Store(10, None), "artifacts": Store(20, 40)}
    found = read(farm)
    assert value(found, "farm_redis_bytes", redis="records") == 10
    assert value(found, "farm_redis_limit_bytes", redis="records") is None
    assert value(found, "farm_redis_limit_bytes", redis="artifacts") == 40


@pytest.mark.parametrize(
    "tally",
    [
        {"farm_of_another_version|a": 1},
        {"farm_jobs_ended|screenshot|failed|a_new_code": 2},
        {"farm_jobs_ended|screenshot": 3},
        {"farm_run_seconds|screenshot|le|0.007": 4},
    ],
)
def test_counts_of_another_version_make_no_error(farm: MemoryFarm, tally: Tally) -> None:
    farm.statistics.add(tally)
    found = read(farm)
    new = {"kind": "screenshot", "state": "failed", "code": "a_new_code"}
    assert value(found, "farm_jobs_ended_total", **new) in (None, 2)
    assert value(found, "farm_jobs_submitted_total", kind="probe") == 0


def test_stages_are_those_that_reports_have(farm: MemoryFarm) -> None:
    found = read(farm)
    told = {dict(labels).get("stage") for name, labels in found if name == "farm_stage_seconds_sum"}
    assert told == set(STAGES)


def test_it_tells_all_owners_to_who_may_read_of_the_farm() -> None:
    farm = KeyedFarm()
    reader, other = farm.holder("farm:read"), farm.holder("jobs:read", "jobs:write")
    other.submit()
    assert farm.client.get("/metrics").status_code == 401
    assert other.get("/metrics").status_code == 403
    assert 'farm_jobs_submitted_total{kind="screenshot"} 1.0' in reader.get("/metrics").text


@pytest.mark.parametrize(
    ("host", "metrics", "pressure"),
    [
        ("localhost:8000", 200, 200),
        ("api:8000", 200, 403),
        ("api", 403, 403),
        ("evil.test", 403, 403),
    ],
)
def test_without_keys_one_more_name_is_good_for_metrics_alone(
    farm: MemoryFarm, host: str, metrics: int, pressure: int
) -> None:
    client = create_app(ApiSettings(metrics_host="api:8000"), farm.service).test_client()
    assert client.get("/metrics", headers={"Host": host}).status_code == metrics
    assert client.get("/v1/pressure", headers={"Host": host}).status_code == pressure
    odd = {"Host": host, "Origin": "http://evil.test"}
    assert client.get("/metrics", headers=odd).status_code == 403


def test_without_redis_it_is_503(farm: MemoryFarm) -> None:
    service = replace(farm.service, ledger=AbsentLedger(farm.clock))
    answer = create_app(ApiSettings(), service).test_client().get("/metrics")
    assert (answer.status_code, answer.get_json()["code"]) == (503, "backend_unavailable")


def test_what_it_costs_does_not_grow_with_the_jobs(farm: MemoryFarm) -> None:
    def told() -> int:
        return sum(len(values) for _, values in samples(farm.service))

    end(farm)
    before = told()
    for _ in range(50):
        end(farm, url=f"http://host-{farm.clock.now().timestamp()}.test/")
    farm.clock.advance(timedelta(days=1).total_seconds())
    assert told() == before
