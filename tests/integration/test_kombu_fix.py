"""A worker's channel outlives the Redis that it waits on."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection
from kombu.transport.redis import Transport
from redis import Redis

from tasks.kombu_fix import BROKEN_VERSION, Channel, original_close, original_errors, repair_kombu
from tests.support.neighbours import redis_server


@pytest.fixture
def polling(tmp_path: Path) -> Any:
    """A channel in the middle of its BRPOP, whose Redis is gone."""
    with redis_server(tmp_path) as url:
        channel: Any = Connection(url).default_channel
        channel.basic_consume("pages", no_ack=False, callback=print, consumer_tag="t")
        channel.connection.cycle._register_BRPOP(channel)  # noqa: SLF001 - as its loop does
        assert channel._in_poll  # noqa: SLF001 - there is no other sign of it
    return channel


@pytest.fixture
def _stock(monkeypatch: pytest.MonkeyPatch) -> None:
    """kombu as it comes; what is repaired meanwhile is undone."""
    monkeypatch.setattr(Channel, "close", original_close)
    monkeypatch.setattr(Transport, "connection_errors", original_errors)


@pytest.mark.usefixtures("_stock")
def test_a_channel_whose_redis_went_away_can_be_closed(polling: Any) -> None:
    repair_kombu()
    polling.close()
    assert polling.closed


@pytest.mark.usefixtures("_stock")
def test_a_redis_that_is_full_counts_as_a_lost_connection(tmp_path: Path) -> None:
    repair_kombu()
    with redis_server(tmp_path) as url, Connection(url) as connection, Redis.from_url(url) as redis:
        channel: Any = connection.default_channel
        redis.config_set("maxmemory", "1mb")
        with pytest.raises(connection.connection_errors) as refused:
            channel.qos.ack("some-tag")
        assert not isinstance(
            refused.value, original_errors
        )  # Without the repair it would end the worker.


@pytest.mark.skipif(version("kombu") != BROKEN_VERSION, reason="made for that version alone")
@pytest.mark.usefixtures("_stock")
def test_the_repair_is_still_needed(polling: Any) -> None:
    with pytest.raises(polling.connection_errors):
        polling.close()
    assert not polling.closed
