"""The commands ``farm cancel`` and ``farm watch``, for jobs and for batches alike."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from farm.client.batches import Batch
from farm.client.errors import JobNotSucceeded, RequestInvalid, WaitTimedOut
from farm.client.exit_codes import ExitCode
from farm.client.http import FarmClient
from farm.client.output import plain, print_line
from farm.client.progress import counting_display
from farm.jobs.batches.views import BatchView
from farm.jobs.states import JobState
from farm.jobs.views import JobView

_LOOK_EVERY_S = 1
_lines_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, line by line.")


@click.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@_lines_option
@click.pass_obj
def cancel(client: FarmClient, /, ids: Sequence[str], *, as_json: bool) -> None:
    """Cancel jobs and batches, as far as they have not ended.

    What has ended stays as it is, and its files stay with the farm.
    """
    for each in ids:
        found = job_or_batch(client, each)
        view = found.cancel() if isinstance(found, Batch) else _cancelled(client, found)
        if as_json:
            print_line(view)
        else:
            click.echo(f"{plain(view.id)}  {view.state}")


@click.command()
@click.argument("id_", metavar="ID")
@_lines_option
@click.pass_context
def watch(ctx: click.Context, /, id_: str, *, as_json: bool) -> None:
    """Watch a job or a batch until it has ended.

    Ctrl-C ends the watching; the farm goes on.
    """
    found = job_or_batch(ctx.obj, id_)
    if isinstance(found, Batch):
        view = _watch_batch(found, as_json=as_json)
        has_all = view.succeeded == view.total
        ctx.exit(ExitCode.OK if has_all else ExitCode.SOME_FAILED)
    job = _watch_job(ctx.obj, found, as_json=as_json)
    if job.state is not JobState.SUCCEEDED:
        raise JobNotSucceeded(job)


def job_or_batch(client: FarmClient, id_: str) -> JobView | Batch:
    """Return the job or the batch of this id.

    Raises:
        RequestInvalid: There is neither.
    """
    try:
        return client.job(id_)
    except RequestInvalid as no_job:
        if no_job.code != "unknown_job":
            raise
        try:
            return client.existing_batch(id_)
        except RequestInvalid as no_batch:
            raise (no_job if no_batch.code == "unknown_batch" else no_batch) from None


def _cancelled(client: FarmClient, job: JobView) -> JobView:
    # One that has ended would be forgotten.
    return job if job.state.is_terminal else client.cancel(job.id) or job


def _watch_job(client: FarmClient, job: JobView, *, as_json: bool) -> JobView:
    seen: tuple[object, ...] = ()
    while True:
        now = (job.state, job.attempt, job.retries)
        if now != seen:
            attempt = f", attempt {job.attempt}" if job.attempt > 1 else ""
            print_line(job) if as_json else click.echo(f"{job.state}{attempt}")
        if job.state.is_terminal:
            return job
        seen = now
        try:
            # It rests where the farm has no place to wait in and answers at once.
            job = client.wait(job, timeout_s=_LOOK_EVERY_S)
        except WaitTimedOut as still:
            job = still.job


def _watch_batch(batch: Batch, *, as_json: bool) -> BatchView:
    with _Watching(as_json=as_json).begun() as watching:
        for _ in batch.ended(watching.look):
            pass
    watching.look(batch.view)
    return batch.view


class _Watching:
    """Shows how a batch stands: as a bar, or a line each time that it has changed."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._said = ""
        self._display = counting_display() if sys.stderr.isatty() and not as_json else None

    @contextmanager
    def begun(self) -> Iterator["_Watching"]:
        """Show it for the block."""
        if self._display is not None:
            with self._display:
                self._display.add_task("", total=None, said="")
                yield self
            self._display = None
        else:
            yield self

    def look(self, view: BatchView) -> None:
        """Take how it stands now."""
        said = in_words(view)
        if self._display is not None:
            ended = view.total - view.queued - view.running
            for task in self._display.task_ids:
                self._display.update(task, total=view.total, completed=ended, said=said)
        elif self._as_json and said != self._said:
            print_line(view)
        elif said != self._said:
            click.echo(plain(said))
        self._said = said


def in_words(view: BatchView) -> str:
    """Return how a batch stands, on one line."""
    codes = ", ".join(f"{code} {count:,}" for code, count in view.failures_by_code.items())
    counts = {
        "succeeded": view.succeeded,
        "running": view.running,
        "queued": view.queued,
        "failed": view.failed,
        "cancelled": view.cancelled,
    }
    parts = [f"{count:,} {name}" for name, count in counts.items() if count]
    if codes:
        parts.append(f"({codes})")
    if view.rate_per_min > 0 and view.queued + view.running:
        parts.append(f"{view.rate_per_min:,.0f}/min")
    if view.eta_s:
        parts.append(f"{view.eta_s // 60:,}:{view.eta_s % 60:02} left")
    return f"{view.state}  {'  '.join(parts)}".rstrip()
