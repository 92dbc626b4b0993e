"""Process entry: ``python -m tasks.dispatcher``. Any number may run; one is active."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from httpx import create_ssl_context

from farm.backends import logs
from farm.backends.assembly import assemble_from
from farm.backends.redis_connection import connect
from farm.backends.redis_leadership import RedisLeadership
from farm.jobs.errors import BackendUnavailable, ConfigError
from farm.jobs.service import JobService
from tasks.dispatcher.batches import BatchKeeper
from tasks.dispatcher.checker import BrowserChecker
from tasks.dispatcher.deliverer import THREADS, Deliverer
from tasks.dispatcher.feeder import EVERY_S, Feeder
from tasks.dispatcher.sampler import Sampler
from tasks.dispatcher.stores import StoreSweeper
from tasks.dispatcher.sweeper import Sweeper
from tasks.egress.client import Gate
from tasks.heartbeat import Heartbeat
from tasks.settings import WorkerSettings
from tasks.webhooks import Courier

_SWEEP_EVERY = 10
"""Turns of the feeder between two sweeps: once a second is enough for what is rare."""
_LEADER_TTL_S = 8.0
"""A standby takes over within this; several turns may be slow before that."""

_log = structlog.get_logger(__name__)


def main() -> None:
    """Take turns until told to stop."""
    try:
        settings = WorkerSettings.from_environment()
        farm = assemble_from(settings, waiters_max=0)
    except ConfigError as error:
        sys.exit(error.message)
    logs.configure()
    leadership = RedisLeadership(connect(settings.redis_url), "dispatcher", ttl_s=_LEADER_TTL_S)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    heartbeat = Heartbeat(settings.heartbeat_file, lambda: None)
    heartbeat.start()
    with _delivering(farm, settings) as deliverer:
        _take_turns(farm, leadership, deliverer, stop)
    heartbeat.stop()
    try:
        leadership.resign()
    except BackendUnavailable as error:
        _log.warning("not_resigned", why=error.message)


def _take_turns(
    farm: JobService, leadership: RedisLeadership, deliverer: Deliverer, stop: threading.Event
) -> None:
    feeder = Feeder(farm)
    sweeper, checker, stores = Sweeper(farm), BrowserChecker(farm), StoreSweeper(farm)
    batches, sampler = BatchKeeper(farm), Sampler(farm)
    turn = 0
    while not stop.wait(EVERY_S):
        turn += 1
        try:
            if not leadership.hold():
                continue
            batches.step()
            feeder.feed()
            deliverer.deliver()
            if turn % _SWEEP_EVERY == 0:
                sweeper.sweep()
                batches.tidy()
                checker.check()
                stores.sweep()
                sampler.sample()
        except BackendUnavailable as error:
            _log.warning("turn_lost", why=error.message)


@contextmanager
def _delivering(farm: JobService, settings: WorkerSettings) -> Iterator[Deliverer]:
    """Have a deliverer for the block, and a gate for it once there is something to deliver."""
    keeper = settings.keeper()
    gates = [Gate(keeper.control) for _ in range(THREADS)]
    certificates = create_ssl_context()
    couriers = [Courier(gate, farm.clock, farm.signing, certificates).deliver for gate in gates]
    deliverer = Deliverer(farm, couriers, prepare=keeper.start)
    try:
        yield deliverer
    finally:
        deliverer.close()
        for gate in gates:
            gate.close()
        keeper.stop()


if __name__ == "__main__":
    main()
