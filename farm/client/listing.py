"""The commands ``farm jobs`` and ``farm retry``: find jobs again, and queue them once more."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import click

from farm.client import values
from farm.client.errors import RequestInvalid
from farm.client.exit_codes import ExitCode
from farm.client.http import FarmClient
from farm.client.options import given
from farm.client.output import STDOUT, plain, print_error, print_line
from farm.client.steering import job_or_batch
from farm.client.tables import Paper, columns
from farm.jobs.batches.views import BatchView
from farm.jobs.specs.requests import SPECS
from farm.jobs.states import JobState
from farm.jobs.views import JobView

_NONE_FOUND = "There are no such jobs."
_HEAD = ("id", "kind", "state", "created", "failure", "source")


def _text(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    try:
        return value and values.encodable(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _host(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    text = _text(ctx, param, value)
    return text and text.lower()  # As the farm has it.


def _secrets(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> Mapping[str, Any] | None:
    try:
        found = values.json_value(value) if value is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    if found is not None and not isinstance(found, dict):
        raise click.BadParameter('That is not like {"extra_http_headers": {...}}.')
    return found


_kind_option = click.option(
    "--kind", type=click.Choice(list(SPECS)), help="Only jobs of this kind."
)
_batch_option = click.option(
    "--batch", metavar="ID", callback=_text, help="Only jobs of this batch."
)
_tag_option = click.option("--tag", callback=_text, help="Only jobs with this tag.")
_host_option = click.option("--host", callback=_host, help="Only jobs whose URL has this host.")
_error_option = click.option(
    "--error", metavar="CODE", callback=_text, help="Only jobs that failed with this code."
)
_lines_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, one line for each job."
)


@click.command()
@click.option(
    "--state",
    type=click.Choice([state.value for state in JobState]),
    help="Only jobs in this state.",
)
@_kind_option
@_batch_option
@_tag_option
@_host_option
@_error_option
@click.option(
    "--limit", type=click.IntRange(1), default=50, show_default=True, help="How many at most."
)
@_lines_option
@click.pass_obj
def jobs(client: FarmClient, /, *, limit: int, as_json: bool, **wanted: str | None) -> None:
    """List jobs, the newest first.

    All that is given must hold. --error worker_lost lists the dead ones: those
    that were given up on after all their attempts.
    """
    found = islice(client.all_jobs(**given(wanted)), limit)
    if as_json:
        for job in found:
            print_line(job)
        return
    rows = [_cells(job) for job in found]
    if not rows:
        click.echo(_NONE_FOUND, err=True)
        return
    for line in columns(_HEAD, rows, Paper.of(STDOUT)):
        click.echo(line)


@click.command()
@click.argument("job_ids", metavar="[ID]...", nargs=-1)
@_error_option
@_kind_option
@_batch_option
@_tag_option
@_host_option
@click.option("--limit", type=click.IntRange(1), help="How many at most, the newest first.")
@click.option(
    "--secrets",
    metavar="JSON",
    callback=_secrets,
    help="Headers, cookies and the like that the jobs had, by field: the farm dropped them "
    "when they ended. @FILE keeps them out of the shell's history.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@_lines_option
@click.pass_context
def retry(
    ctx: click.Context,
    /,
    job_ids: Sequence[str],
    *,
    limit: int | None,
    secrets: Mapping[str, Any] | None,
    yes: bool,
    as_json: bool,
    **wanted: str | None,
) -> None:
    """Queue failed or cancelled jobs again, as the same jobs.

    Name them by ID, or a batch for all of it that has failed; or with --error all
    that failed with it, worker_lost for the dead ones. Then they are counted
    first, and you are asked.
    """
    if bool(job_ids) == (wanted["error"] is not None):
        raise click.UsageError("Give IDs, or --error and what else the jobs must have.")
    if job_ids and (given(wanted) or limit):
        raise click.UsageError("An ID says which job; leave the other options out.")
    if not job_ids:
        # All of them before the first goes: one that fails again must not be met twice.
        found = islice(ctx.obj.all_jobs(**given(wanted)), limit)
        job_ids = [job.id for job in found]
        if not job_ids:
            click.echo(_NONE_FOUND, err=True)
        elif not (yes or _agreed(len(job_ids), wanted["error"])):
            click.echo("Nothing was queued.", err=True)
            return
    ctx.exit(_queue_again(ctx.obj, job_ids, secrets, as_json=as_json))


def _queue_again(
    client: FarmClient,
    job_ids: Sequence[str],
    secrets: Mapping[str, Any] | None,
    *,
    as_json: bool,
) -> ExitCode:
    """Queue the jobs; one that cannot be queued keeps no other from it."""
    code = ExitCode.OK
    for job_id in job_ids:
        try:
            found = _retried(client, job_id, secrets)
        except RequestInvalid as error:
            if len(job_ids) == 1:
                raise
            print_error(error)
            code = ExitCode.SOME_FAILED
            continue
        if as_json:
            print_line(found)
        else:
            click.echo(f"{plain(found.id)}  {found.state}")
    return code


def _retried(
    client: FarmClient, id_: str, secrets: Mapping[str, Any] | None
) -> JobView | BatchView:
    try:
        return client.retry(id_, secrets=secrets)
    except RequestInvalid as error:
        if error.code != "unknown_job":
            raise
        found = job_or_batch(client, id_)
        if isinstance(found, JobView):
            raise
        return found.retry_failed()


def _agreed(count: int, error: str | None) -> bool:
    some = "1 job that has" if count == 1 else f"{count:,} jobs that have"
    return click.confirm(f"Queue {some} failed with {error} again?", err=True)


def _cells(job: JobView) -> Sequence[str]:
    failure = job.failure.code if job.failure else "-"
    source = next((job.spec[name] for name in ("url", "upload_id") if name in job.spec), "-")
    cells = (job.id, job.kind, job.state, _second(job.created_at), failure, source)
    return [plain(str(cell)) for cell in cells]


def _second(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"
