"""The commands ``farm pressure`` and ``farm workers``: how busy the farm is, and who works."""

from collections.abc import Iterator, Sequence

import click

from farm.client.http import FarmClient
from farm.client.output import STDOUT, plain, print_json
from farm.client.tables import Paper, columns
from farm.jobs.farm_views import ChildView, WorkerView

_QUEUES_HEAD = ("queue", "queued", "limit", "running", "oldest waits", "ended per minute")
_WORKERS_HEAD = ("worker", "queues", "pid", "jobs done", "memory", "browser", "job")
_NONE = "-"
_MEGA = 1_000_000

_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@_json_option
@click.pass_obj
def pressure(client: FarmClient, /, *, as_json: bool) -> None:
    """Show how busy the farm is, and whether it takes further jobs."""
    found = client.pressure()
    if as_json:
        print_json(found)
        return
    rows = [
        (
            plain(name),
            f"{queue.queued:,}",
            f"{queue.limit:,}",
            f"{queue.running:,}",
            _NONE if queue.oldest_wait_s is None else f"{queue.oldest_wait_s:,.1f} s",
            f"{queue.ended_per_min:,.1f}",
        )
        for name, queue in found.queues.items()
    ]
    _print(_QUEUES_HEAD, rows)
    click.echo("Takes further jobs." if found.accepting else f"Refuses: {plain(str(found.reason))}")


@click.command()
@_json_option
@click.pass_obj
def workers(client: FarmClient, /, *, as_json: bool) -> None:
    """Show the workers, a line for each process, and what it runs now."""
    found = client.workers()
    if as_json:
        print_json(found)
        return
    rows = [row for worker in found.items for row in _rows(worker)]
    if not rows:
        click.echo("No worker is alive.", err=True)
        return
    _print(_WORKERS_HEAD, rows)


def _rows(worker: WorkerView) -> Iterator[Sequence[str]]:
    who = (plain(worker.name), plain(",".join(worker.queues)))
    if not worker.children:
        yield (*who, *[_NONE] * (len(_WORKERS_HEAD) - len(who)))
    for child in worker.children:
        yield (*who, *_cells(child))


def _cells(child: ChildView) -> Iterator[str]:
    yield str(child.pid)
    yield f"{child.jobs_done:,}"
    yield f"{child.memory_bytes / _MEGA:,.0f} MB"
    unsafe = " without sandbox" if child.sandbox is False else ""
    yield plain(f"{child.browser_version or _NONE}{unsafe}")
    job = child.job
    again = f", attempt {job.attempt}" if job and job.attempt > 1 else ""
    yield plain(f"{job.kind} {job.id}{again}") if job else _NONE


def _print(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    for line in columns(head, rows, Paper.of(STDOUT)):
        click.echo(line)
