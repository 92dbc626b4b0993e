"""What happens when a worker or one of its children starts and ends, told by Celery's signals."""

import os
import platform
import shutil
import signal
import socket
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from billiard import current_process
from celery import Celery, signals

from farm.backends import logs
from farm.jobs.errors import BackendUnavailable, ConfigError
from farm.jobs.workers import Worker
from tasks.deadline import Deadline
from tasks.egress.client import Gate
from tasks.egress.keeper import Keeper, KeptElsewhere
from tasks.fonts import scripts_without_font
from tasks.heartbeat import TTL_S, Heartbeat
from tasks.homes import Reaper, move_in
from tasks.memory import limit_bytes
from tasks.pages.browser import BrowserHolder
from tasks.pages.sandbox import settle_sandbox
from tasks.runner import JobRunner
from tasks.settings import WorkerSettings
from tasks.vitals import Vitals

EX_CONFIG = 78
"""Exit code of a worker whose settings this machine cannot meet (``sysexits.h``)."""
_CLOSE_S = 3.0
"""What a browser gets to end in good order; its child waits for it."""


@dataclass(frozen=True)
class Parts:
    """What lives and ends with a worker."""

    runner: JobRunner
    browser: BrowserHolder
    keeper: Keeper | KeptElsewhere


def connect_signals(app: Celery, settings: WorkerSettings, parts: Parts) -> None:
    """Be told of the worker's life, and of its children's."""

    # `weak=False`, here and below: Celery would drop functions that only a scope knows.
    @signals.setup_logging.connect(weak=False)
    def set_up_logging(**_: object) -> None:
        logs.configure()

    _connect_worker(app, settings, parts.runner, parts.keeper)
    _connect_children(parts.runner, parts.browser)


def _connect_worker(
    app: Celery, settings: WorkerSettings, runner: JobRunner, keeper: Keeper | KeptElsewhere
) -> None:
    beating: dict[str, Heartbeat] = {}
    directory, clock = runner.farm.workers, runner.farm.clock
    facts: dict[str, str | None] = {}
    reaper = Reaper(Path(tempfile.gettempdir()))

    @signals.celeryd_after_setup.connect(weak=False)
    def look_around(**_: object) -> None:
        # Before there are children or threads, for it starts processes.
        facts.update(_facts(settings, renders="pages" in app.amqp.queues.consume_from))

    @signals.worker_ready.connect(weak=False)
    def start_beating(sender: Any, **_: object) -> None:  # noqa: ANN401 - Celery's Consumer
        worker = Worker(
            id=runner.worker,
            name=sender.hostname,
            queues=tuple(sorted(app.amqp.queues.consume_from)),
            pid=os.getpid(),
            concurrency=settings.concurrency,
            started_at=clock.now(),
            beat_at=clock.now(),
            facts=facts,
        )

        # One for this thread: each of the children has its own.
        gate = Gate(keeper.control)

        def beat() -> None:
            now = {"gate": gate.answers(), "beat_at": clock.now()}
            directory.beat(worker.model_copy(update=now), ttl_s=TTL_S)
            reaper.reap_if_due()

        keeper.start()
        beating[worker.name] = Heartbeat(settings.heartbeat_file, beat)
        beating[worker.name].start()

    stopping = threading.Event()

    @signals.worker_shutting_down.connect(weak=False)
    def stop_in_time(how: str, **_: object) -> None:
        # Celery waits for the jobs that run, however long they take. QUIT has those
        # given back that still do after the grace; another worker runs them at once.
        if how == "Warm" and not stopping.is_set():
            stopping.set()
            quits = threading.Timer(settings.stop_grace_s, os.kill, [os.getpid(), signal.SIGQUIT])
            quits.daemon = True
            quits.start()

    @signals.worker_shutdown.connect(weak=False)
    def stop_beating(**_: object) -> None:
        for name, heartbeat in beating.items():
            heartbeat.stop()
            with suppress(BackendUnavailable):  # Else the last beat expires by itself.
                directory.leave(name)
        keeper.stop()


def _facts(settings: WorkerSettings, *, renders: bool) -> dict[str, str | None]:
    """Return what a worker says of its machine; end it if pages may not be rendered there."""
    facts: dict[str, str | None] = {
        "python": platform.python_version(),
        "host": socket.gethostname(),
        "memory_bytes": str(limit_bytes()),
    }
    if not renders:
        return facts
    missing = scripts_without_font()
    facts["fonts_missing"] = None if missing is None else ", ".join(missing)
    try:
        facts["sandbox"] = settle_sandbox(settings.chromium_sandbox, settings.chromium)
    except ConfigError as error:
        print(error.message, file=sys.stderr, flush=True)  # noqa: T201 - as a wrong setting's
        sys.exit(EX_CONFIG)
    return facts


def _connect_children(runner: JobRunner, browser: BrowserHolder) -> None:
    homes: list[Path] = []
    tallies = browser.gate.tallies
    beating: list[Heartbeat] = []
    folder = Path(tempfile.gettempdir())

    @signals.worker_process_init.connect(weak=False)
    def start(**_: object) -> None:
        if current_process().name == "MainProcess":
            return
        # So that a hard limit kills the driver with the child, and a Ctrl-C in the
        # terminal reaches the main process alone, which stops its children in order.
        os.setpgid(0, 0)
        beating.append(Heartbeat(None, Vitals(runner, browser, tallies).beat))
        beating[0].start()
        # Last, for it may fail where the disk is full; the job says so then.
        homes.append(move_in())
        Reaper(folder).reap()

    @signals.worker_process_shutdown.connect(weak=False)
    def end(pid: int, **_: object) -> None:
        with runner.watchdog.over(Deadline(_CLOSE_S), browser.kill):
            browser.close()
        runner.traces.close()
        for home in homes:
            shutil.rmtree(home, ignore_errors=True)
        for heartbeat in beating:
            heartbeat.stop()
        with suppress(BackendUnavailable):
            runner.farm.workers.child_left(runner.worker, pid)
            tallies.hand_over(runner.farm.statistics)
