"""A worker's channel outlives the Redis that it waits on."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection

from tasks.kombu_fix import BROKEN_VERSION, Channel, original_close, repair_kombu
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


def test_a_channel_whose_redis_went_away_can_be_closed(
    polling: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Channel, "close", Channel.close)  # What is replaced comes back.
    repair_kombu()
    polling.close()
    assert polling.closed


@pytest.mark.skipif(version("kombu") != BROKEN_VERSION, reason="made for that version alone")
def test_the_repair_is_still_needed(polling: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Channel, "close", original_close)
    with pytest.raises(polling.connection_errors):
        polling.close()
    assert not polling.closed
