"""What a caller can ask of the farm, over memory."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from farm.backends.memory import MemoryArtifacts, MemoryLedger, MemoryQueue
from farm.jobs.errors import (
    ArtifactEvicted,
    BackendUnavailable,
    DnsError,
    InvalidSpec,
    JobExpired,
    JobFailed,
    NotFinished,
    NothingToRetry,
    QueueFull,
    UnknownArtifact,
    UnknownJob,
    UnknownUpload,
)
from farm.jobs.models import ANNOUNCED_MAX, Artifact, Job
from farm.jobs.results import artifact_of, result_of
from farm.jobs.service import Limits
from farm.jobs.specs.requests import JobRequest
from farm.jobs.states import JobState
from farm.jobs.workers import BrowserCheck
from tests.support.builders import NOON, MemoryFarm, a_job, a_spec, a_worker

DAY_S = 24 * 3600


class AbsentQueue(MemoryQueue):
    def announce(self, job: Job, *, ahead: bool = False) -> None:
        del ahead
        raise BackendUnavailable(f"The broker is away from {job.id}.")


class ReadingQueue(MemoryQueue):
    """Reads each job at the moment that it is announced."""

    def __init__(self, ledger: MemoryLedger) -> None:
        super().__init__()
        self._ledger = ledger
        self.read: list[Job] = []

    def announce(self, job: Job, *, ahead: bool = False) -> None:
        del ahead
        self.read.append(self._ledger.get(job.id))


class AbsentLedger(MemoryLedger):
    def swap(self, new: Job) -> bool:
        raise BackendUnavailable(f"Redis is away from {new.id}.")

    def ping(self) -> None:
        raise BackendUnavailable("Redis is away.")


class ScriptedLedger(MemoryLedger):
    """Moves the job by all steps of the script when somebody waits for its end."""

    def __init__(self, farm: MemoryFarm, *script: Callable[[Job], Job | None]) -> None:
        super().__init__(farm.clock)
        self.script = list(script)
        self.timeouts_s: list[float] = []

    def wait_for_end(self, job_id: str, timeout_s: float) -> None:
        self.timeouts_s.append(timeout_s)
        for step in self.script:
            moved = step(self.get(job_id))
            if moved is None:
                self.forget(job_id)
            else:
                self.swap(moved)


class ContestedLedger(MemoryLedger):
    """A worker claims the job just before it would be cancelled."""

    def swap(self, new: Job) -> bool:
        if new.state is JobState.CANCELLED and new.revision == 2:
            super().swap(self.get(new.id).claimed("worker-1", NOON, redeliveries=0))
        return super().swap(new)


class AbsentArtifacts(MemoryArtifacts):
    def ping(self) -> None:
        raise BackendUnavailable("The artifacts' Redis is away.")


class RecordingArtifacts(MemoryArtifacts):
    def __init__(self) -> None:
        super().__init__()
        self.expiries: list[tuple[str, int]] = []

    def expire(self, owner: str, name: str, ttl_s: int) -> None:
        self.expiries.append((owner, ttl_s))
        super().expire(owner, name, ttl_s)


def open_jobs(farm: MemoryFarm) -> list[Job]:
    return farm.ledger.due(NOON + timedelta(days=365), 100)


def running(job: Job) -> Job:
    return job.claimed("worker-1", NOON, redeliveries=0)


def succeeded(job: Job, *made: Artifact) -> Job:
    return job.succeeded(NOON, artifacts=made, report={})


def finished(farm: MemoryFarm) -> Job:
    """Return a job with two artifacts, as a worker leaves it."""
    job = running(farm.submit())
    farm.ledger.swap(job)
    made = [
        farm.artifacts.put(job.run_id, name, "image/png", [name.encode()], ttl_s=60)
        for name in ("screenshot.png", "thumbnail.webp")
    ]
    farm.ledger.swap(succeeded(job, *made))
    return farm.ledger.get(job.id)


class TestSubmit:
    def test_a_submitted_job_is_stored_as_queued_and_announced_once(self, farm: MemoryFarm) -> None:
        job = farm.submit(tags=["a"])
        assert farm.ledger.get(job.id) == job
        assert (job.state, job.created_at, job.queued_at) == ("queued", NOON, NOON)
        assert farm.queue.waiting == [job]

    def test_it_can_be_read_at_the_moment_that_it_is_announced(self, farm: MemoryFarm) -> None:
        queue = ReadingQueue(farm.ledger)
        job = replace(farm.service, queue=queue).submit(a_spec())
        assert queue.read == [job]

    def test_it_stands_when_the_broker_is_away(self, farm: MemoryFarm) -> None:
        job = replace(farm.service, queue=AbsentQueue()).submit(a_spec())
        assert farm.ledger.get(job.id) == job
        assert open_jobs(farm) == [job]

    def test_nothing_is_announced_when_the_ledger_is_away(self, farm: MemoryFarm) -> None:
        with pytest.raises(BackendUnavailable):
            replace(farm.service, ledger=AbsentLedger(farm.clock)).submit(a_spec())
        assert farm.queue.waiting == []

    def test_no_two_jobs_share_an_id(self, farm: MemoryFarm) -> None:
        assert len({farm.submit().id for _ in range(100)}) == 100

    def test_a_probe_of_an_unknown_upload_is_refused_and_not_stored(self, farm: MemoryFarm) -> None:
        spec = JobRequest.model_validate({"kind": "probe", "upload_id": "nope"}).root
        with pytest.raises(InvalidSpec) as refused:
            farm.service.submit(spec)
        assert [error.field for error in refused.value.errors] == ["upload_id"]
        assert (open_jobs(farm), farm.queue.waiting) == ([], [])

    def test_a_probe_of_an_upload_holds_it_for_another_day(self, farm: MemoryFarm) -> None:
        artifacts = RecordingArtifacts()
        service = replace(farm.service, uploads=artifacts)
        upload = service.upload("a.mp4", "video/mp4", [b"abc"])
        spec = JobRequest.model_validate({"kind": "probe", "upload_id": upload.id}).root
        assert service.submit(spec).queue == "media"
        assert artifacts.expiries == [(upload.id, DAY_S)]


class TestCancelOrForget:
    @pytest.mark.parametrize("claimed", [False, True])
    def test_an_open_job_is_cancelled(self, farm: MemoryFarm, claimed: bool) -> None:
        job = farm.submit()
        if claimed:
            farm.ledger.swap(running(job))
        cancelled = farm.service.cancel_or_forget(job.id)
        assert cancelled == farm.ledger.get(job.id)
        assert cancelled is not None
        assert (cancelled.state, cancelled.attempt) == ("cancelled", int(claimed))

    def test_a_job_that_is_claimed_meanwhile_is_cancelled_all_the_same(
        self, farm: MemoryFarm
    ) -> None:
        service = replace(farm.service, ledger=ContestedLedger(farm.clock))
        cancelled = service.cancel_or_forget(service.submit(a_spec()).id)
        assert cancelled is not None
        assert (cancelled.state, cancelled.revision, cancelled.attempt) == ("cancelled", 3, 1)

    def test_what_the_worker_of_a_cancelled_job_still_records_is_refused(
        self, farm: MemoryFarm
    ) -> None:
        job = running(farm.submit())
        farm.ledger.swap(job)
        farm.service.cancel_or_forget(job.id)
        assert not farm.ledger.swap(succeeded(job))

    def test_an_ended_job_is_forgotten_with_its_artifacts(self, farm: MemoryFarm) -> None:
        job = finished(farm)
        assert farm.service.cancel_or_forget(job.id) is None
        with pytest.raises(UnknownJob):
            farm.service.get(job.id)
        assert [farm.artifacts.find(job.run_id, made.name) for made in job.artifacts] == [None] * 2

    def test_a_cancelled_job_is_forgotten_the_second_time(self, farm: MemoryFarm) -> None:
        job = farm.submit()
        assert farm.service.cancel_or_forget(job.id) is not None
        assert farm.service.cancel_or_forget(job.id) is None

    def test_an_unknown_job_is_unknown(self, farm: MemoryFarm) -> None:
        with pytest.raises(UnknownJob):
            farm.service.cancel_or_forget("nope")


class TestResult:
    def test_the_first_artifact_is_the_result_and_each_can_be_read(self, farm: MemoryFarm) -> None:
        job = finished(farm)
        service = farm.service
        assert result_of(job).name == "screenshot.png"
        for name in ("screenshot.png", "thumbnail.webp"):
            assert b"".join(service.read(job, artifact_of(job, name))) == name.encode()

    @pytest.mark.parametrize("move", [lambda job: job, running], ids=["queued", "running"])
    def test_an_open_job_has_none_yet(self, move: Callable[[Job], Job]) -> None:
        job = move(a_job())
        for ask in (result_of, lambda job: artifact_of(job, "a")):
            with pytest.raises(NotFinished, match=job.state):
                ask(job)

    def test_a_failed_job_has_none_and_says_why(self) -> None:
        job = a_job().failed(DnsError("No such host."), NOON)
        with pytest.raises(JobFailed, match="dns_error: No such host") as refused:
            result_of(job)
        assert refused.value.failure == job.failure

    def test_a_cancelled_job_has_none(self) -> None:
        with pytest.raises(JobFailed, match="cancelled") as refused:
            result_of(a_job().cancelled(NOON))
        assert refused.value.failure is None

    @pytest.mark.parametrize("name", ["nope.png", "", "SCREENSHOT.PNG", "../screenshot.png"])
    def test_an_artifact_that_was_not_made_is_unknown(self, farm: MemoryFarm, name: str) -> None:
        with pytest.raises(UnknownArtifact):
            artifact_of(finished(farm), name)

    def test_bytes_that_are_gone_are_said_to_be_gone_before_the_first_chunk(
        self, farm: MemoryFarm
    ) -> None:
        job = finished(farm)
        farm.artifacts.expire(job.run_id, "screenshot.png", 0)
        with pytest.raises(ArtifactEvicted):
            farm.service.read(job, result_of(job))

    def test_a_job_past_its_retention_has_expired(self, farm: MemoryFarm) -> None:
        job = finished(farm)
        farm.clock.advance(job.spec.retention - 1)
        assert farm.service.get(job.id) == job
        farm.clock.advance(1)
        with pytest.raises(JobExpired):
            farm.service.get(job.id)


class TestWait:
    def test_waiting_gives_the_job_as_it_ended(self, farm: MemoryFarm) -> None:
        ledger = ScriptedLedger(farm, running, succeeded)
        service = replace(farm.service, ledger=ledger)
        job = service.wait(service.submit(a_spec()), 30)
        assert (job.state, job.revision, ledger.timeouts_s) == ("succeeded", 3, [30])

    def test_waiting_gives_the_job_as_it_is_when_the_time_is_over(self, farm: MemoryFarm) -> None:
        service = replace(farm.service, ledger=ScriptedLedger(farm, running))
        job = service.wait(service.submit(a_spec()), 30)
        assert (job.state, job.revision) == ("running", 2)

    @pytest.mark.parametrize("timeout_s", [0, -1])
    def test_without_time_to_wait_nothing_waits(self, farm: MemoryFarm, timeout_s: float) -> None:
        service = replace(farm.service, ledger=ScriptedLedger(farm))
        job = service.submit(a_spec())
        assert service.wait(job, timeout_s) == job

    def test_an_ended_job_is_returned_at_once(self, farm: MemoryFarm) -> None:
        job = a_job().cancelled(NOON)
        assert replace(farm.service, ledger=ScriptedLedger(farm)).wait(job, 30) == job

    def test_a_job_that_is_forgotten_meanwhile_is_unknown(self, farm: MemoryFarm) -> None:
        service = replace(farm.service, ledger=ScriptedLedger(farm, lambda _: None))
        job = service.submit(a_spec())
        with pytest.raises(UnknownJob):
            service.wait(job, 30)


class TestAdmission:
    def test_a_job_too_many_is_refused_and_nothing_of_it_is_kept(self, farm: MemoryFarm) -> None:
        service = replace(farm.service, limits=Limits(backlog_max=2))
        for _ in range(2):
            service.submit(a_spec())
        with pytest.raises(QueueFull, match="2 jobs wait on the queue pages"):
            service.submit(a_spec())
        assert len(open_jobs(farm)) == len(farm.queue.waiting) == 2
        service.submit(a_spec(kind="probe"))

    def test_a_caller_with_too_many_open_jobs_is_refused(self, farm: MemoryFarm) -> None:
        service = replace(farm.service, limits=Limits(owner_max=1))
        service.submit(a_spec())
        with pytest.raises(QueueFull, match="1 open jobs"):
            service.submit(a_spec(kind="probe"))

    @pytest.mark.parametrize(
        ("waiting", "ended", "retry_after_s"), [(4, 0, 60), (300, 60, 3), (300, 1, 60), (4, 60, 1)]
    )
    def test_a_refused_caller_is_told_to_come_back_as_fast_as_jobs_end(
        self, farm: MemoryFarm, waiting: int, ended: int, retry_after_s: int
    ) -> None:
        service = replace(farm.service, limits=Limits(backlog_max=waiting))
        for number in range(ended):
            job = a_job(f"ended-{number}")
            farm.ledger.swap(job)
            farm.ledger.swap(job.cancelled(NOON))
        for _ in range(waiting):
            service.submit(a_spec())
        with pytest.raises(QueueFull) as refused:
            service.submit(a_spec())
        assert refused.value.retry_after_s == retry_after_s


class TestLanes:
    def test_a_job_of_low_priority_is_not_announced_at_once(self, farm: MemoryFarm) -> None:
        low = farm.submit(priority="low")
        for priority in ("normal", "high"):
            farm.submit(priority=priority)
        assert farm.queue.count(low.id) == 0
        assert len(farm.queue.waiting) == 2

    def test_when_many_of_its_priority_are_announced_a_job_waits_for_its_turn(
        self, farm: MemoryFarm
    ) -> None:
        for _ in range(ANNOUNCED_MAX):
            farm.submit()
        late, urgent = farm.submit(), farm.submit(priority="high")
        assert (farm.queue.count(late.id), farm.queue.count(urgent.id)) == (0, 1)
        assert farm.ledger.take_turns("pages", 9, NOON) == [farm.service.get(late.id)]


class TestRetry:
    @pytest.mark.parametrize("state", ["failed", "cancelled"])
    def test_a_job_without_a_result_is_queued_again(self, farm: MemoryFarm, state: str) -> None:
        job = running(farm.submit())
        farm.ledger.swap(job)
        error = DnsError("no such host")
        ended = job.failed(error, NOON) if state == "failed" else job.cancelled(NOON)
        farm.ledger.swap(ended)
        retried = farm.service.retry(job.id)
        assert (retried.state, retried.attempt, retried.retries) == ("queued", 0, 1)
        assert retried.failure is None
        assert retried.expires_at is None
        assert [each.code for each in retried.previous_failures] == (
            ["dns_error"] if state == "failed" else []
        )
        assert farm.queue.count(job.id) == 2
        assert retried.claimed("w", NOON, redeliveries=0).run_id != job.run_id

    def test_an_open_or_a_done_job_is_not(self, farm: MemoryFarm) -> None:
        job = farm.submit()
        with pytest.raises(NothingToRetry):
            farm.service.retry(job.id)
        farm.ledger.swap(running(job))
        farm.ledger.swap(succeeded(running(job)))
        with pytest.raises(NothingToRetry):
            farm.service.retry(job.id)


class TestUploads:
    def test_an_upload_is_kept_for_a_day_and_forgotten_on_demand(self, farm: MemoryFarm) -> None:
        upload = farm.service.upload("../a.mp4", "video/mp4", [b"ab", b"c"])
        assert (upload.filename, upload.size_bytes) == ("../a.mp4", 3)
        assert upload.expires_at == NOON + timedelta(seconds=DAY_S)
        farm.service.forget_upload(upload.id)
        with pytest.raises(UnknownUpload):
            farm.service.forget_upload(upload.id)


def make_ready(farm: MemoryFarm) -> None:
    farm.workers.beat(a_worker("pages@host", "pages"), ttl_s=60)
    farm.workers.beat(a_worker("media@host", "media"), ttl_s=60)
    check = BrowserCheck(at=farm.clock.now(), worker="pages@host", version="1", sandbox=True)
    farm.workers.browser_opened(check)


class TestReadiness:
    def test_a_farm_with_everything_is_ready(self, farm: MemoryFarm) -> None:
        make_ready(farm)
        readiness = farm.service.readiness()
        assert readiness.ready
        assert readiness.checks == dict.fromkeys(
            ("redis", "media", "pages", "browser", "gate", "broker", "artifacts"), "ok"
        )

    def test_one_worker_may_serve_both_queues(self, farm: MemoryFarm) -> None:
        make_ready(farm)
        farm.workers.leave("pages@host")
        farm.workers.beat(a_worker("media@host", "media", "pages"), ttl_s=60)
        assert farm.service.readiness().ready

    @pytest.mark.parametrize("queue", ["pages", "media"])
    def test_without_a_worker_of_each_queue_it_is_not(self, farm: MemoryFarm, queue: str) -> None:
        make_ready(farm)
        farm.workers.leave(f"{queue}@host")
        readiness = farm.service.readiness()
        assert not readiness.ready
        assert [name for name, check in readiness.checks.items() if check != "ok"] == [queue]

    @pytest.mark.parametrize(("age_s", "ready"), [(180, True), (181, False)])
    def test_a_browser_must_have_worked_lately(
        self, farm: MemoryFarm, age_s: int, ready: bool
    ) -> None:
        make_ready(farm)
        farm.clock.advance(age_s)
        readiness = farm.service.readiness()
        assert readiness.ready is ready
        assert (readiness.checks["browser"] == "ok") is ready

    def test_a_browser_must_have_worked_at_all(self, farm: MemoryFarm) -> None:
        farm.workers.beat(a_worker("both@host", "pages", "media"), ttl_s=60)
        readiness = farm.service.readiness()
        assert (readiness.ready, readiness.checks["browser"]) == (
            False,
            "no browser has opened a page yet",
        )

    def test_without_room_for_artifacts_it_is_not(self, farm: MemoryFarm) -> None:
        make_ready(farm)
        readiness = replace(farm.service, artifacts=AbsentArtifacts()).readiness()
        assert not readiness.ready
        assert readiness.checks["artifacts"] == "The artifacts' Redis is away."
        assert readiness.checks["redis"] == "ok"

    def test_without_redis_it_is_not(self, farm: MemoryFarm) -> None:
        make_ready(farm)
        readiness = replace(farm.service, ledger=AbsentLedger(farm.clock)).readiness()
        assert (readiness.ready, readiness.checks) == (
            False,
            {"redis": "Redis is away.", "broker": "ok", "artifacts": "ok"},
        )
