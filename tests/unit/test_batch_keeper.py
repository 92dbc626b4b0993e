"""What the dispatcher does for batches when no request is there to do it."""

from dataclasses import replace

import pytest

from farm.backends.memory_batches import MemoryBatches
from farm.jobs.batches.control import STEP_JOBS, Control
from farm.jobs.batches.intake import CHUNK_JOBS, Item
from farm.jobs.batches.models import BatchOptions, Standing
from farm.jobs.batches.service import Batches, BatchRequest
from farm.jobs.errors import BackendUnavailable, BatchExpired, DnsError, UnknownBatch
from farm.jobs.models import Job
from farm.jobs.service import JobService
from tasks.dispatcher.batches import BatchKeeper
from tests.support.builders import NOON, MemoryFarm


class DyingBatches(MemoryBatches):
    """Files one chunk, and then its process is gone."""

    files = 1

    def file(self, batch_id: str) -> bool:
        if self.files == 0:
            raise BackendUnavailable("The process is gone.")
        self.files -= 1
        return super().file(batch_id)


def submitted(service: JobService, count: int, key: str | None = None) -> Standing:
    items = (Item(n, f"https://page-{n}.test/") for n in range(1, count + 1))
    request = BatchRequest(BatchOptions(), {"kind": "pdf", "retention": 60}, items, lambda: "ab")
    return Batches(service).submit(request, key).standing


def fail(farm: MemoryFarm, jobs: list[Job]) -> None:
    for job in jobs:
        running = job.claimed("w/1", farm.clock.now(), redeliveries=0)
        farm.ledger.swap(running)
        farm.ledger.swap(running.failed(DnsError("no such host"), farm.clock.now()))


def test_what_the_api_left_unfiled_is_filed(farm: MemoryFarm) -> None:
    dying = DyingBatches(farm.ledger, farm.clock)
    count = 3 * CHUNK_JOBS
    standing = submitted(replace(farm.service, batches=dying), count)
    assert standing.progress.total == count
    batch_id = standing.batch.id
    assert len(dying.open_jobs(batch_id, 10_000)) == CHUNK_JOBS
    dying.files = 100
    keeper = BatchKeeper(replace(farm.service, batches=dying))
    keeper.step()
    assert len(dying.open_jobs(batch_id, 10_000)) == count
    assert dying.unfiled(10) == []


def test_a_large_batch_is_cancelled_step_by_step(farm: MemoryFarm) -> None:
    count = 2 * STEP_JOBS + 1
    batch_id = submitted(farm.service, count).batch.id
    standing = Control(farm.service).act(batch_id, "cancel", None).made
    assert (standing.state, standing.progress.cancelled) == ("cancelled", STEP_JOBS)
    assert farm.ledger.take_turns("pages", 10, NOON) == []
    for cancelled in (2 * STEP_JOBS, count, count):
        BatchKeeper(farm.service).step()  # Another one each time, as after a crash.
        assert farm.batches.get(batch_id).progress.cancelled == cancelled
    assert farm.batches.cancelling(10) == []


def test_what_is_cancelled_before_it_is_filed_is_cancelled_all_the_same(farm: MemoryFarm) -> None:
    dying = DyingBatches(farm.ledger, farm.clock)
    service = replace(farm.service, batches=dying)
    batch_id = submitted(service, 2 * CHUNK_JOBS).batch.id
    Control(service).act(batch_id, "cancel", None)
    dying.files = 100
    keeper = BatchKeeper(service)
    for _ in range(4):
        keeper.step()
    assert dying.get(batch_id).progress.cancelled == 2 * CHUNK_JOBS
    assert dying.cancelling(10) == []


def test_the_failed_jobs_of_a_large_batch_are_queued_again_once_each(farm: MemoryFarm) -> None:
    count = 2 * STEP_JOBS + 1
    batch_id = submitted(farm.service, count).batch.id
    fail(farm, farm.batches.open_jobs(batch_id, count))
    farm.clock.advance(1)
    standing = Control(farm.service).act(batch_id, "retry-failed", None).made
    assert standing.progress.queued == STEP_JOBS
    # These fail again at once, and are not what was asked for.
    farm.clock.advance(1)
    fail(farm, farm.batches.open_jobs(batch_id, count))
    keeper = BatchKeeper(farm.service)
    for _ in range(4):
        keeper.step()
    progress = farm.batches.get(batch_id).progress
    assert (progress.queued, progress.failed) == (STEP_JOBS + 1, STEP_JOBS)
    assert farm.batches.retrying(10) == []


def test_a_retry_that_is_asked_for_again_begins_anew(farm: MemoryFarm) -> None:
    count = 2 * STEP_JOBS + 1
    batch_id = submitted(farm.service, count).batch.id
    fail(farm, farm.batches.open_jobs(batch_id, count))
    farm.clock.advance(1)
    control, keeper = Control(farm.service), BatchKeeper(farm.service)
    control.act(batch_id, "retry-failed", None)
    keeper.step()
    fail(farm, farm.batches.open_jobs(batch_id, count))
    farm.clock.advance(1)
    control.act(batch_id, "retry-failed", None)
    for _ in range(4):
        keeper.step()
    progress = farm.batches.get(batch_id).progress
    assert (progress.queued, progress.failed) == (count, 0)


def test_a_batch_is_not_finished_between_two_steps_of_a_retry(farm: MemoryFarm) -> None:
    batch_id = submitted(farm.service, STEP_JOBS + 1).batch.id
    fail(farm, farm.batches.open_jobs(batch_id, 2 * STEP_JOBS))
    assert farm.batches.get(batch_id).state == "finished"
    farm.clock.advance(1)
    Control(farm.service).act(batch_id, "retry-failed", None)
    farm.clock.advance(1)
    fail(farm, farm.batches.open_jobs(batch_id, STEP_JOBS))
    between = Batches(farm.service).get(batch_id)
    assert between.progress.open == 0
    assert (between.state, between.finished_at, between.eta_s) == ("running", None, None)
    keeper = BatchKeeper(farm.service)
    keeper.step()
    keeper.step()
    assert farm.batches.retrying(10) == []
    (last,) = farm.batches.open_jobs(batch_id, STEP_JOBS)
    fail(farm, [last])
    ended = Batches(farm.service).get(batch_id)
    assert (ended.state, ended.finished_at) == ("finished", farm.clock.now())
    assert ended.progress.failed == STEP_JOBS + 1


def test_a_batch_is_dropped_with_its_last_job_and_not_made_again(farm: MemoryFarm) -> None:
    standing = submitted(farm.service, 1, key="k")
    batch_id = standing.batch.id
    fail(farm, farm.batches.open_jobs(batch_id, 1))
    keeper = BatchKeeper(farm.service)
    keeper.tidy()
    assert farm.batches.get(batch_id).state == "finished"
    farm.clock.advance(62)
    with pytest.raises(UnknownBatch):
        Batches(farm.service).get(batch_id)
    keeper.tidy()
    with pytest.raises(UnknownBatch):
        farm.batches.get(batch_id)
    with pytest.raises(BatchExpired):
        submitted(farm.service, 1, key="k")
