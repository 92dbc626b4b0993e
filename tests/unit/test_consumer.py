"""How often a worker tells Flower of its tasks."""

import time
from unittest.mock import Mock

from tasks.consumer import BatchingConsumer


def a_consumer() -> BatchingConsumer:
    consumer = BatchingConsumer.__new__(BatchingConsumer)  # Celery makes it with a connection.
    consumer.hub = Mock()
    consumer._flush_events = Mock()  # noqa: SLF001 - Celery's own
    return consumer


def test_events_of_a_moment_are_sent_together() -> None:
    consumer = a_consumer()
    for _ in range(100):
        consumer.on_send_event_buffered()
    consumer.hub.call_later.assert_called_once()
    delay_s, flush = consumer.hub.call_later.call_args.args
    assert 0 < delay_s < 1
    assert flush is consumer._flush_events  # noqa: SLF001 - Celery's own


def test_events_after_that_moment_are_sent_although_the_timer_was_lost() -> None:
    consumer = a_consumer()
    consumer.on_send_event_buffered()
    consumer._next_flush_at = time.monotonic()  # noqa: SLF001 - the moment is over
    consumer.on_send_event_buffered()
    assert consumer.hub.call_later.call_count == 2
