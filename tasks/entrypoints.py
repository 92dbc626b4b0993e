"""The Celery shells: a job id in, a call of the runner, nothing else. And one for callers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from celery import Celery, Task
from celery.worker.request import Request

from farm.backends.celery_queue import CHECK_BROWSER
from farm.jobs.errors import BackendUnavailable, FarmError, QueueFull
from farm.jobs.specs.requests import SPECS
from tasks.runner import JobRunner
from tasks.submissions import Submissions

SUBMIT = "submit"
"""Name of the task that makes a job of a spec."""

_AGAIN_S = 5
_TRIES_MAX = 1_000_000

_log = structlog.get_logger(__name__)


class DiscreetRequest(Request):
    """A message whose arguments are nobody's business: a spec may hold secrets."""

    @property
    def argsrepr(self) -> str:
        """What Flower and logs are told."""
        return "(a spec)"

    @property
    def kwargsrepr(self) -> str:
        """What Flower and logs are told."""
        return "{}"

    def info(self, safe: bool = False) -> Any:  # noqa: ANN401, ARG002, FBT001, FBT002 - Celery's
        """Return what is said of it to whoever inspects the worker."""
        return {**super().info(safe=True), "args": self.argsrepr, "kwargs": self.kwargsrepr}


def register(
    app: Celery,
    runner: JobRunner,
    submissions: Submissions,
    check_browser: Callable[[], None],
) -> None:
    """Give ``app`` a task per kind, by the kind's name, the browser check, and ``submit``."""

    def check() -> None:
        with _kept_here():
            check_browser()

    for kind in SPECS:
        app.task(name=kind, bind=True, shared=False)(_shell(runner))
    app.task(name=CHECK_BROWSER, shared=False)(check)
    submit = app.task(name=SUBMIT, bind=True, shared=False, Request=DiscreetRequest)
    submit(_submit(submissions))


def _shell(runner: JobRunner) -> "Callable[[Task[..., None], str], None]":
    def shell(task: "Task[..., None]", job_id: str) -> None:
        with _kept_here():
            runner.run(job_id, redeliveries=task.request.retries)

    return shell


def _submit(submissions: Submissions) -> "Callable[..., None]":
    def submit(task: "Task[..., None]", spec: object, key_id: str | None = None) -> None:
        job_id = str(task.request.id)
        with structlog.contextvars.bound_contextvars(job_id=job_id), _kept_here():
            try:
                submissions.submit(job_id, spec, key_id)
            except (QueueFull, BackendUnavailable) as error:
                after_s = error.retry_after_s if isinstance(error, QueueFull) else _AGAIN_S
                # Practically without end: nobody hears of it who could try again.
                raise task.retry(exc=error, countdown=after_s, max_retries=_TRIES_MAX) from error

    return submit


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
