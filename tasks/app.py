"""The wiring of a worker: one module owns Celery, its settings and its signals."""

import os
import platform
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from billiard import current_process
from celery import Celery, signals
from celery.exceptions import SoftTimeLimitExceeded

from farm.backends import logs
from farm.backends.assembly import assemble
from farm.backends.celery_queue import BROKER_SETTINGS, transport_options
from farm.jobs.errors import BackendUnavailable
from farm.jobs.ladder import Ladder
from farm.jobs.service import JobService
from farm.jobs.specs.media import PROBE_TIMEOUT_MAX_MS
from farm.jobs.workers import BrowserCheck, Worker
from tasks.entrypoints import register
from tasks.heartbeat import TTL_S, Heartbeat
from tasks.media.probe import Probes
from tasks.pages.ads import INSTALLED
from tasks.pages.browser import BrowserHolder
from tasks.pages.check import open_a_page
from tasks.pages.render import Pages
from tasks.runner import JobRunner
from tasks.settings import WorkerSettings

_CEILING = Ladder(PROBE_TIMEOUT_MAX_MS / 1000)

WORKER_SETTINGS: Mapping[str, Any] = {
    # A message is acknowledged when its job is done, however it ended: the ledger
    # decides what is to be done again, not Celery.
    "task_acks_late": True,
    "task_acks_on_failure": True,
    "task_acks_on_timeout": True,
    # A child that died: Celery sends its message once more, a second later, with
    # `retries` one higher. How often is bounded by the job's own max_attempts, so
    # this bound is only the highest of those.
    "task_reject_on_worker_lost": False,
    "task_retry_on_worker_lost": True,
    "task_annotations": {"*": {"max_retries": 10, "default_retry_delay": 1}},
    # Nets under each message's own limits.
    "task_soft_time_limit": _CEILING.soft_limit_s,
    "task_time_limit": _CEILING.hard_limit_s,
    "worker_prefetch_multiplier": 1,
    "worker_proc_alive_timeout": 60,  # a busy machine starts children slowly
    "worker_max_tasks_per_child": 2000,
    # After a lost connection the message comes again while its job still runs; the
    # ledger drops the second one, so the first may go on.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "worker_send_task_events": True,  # for Flower
    "task_send_sent_event": False,
    "worker_hijack_root_logger": False,
    "worker_lost_wait": 10,
    "worker_eta_task_limit": 200,  # the second before a resend is spent in the worker's memory
}


def make_celery(settings: WorkerSettings) -> Celery:
    """Return the Celery app of a worker. Nothing is connected or launched yet."""
    app = Celery("farm", broker=settings.redis_url)
    app.conf.update(BROKER_SETTINGS)
    app.conf.update(WORKER_SETTINGS)
    app.conf.update(
        worker_concurrency=settings.concurrency,
        broker_transport_options={
            **transport_options(socket_timeout_s=30),
            # Messages of a dead worker: looked for often, by whichever worker is alive.
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "unacked_mutex_expire": 30,
        },
    )
    farm = assemble(settings.redis_url, settings.uploads_dir, waiters_max=0)
    browser = BrowserHolder(settings.chromium, settings.chromium_sandbox)
    pages = Pages(browser, settings.easylist or INSTALLED).run
    runner = JobRunner(
        farm=farm,
        kinds={
            "screenshot": pages,
            "pdf": pages,
            "content": pages,
            "probe": Probes(farm.uploads).run,
        },
        worker=socket.gethostname(),
        overtime=SoftTimeLimitExceeded,
    )

    def check_browser() -> None:
        _check_browser(farm, browser)

    register(app, runner, check_browser)
    _connect_signals(app, settings, farm, browser)
    return app


def _check_browser(farm: JobService, browser: BrowserHolder) -> None:
    open_a_page(browser)
    farm.workers.browser_opened(
        BrowserCheck(
            at=farm.clock.now(),
            worker=f"{socket.gethostname()}/{os.getpid()}",
            version=browser.version,
            sandbox=browser.has_sandbox,
        )
    )


def _connect_signals(
    app: Celery, settings: WorkerSettings, farm: JobService, browser: BrowserHolder
) -> None:
    beating: dict[str, Heartbeat] = {}

    # `weak=False`: Celery would drop functions that only this scope knows.
    @signals.setup_logging.connect(weak=False)
    def set_up_logging(**_: object) -> None:
        logs.configure()

    @signals.worker_ready.connect(weak=False)
    def start_beating(sender: Any, **_: object) -> None:  # noqa: ANN401 - Celery's Consumer
        worker = Worker(
            name=sender.hostname,
            queues=tuple(sorted(app.amqp.queues.consume_from)),
            pid=os.getpid(),
            concurrency=settings.concurrency,
            started_at=farm.clock.now(),
            facts={"python": platform.python_version(), "host": socket.gethostname()},
        )
        heartbeat = Heartbeat(
            settings.heartbeat_file, lambda: farm.workers.beat(worker, ttl_s=TTL_S)
        )
        heartbeat.start()
        beating[worker.name] = heartbeat

    @signals.worker_shutdown.connect(weak=False)
    def stop_beating(**_: object) -> None:
        for name, heartbeat in beating.items():
            heartbeat.stop()
            with suppress(BackendUnavailable):  # Else the last beat expires by itself.
                farm.workers.leave(name)

    @signals.worker_process_init.connect(weak=False)
    def lead_a_group(**_: object) -> None:
        # So that a hard limit kills the driver with the child, and a Ctrl-C in the
        # terminal reaches the main process alone, which stops its children in order.
        if current_process().name != "MainProcess":
            os.setpgid(0, 0)

    @signals.worker_process_shutdown.connect(weak=False)
    def close_browser(**_: object) -> None:
        browser.close()
