"""The promises of ``JobQueue``, kept by every implementation."""

from collections.abc import Iterator

import pytest
from kombu import pools
from redis import Redis

from farm.backends.amqp_queue import AmqpQueue
from farm.backends.celery_queue import PRIORITIES, CeleryQueue
from farm.backends.clock import SystemClock
from farm.backends.memory import MemoryQueue
from farm.backends.redis_connection import connect
from farm.jobs.errors import BackendUnavailable
from farm.jobs.ports import JobQueue
from tests.support.builders import a_job, a_spec
from tests.support.neighbours import free_port
from tests.support.rabbitmq import empty, needs_rabbitmq

SECRET = "https://page.test/?token=hunter2"


@pytest.fixture(autouse=True)
def _no_connection_is_left() -> Iterator[None]:
    yield
    pools.reset()


@pytest.fixture(
    params=[
        "memory",
        pytest.param("redis", marks=pytest.mark.redis),
        pytest.param("rabbitmq", marks=[pytest.mark.redis, needs_rabbitmq]),
    ]
)
def queue(request: pytest.FixtureRequest) -> Iterator[JobQueue]:
    if request.param == "memory":
        yield MemoryQueue()
        return
    url = request.getfixturevalue("redis_url")
    with connect(url) as client:
        if request.param == "rabbitmq":
            broker_url = request.getfixturevalue("rabbitmq_of_session").url
            empty(broker_url)
            yield AmqpQueue(broker_url, client, SystemClock())
            return
        yield CeleryQueue(url, client)


def test_it_answers(queue: JobQueue) -> None:
    queue.ping()


def test_nothing_is_announced_at_first(queue: JobQueue) -> None:
    assert queue.announced("pages") == {}
    assert queue.length("pages", "normal") == 0


@pytest.mark.parametrize("priority", ["low", "normal", "high"])
def test_what_is_announced_waits_on_its_kind_s_queue(queue: JobQueue, priority: str) -> None:
    queue.announce(a_job("shot", spec=a_spec(priority=priority)))
    probe = a_spec(kind="probe", url="http://page.test/a.mp4", priority=priority)
    queue.announce(a_job("probe", spec=probe))
    assert set(queue.announced("pages")) == {"shot"}
    assert set(queue.announced("media")) == {"probe"}
    for each in PRIORITIES:
        count = 1 if each == priority else 0
        assert queue.length("pages", each) == queue.length("media", each) == count


def test_what_is_announced_ahead_is_said_to_be(queue: JobQueue) -> None:
    low = a_job("shot", spec=a_spec(priority="low"))
    queue.announce(low)
    assert queue.announced("pages") == {"shot": False}
    queue.announce(low, ahead=True)
    assert queue.announced("pages") == {"shot": True}
    assert queue.length("pages", "low") == 1


@pytest.mark.redis
def test_a_message_holds_the_id_and_nothing_of_the_spec(redis_url: str) -> None:
    with connect(redis_url) as client, Redis.from_url(redis_url) as plain:
        queue = CeleryQueue(redis_url, client)
        queue.announce(a_job("shot", spec=a_spec(url=SECRET, metadata={"k": "hunter2"})))
        message = plain.lrange("pages\x06\x163", 0, -1)[0].decode()
        assert "shot" in message
        assert "hunter2" not in message
        assert "page.test" not in message


@pytest.mark.redis
def test_an_absent_broker_is_said_to_be_absent_soon(redis_url: str) -> None:
    del redis_url  # Only to run beside the others that need Redis.
    nobody = f"redis://127.0.0.1:{free_port()}/0"
    with connect(nobody) as client:
        queue = CeleryQueue(nobody, client)
        with pytest.raises(BackendUnavailable):
            queue.announce(a_job())
        with pytest.raises(BackendUnavailable):
            queue.announced("pages")
