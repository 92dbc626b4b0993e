"""The promises of ``Statistics``, and of those whose steps count, kept by every implementation."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from farm.backends.memory import ManualClock, MemoryLedger
from farm.backends.memory_batches import MemoryBatches
from farm.backends.memory_deliveries import MemoryDeliveries
from farm.backends.memory_statistics import MemoryStatistics
from farm.backends.redis_batches import RedisBatches
from farm.backends.redis_changes import ChangeListener
from farm.backends.redis_connection import connect
from farm.backends.redis_deliveries import RedisDeliveries
from farm.backends.redis_ledger import RedisLedger
from farm.backends.redis_statistics import RedisStatistics
from farm.jobs.batches.models import Batch
from farm.jobs.batches.moulds import Cast, Mould
from farm.jobs.batches.ports import BatchLedger, Room
from farm.jobs.deliveries import Answer, Delivery
from farm.jobs.errors import DnsError
from farm.jobs.metrics.history import SAMPLES_MAX, Sample, counted
from farm.jobs.metrics.ports import Statistics
from farm.jobs.models import Artifact, Job
from farm.jobs.ports import Deliveries, JobLedger
from tests.support.builders import NOON, a_job, a_spec

ARTIFACTS = [Artifact(name=name, media_type="image/png", size_bytes=7, sha256="") for name in "ab"]


@dataclass
class Subject:
    statistics: Statistics
    ledger: JobLedger
    batches: BatchLedger
    deliveries: Deliveries[Job]

    def counts(self, prefix: str = "") -> dict[str, int]:
        found = self.statistics.counts()
        return {field: count for field, count in found.items() if field.startswith(prefix)}

    def stored(self, job: Job) -> Job:
        assert self.ledger.swap(job)
        return job

    def claimed(self, job_id: str = "job-1", *, after_ms: int = 40, **fields: Any) -> Job:
        job = self.stored(a_job(job_id, spec=a_spec(**fields)))
        return self.stored(job.claimed("w", _after(after_ms), redeliveries=0))

    def succeeded(self, job_id: str = "job-1", **fields: Any) -> Job:
        report = {"timings_ms": {"queue": 40, "load": 600, "store": 0}}
        done = self.claimed(job_id, **fields).succeeded(
            _after(2040), artifacts=ARTIFACTS, report=report
        )
        return self.stored(done)


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    clock = ManualClock(NOON)
    if request.param == "memory":
        memory = MemoryLedger(clock)
        yield Subject(
            MemoryStatistics(memory),
            memory,
            MemoryBatches(memory, clock),
            MemoryDeliveries(memory),
        )
        return
    with connect(request.getfixturevalue("redis_url")) as client:
        changes = ChangeListener(client, waiters_max=0)
        yield Subject(
            RedisStatistics(client, {}),
            RedisLedger(client, changes),
            RedisBatches(client, changes, clock),
            RedisDeliveries(client),
        )
        changes.close()


def _after(milliseconds: int) -> Any:
    return NOON + timedelta(milliseconds=milliseconds)


def test_nothing_has_happened_at_first(subject: Subject) -> None:
    assert subject.counts() == {}


def test_a_job_counts_when_it_is_accepted_claimed_and_done(subject: Subject) -> None:
    job = subject.stored(a_job())
    assert subject.counts() == {"farm_jobs_submitted|screenshot": 1}
    running = subject.stored(job.claimed("w", _after(40), redeliveries=0))
    waited = {
        "farm_stage_seconds|screenshot|queue|le|0.05": 1,
        "farm_stage_seconds|screenshot|queue|sum": 40,
    }
    assert subject.counts() == {"farm_jobs_submitted|screenshot": 1, **waited}
    report = {"timings_ms": {"queue": 40, "load": 600, "store": 0, "of_another_version": 1}}
    subject.stored(running.succeeded(_after(2040), artifacts=ARTIFACTS, report=report))
    assert subject.counts() == {
        "farm_jobs_submitted|screenshot": 1,
        **waited,
        "farm_jobs_ended|screenshot|succeeded|": 1,
        "farm_run_seconds|screenshot|le|2.5": 1,
        "farm_run_seconds|screenshot|sum": 2000,
        "farm_stage_seconds|screenshot|load|le|1": 1,
        "farm_stage_seconds|screenshot|load|sum": 600,
        "farm_stage_seconds|screenshot|store|le|0.01": 1,
        "farm_artifact_bytes|screenshot": 14,
    }


def test_a_step_whose_answer_was_lost_counts_once(subject: Subject) -> None:
    job = a_job()
    for revision in (job, job.failed(DnsError("Gone."), NOON)):
        for _ in range(2):
            subject.stored(revision)
    assert subject.counts() == {
        "farm_jobs_submitted|screenshot": 1,
        "farm_jobs_ended|screenshot|failed|dns_error": 1,
    }


def test_a_step_that_is_refused_does_not_count(subject: Subject) -> None:
    job = subject.stored(a_job())
    subject.stored(job.cancelled(NOON))
    before = subject.counts()
    assert not subject.ledger.swap(job.claimed("w", NOON, redeliveries=0))
    full = subject.ledger.add(a_job("another"), backlog_max=0, owner_max=None)
    assert (full, subject.counts()) == ("backlog", before)


def test_a_job_that_ends_without_a_run_has_no_length(subject: Subject) -> None:
    running = subject.claimed()
    given_back = subject.stored(running.given_back(_after(100), counted=True))
    subject.stored(given_back.cancelled(_after(9000)))
    assert subject.counts("farm_run") == {}
    assert subject.counts("farm_jobs_ended") == {"farm_jobs_ended|screenshot|cancelled|": 1}


def test_a_cancelled_run_has_its_length(subject: Subject) -> None:
    subject.stored(subject.claimed().cancelled(_after(40 + 31)))
    assert subject.counts("farm_run") == {
        "farm_run_seconds|screenshot|le|0.05": 1,
        "farm_run_seconds|screenshot|sum": 31,
    }


def test_a_run_that_came_to_nothing_makes_the_next_a_rerun(subject: Subject) -> None:
    running = subject.claimed()
    assert subject.counts("farm_reruns") == {}
    again = subject.stored(running.given_back(_after(50), counted=True))
    subject.stored(again.claimed("w", _after(60), redeliveries=0))
    assert subject.counts("farm_reruns") == {"farm_reruns|screenshot": 1}


@pytest.mark.parametrize(("waited_ms", "bound"), [(-5000, "0.01"), (0, "0.01"), (10, "0.01")])
def test_on_or_below_a_bound_it_counts_there(subject: Subject, waited_ms: int, bound: str) -> None:
    subject.claimed(after_ms=waited_ms)
    assert subject.counts("farm_stage")[f"farm_stage_seconds|screenshot|queue|le|{bound}"] == 1


def test_what_waited_longer_than_all_bounds_is_counted_too(subject: Subject) -> None:
    subject.claimed(after_ms=1_800_001)
    assert subject.counts("farm_stage_seconds|screenshot|queue") == {
        "farm_stage_seconds|screenshot|queue|le|inf": 1,
        "farm_stage_seconds|screenshot|queue|sum": 1_800_001,
    }


def test_no_count_goes_back_when_jobs_are_queued_again_forgotten_or_expire(
    subject: Subject,
) -> None:
    seen: list[Mapping[str, int]] = []

    def look() -> None:
        found = subject.counts()
        for before in seen[-1:]:
            assert all(found[field] >= count for field, count in before.items())
        seen.append(found)

    failed = subject.stored(subject.claimed().failed(DnsError("Gone."), _after(90)))
    look()
    again = subject.stored(failed.retried(_after(100)))
    look()
    subject.stored(again.cancelled(_after(110)))
    look()
    subject.ledger.forget("job-1")
    look()
    subject.succeeded("job-2", retention=60)
    look()
    subject.ledger.tidy(NOON + timedelta(days=9), 10)
    look()
    assert subject.counts("farm_jobs") == {
        "farm_jobs_submitted|screenshot": 2,
        "farm_jobs_ended|screenshot|failed|dns_error": 1,
        "farm_jobs_ended|screenshot|cancelled|": 1,
        "farm_jobs_ended|screenshot|succeeded|": 1,
    }


def test_jobs_of_a_batch_count_once_they_are_filed(subject: Subject) -> None:
    batch = Batch(id="batch-1", draft_id="d", created_at=NOON)
    moulds = [
        Mould(a_job(mark, spec=spec).model_copy(update={"batch_id": batch.id}), url_is_open=False)
        for mark, spec in [("mark-a", a_spec()), ("mark-b", a_spec(kind="probe"))]
    ]
    casts = [Cast(moulds[i % 3 == 0], f"job-{i}") for i in range(7)]
    subject.batches.append("d", casts[:5])
    subject.batches.append("d", casts[5:])
    room = Room(chunks=2, jobs={"pages": 4, "media": 3}, backlog_max=10, owner_max=None)
    assert subject.batches.commit(batch, room) is None
    while subject.batches.file(batch.id):
        pass
    assert subject.counts() == {
        "farm_jobs_submitted|screenshot": 4,
        "farm_jobs_submitted|probe": 3,
    }


def test_attempts_to_deliver_count_by_what_came_of_them(subject: Subject) -> None:
    spec = a_spec(webhook_url="https://hooks.test/")
    job = subject.stored(subject.stored(a_job(spec=spec)).cancelled(NOON))
    before = Delivery(revision=job.revision)
    later = before.after(Answer(error="http_error"), NOON, jitter=0)
    given_up = later.after(Answer(error="gone", is_final=True), NOON, jitter=0)
    for delivery in (later, later, given_up):  # The second as if the first's answer was lost.
        assert subject.deliveries.record(job, delivery)
    assert subject.counts("farm_webhook") == {
        "farm_webhook_attempts|postponed": 1,
        "farm_webhook_attempts|given_up": 1,
    }
    subject.ledger.forget(job.id)
    assert not subject.deliveries.record(job, before.after(Answer(), NOON, jitter=0))
    assert "farm_webhook_attempts|delivered" not in subject.counts()


def test_what_no_step_knows_of_is_added(subject: Subject) -> None:
    subject.statistics.add({"farm_gate_bytes": 5, "farm_browsers_launched": 1})
    subject.statistics.add({"farm_gate_bytes": 2**40})
    assert subject.counts() == {"farm_gate_bytes": 2**40 + 5, "farm_browsers_launched": 1}


@pytest.mark.redis
def test_a_redis_says_how_full_it_is_and_how_full_it_may_get(redis_url: str) -> None:
    with connect(redis_url) as client:
        statistics = RedisStatistics(client, {"artifacts": client})
        assert {store.limit_bytes for store in statistics.stores().values()} == {None}
        client.config_set("maxmemory", "100mb")
        found = statistics.stores()
        assert set(found) == {"records", "artifacts"}
        assert found["records"].limit_bytes == 100 * 2**20
        assert 100_000 < found["records"].used_bytes < 100 * 2**20
        client.config_set("maxmemory", "0")


@pytest.mark.redis
def test_a_redis_that_the_farm_may_not_ask_says_nothing(redis_url: str) -> None:
    with connect(redis_url) as client:
        client.execute_command("ACL", "SETUSER", "shy", "on", ">p", "~*", "+@all", "-info")
        try:
            with connect(redis_url.replace("redis://", "redis://shy:p@")) as shy:
                statistics = RedisStatistics(client, {"artifacts": shy})
                assert set(statistics.stores()) == {"records"}
        finally:
            client.execute_command("ACL", "DELUSER", "shy")


def test_samples_are_kept_in_their_order_and_only_so_many(subject: Subject) -> None:
    assert subject.statistics.kept() == []
    samples = [
        Sample(
            at=_after(ms), queued={"pages": ms}, oldest_wait_s={"pages": 1.5}, ended={"failed": 2}
        )
        for ms in range(SAMPLES_MAX + 2)
    ]
    for sample in samples:
        subject.statistics.keep(sample)
    assert subject.statistics.kept() == samples[2:]


def test_a_sample_has_what_has_happened_of_all_kinds(subject: Subject) -> None:
    subject.succeeded("job-1")
    subject.succeeded("job-2", kind="pdf")
    subject.stored(subject.claimed("job-3").failed(DnsError("No such host."), _after(2040)))
    found = counted(subject.statistics.counts())
    assert found["ended"] == {"succeeded": 2, "failed": 1}
    assert found["failed"] == {"dns_error": 1}
    assert found["stages"]["queue"] == 3
    assert (found["stages"]["load"], found["stages_ms"]["load"]) == (2, 1200)
