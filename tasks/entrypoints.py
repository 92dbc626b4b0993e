"""The Celery shells: a job id in, a call of the runner, nothing else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from celery import Celery, Task

from farm.backends.celery_queue import CHECK_BROWSER
from farm.jobs.errors import FarmError
from farm.jobs.specs.requests import SPECS
from tasks.runner import JobRunner

_log = structlog.get_logger(__name__)


def register(app: Celery, runner: JobRunner, check_browser: Callable[[], None]) -> None:
    """Give ``app`` one task per kind, by the kind's name, and the browser check."""

    def check() -> None:
        with _kept_here():
            check_browser()

    for kind in SPECS:
        app.task(name=kind, bind=True, shared=False)(_shell(runner))
    app.task(name=CHECK_BROWSER, shared=False)(check)


def _shell(runner: JobRunner) -> "Callable[[Task[..., None], str], None]":
    def shell(task: "Task[..., None]", job_id: str) -> None:
        with _kept_here():
            runner.run(job_id, redeliveries=task.request.retries)

    return shell


@contextmanager
def _kept_here() -> Iterator[None]:
    """Log an error of the farm's own instead of raising it.

    Celery's main process has no use for it: the ledger decides what is done again. And it
    would be sent there with its traceback, through a pipe. A time limit that strikes while
    that is full leaves half a message behind, and the next one ends the whole worker.
    """
    try:
        yield
    except FarmError as error:
        _log.error("left", code=error.code, why=error.message)
