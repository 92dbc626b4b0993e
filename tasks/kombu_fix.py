"""Two repairs of kombu 5.7.0, without which a worker ends when Redis goes away or is full.

A channel that is closed because its connection broke first reads what its pending
BRPOP still has to say. That read fails too, the error leaves ``Channel.close`` half
done, and the second close, which has no client any more, ends the worker's main process
with an ``AttributeError``. Here the failed read counts as "nothing came".

A Redis without memory refuses even what would make room, such as an acknowledgement, and
kombu takes that for an error of the program. Here it counts as a lost connection: the
consumer connects again, and what was not acknowledged comes again.
"""

from contextlib import suppress
from importlib.metadata import version
from queue import Empty
from typing import Any

import structlog
from kombu.transport import redis
from redis.exceptions import OutOfMemoryError

BROKEN_VERSION = "5.7.0"

_log = structlog.get_logger(__name__)

Channel: Any = redis.Channel  # What is repaired is private, and in no one's types.
original_close = Channel.close
original_errors: tuple[type[Exception], ...] = redis.Transport.connection_errors


def repair_kombu() -> None:
    """Mend the one version that is known to be broken."""
    if version("kombu") == BROKEN_VERSION and Channel.close is original_close:
        Channel.close = _close_after_the_last_read
        redis.Transport.connection_errors = (*original_errors, OutOfMemoryError)
        _log.info("kombu_repaired", version=BROKEN_VERSION)


def _close_after_the_last_read(channel: Any) -> None:  # noqa: ANN401 - see above
    if channel._in_poll:  # noqa: SLF001 - see above
        with suppress(Empty, *channel.connection_errors):
            channel._brpop_read()  # noqa: SLF001 - see above
    original_close(channel)
