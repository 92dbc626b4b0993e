"""The farm with RabbitMQ as its broker, where that is installed."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kombu import pools
from redis import Redis

from farm.backends.amqp_queue import AmqpQueue
from farm.backends.clock import SystemClock
from farm.backends.memory import ManualClock
from farm.backends.redis_connection import connect
from farm.jobs.errors import BackendUnavailable
from farm.jobs.models import ANNOUNCE_GRACE_S
from farm.jobs.states import JobState
from tasks.dispatcher.sweeper import Sweeper
from tests.support.builders import a_job
from tests.support.neighbours import free_port, need
from tests.support.rabbitmq import RabbitMq, empty, needs_rabbitmq, rabbitmq
from tests.support.site import Site
from tests.support.waiting import until
from tests.support.workers import RunningWorker, working

pytestmark = [pytest.mark.redis, needs_rabbitmq, pytest.mark.timeout(240)]


@pytest.fixture(autouse=True)
def _no_connection_is_left() -> Iterator[None]:
    yield
    pools.reset()


@pytest.fixture
def broker(rabbitmq_of_session: RabbitMq) -> RabbitMq:
    empty(rabbitmq_of_session.url)
    return rabbitmq_of_session


@pytest.fixture
def client(redis_url: str) -> Iterator[Redis]:
    with connect(redis_url) as client:
        yield client


def sweep_until_ended(worker: RunningWorker, job_id: str) -> JobState:
    """Sweep as the dispatcher does, until the job has ended."""
    sweeper = Sweeper(worker.farm)

    def ended() -> bool:
        try:
            sweeper.sweep()
        except BackendUnavailable:
            return False
        return worker.farm.get(job_id).state.is_terminal

    until(ended, "the job has ended", 90)
    return worker.farm.get(job_id).state


def test_a_job_goes_from_end_to_end_and_nothing_of_it_stays_on_the_queue(
    redis_url: str, broker: RabbitMq, site: Site, tmp_path: Path
) -> None:
    need("chromium-headless-shell")
    with working(redis_url, tmp_path, BROKER_URL=broker.url) as worker:
        jobs = [worker.submit(site.url("/colours"), priority=each) for each in ("normal", "high")]
        assert {worker.ended(job).state for job in jobs} == {JobState.SUCCEEDED}
        worker.farm.queue.check_browser()
        until(worker.farm.workers.last_browser_check, "a browser was checked", 30)
        assert worker.farm.readiness().checks["broker"] == "ok"
        assert worker.stop() == 0
    with Redis.from_url(redis_url) as plain:
        assert not plain.exists("pages", "pages\x06\x163", "unacked")


def test_a_child_that_dies_has_its_job_run_again_by_a_delayed_message(
    redis_url: str, broker: RabbitMq, site: Site, tmp_path: Path
) -> None:
    need("chromium-headless-shell")
    with working(redis_url, tmp_path, BROKER_URL=broker.url) as worker:
        job = worker.submit(site.url("/slow?4"))
        worker.job(job, lambda found: found.state is JobState.RUNNING, "the job runs")
        (child,) = worker.children()
        os.kill(child, signal.SIGKILL)
        ended = worker.ended(job)
        assert (ended.state, ended.attempt) == (JobState.SUCCEEDED, 2)


def test_a_worker_that_dies_has_its_job_run_by_the_next_one(
    redis_url: str, broker: RabbitMq, site: Site, tmp_path: Path
) -> None:
    need("chromium-headless-shell")
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    with working(redis_url, first, BROKER_URL=broker.url) as worker:
        job = worker.submit(site.url("/slow?4"))
        worker.job(job, lambda found: found.state is JobState.RUNNING, "the job runs")
    with working(redis_url, second, BROKER_URL=broker.url) as worker:
        assert sweep_until_ended(worker, job.id) is JobState.SUCCEEDED
        assert worker.farm.get(job.id).attempt == 2


def test_a_broker_that_is_killed_and_comes_back_loses_no_job(
    redis_url: str, site: Site, tmp_path: Path
) -> None:
    need("chromium-headless-shell")
    node, farm = tmp_path / "node", tmp_path / "farm"
    node.mkdir()
    farm.mkdir()
    with rabbitmq(node) as broker, working(redis_url, farm, BROKER_URL=broker.url) as worker:
        running = worker.submit(site.url("/slow?4"))
        worker.job(running, lambda found: found.state is JobState.RUNNING, "the job runs")
        waiting = worker.submit(site.url("/colours"))
        broker.kill()
        meanwhile = worker.submit(site.url("/colours"), full_page=True)
        assert meanwhile.state is JobState.QUEUED  # Accepted, though nobody could be told.
        assert worker.farm.readiness().checks["broker"] != "ok"
        assert worker.ended(running).state is JobState.SUCCEEDED
        broker.start()
        for job in (waiting, meanwhile):
            assert sweep_until_ended(worker, job.id) is JobState.SUCCEEDED
        assert [worker.farm.get(each.id).attempt for each in (running, waiting)] == [1, 1]


def test_what_is_noted_is_forgotten_once_the_queue_is_empty_or_after_an_hour(
    broker: RabbitMq, client: Redis
) -> None:
    clock = ManualClock()
    queue = AmqpQueue(broker.url, client, clock)
    queue.announce(a_job("lost"))
    queue.announce(a_job("waits"))
    clock.advance(ANNOUNCE_GRACE_S)
    assert set(queue.announced("pages")) == {"lost", "waits"}
    empty(broker.url)
    assert queue.announced("pages") == {}
    queue.announce(a_job("old"))
    clock.advance(3600)
    queue.announce(a_job("new"))
    assert set(queue.announced("pages")) == {"new"}


def test_no_note_is_left_of_what_could_not_be_announced(client: Redis) -> None:
    queue = AmqpQueue(f"amqp://127.0.0.1:{free_port()}//", client, SystemClock())
    with pytest.raises(BackendUnavailable):
        queue.announce(a_job())
    assert client.keys("farm:announced:*") == []


def test_a_broker_that_is_away_or_silent_is_said_to_be_soon_and_then_left_in_peace(
    client: Redis,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        queue = AmqpQueue(f"amqp://127.0.0.1:{silent.getsockname()[1]}//", client, SystemClock())
        began = time.monotonic()
        with pytest.raises(BackendUnavailable):
            queue.announce(a_job())
        assert time.monotonic() - began < 8
        began = time.monotonic()
        with pytest.raises(BackendUnavailable):
            queue.ping()
        assert time.monotonic() - began < 0.5
