"""The Celery shells: a job id in, a call of the runner, nothing else."""

from collections.abc import Callable

from celery import Celery, Task

from farm.backends.celery_queue import CHECK_BROWSER
from farm.jobs.specs.requests import SPECS
from tasks.runner import JobRunner


def register(app: Celery, runner: JobRunner, check_browser: Callable[[], None]) -> None:
    """Give ``app`` one task per kind, by the kind's name, and the browser check."""
    for kind in SPECS:
        app.task(name=kind, bind=True)(_shell(runner))
    app.task(name=CHECK_BROWSER)(check_browser)


def _shell(runner: JobRunner) -> "Callable[[Task[..., None], str], None]":
    def shell(task: "Task[..., None]", job_id: str) -> None:
        runner.run(job_id, redeliveries=task.request.retries)

    return shell
