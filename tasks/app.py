"""The wiring of a worker: one module owns Celery and its settings."""

import os
from collections.abc import Mapping
from typing import Any

from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded

from farm.backends.amqp_queue import AMQP_SETTINGS
from farm.backends.assembly import assemble_from
from farm.backends.celery_queue import BROKER_SETTINGS, redis_settings
from farm.backends.traces import traces_to
from farm.jobs.ladder import Ladder
from farm.jobs.specs.media import PROBE_TIMEOUT_MAX_MS
from farm.jobs.workers import BrowserCheck
from tasks.egress.client import Gate
from tasks.entrypoints import register
from tasks.identity import identity
from tasks.kombu_fix import repair_kombu
from tasks.lifecycle import Parts, connect_signals
from tasks.media.probe import Probes
from tasks.pages.ads import INSTALLED
from tasks.pages.browser import BrowserHolder
from tasks.pages.check import open_a_page
from tasks.pages.render import Pages
from tasks.runner import JobRunner, Room
from tasks.settings import WorkerSettings
from tasks.submissions import Submissions

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
    "worker_consumer": "tasks.consumer:BatchingConsumer",
    "task_send_sent_event": False,
    "worker_hijack_root_logger": False,
    "worker_lost_wait": 10,
    "worker_eta_task_limit": 200,  # the second before a resend is spent in the worker's memory
}

_RESTORING: Mapping[str, Any] = {
    # Messages of a dead worker: looked for often, by whichever worker is alive.
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "unacked_mutex_expire": 30,
}


def make_celery(settings: WorkerSettings) -> Celery:
    """Return the Celery app of a worker. Nothing is connected or launched yet."""
    repair_kombu()
    app = Celery("farm", broker=settings.broker_url)
    if settings.broker_url:
        app.conf.update(AMQP_SETTINGS)
    else:
        app.conf.update(BROKER_SETTINGS)
        app.conf.update(redis_settings(settings.redis_url, socket_timeout_s=30, options=_RESTORING))
    app.conf.update(WORKER_SETTINGS)
    app.conf.update(worker_concurrency=settings.concurrency)
    farm = assemble_from(settings, waiters_max=0)
    keeper = settings.keeper()
    gate = Gate(keeper.control)
    browser = BrowserHolder(settings.chromium, settings.chromium_sandbox, gate)
    pages = Room(
        Pages(browser, settings.easylist or INSTALLED).run, kill=browser.kill, rest=browser.rest
    )
    runner = JobRunner(
        farm=farm,
        kinds={
            "screenshot": pages,
            "pdf": pages,
            "content": pages,
            "probe": Room(Probes(farm.uploads, gate).run),
        },
        worker=identity(),
        overtime=SoftTimeLimitExceeded,
        traces=traces_to(settings.otlp_endpoint, "renderfarm-worker"),
    )

    def check_browser() -> None:
        _check_browser(runner, browser)

    register(app, runner, Submissions(farm), check_browser)
    connect_signals(app, settings, Parts(runner, browser, keeper))
    return app


def _check_browser(runner: JobRunner, browser: BrowserHolder) -> None:
    open_a_page(browser, runner.watchdog)
    farm = runner.farm
    farm.workers.browser_opened(
        BrowserCheck(
            at=farm.clock.now(),
            worker=f"{runner.worker}/{os.getpid()}",
            version=browser.version or "none",
            sandbox=browser.has_sandbox,
        )
    )
