"""The command ``farm``: the client, for shells and people."""

import click

from farm.client.addresses import DEFAULT_URL
from farm.client.completion import completion
from farm.client.doctor import examine
from farm.client.errors import ClientError
from farm.client.exit_codes import ExitCode, exit_code_of
from farm.client.http import FarmClient
from farm.client.keys import keys
from farm.client.listing import jobs, retry
from farm.client.lists.commands import batch, shots
from farm.client.options import json_option
from farm.client.output import print_error, print_job, print_json, print_rows, speak_utf8
from farm.client.probing import probe
from farm.client.rendering import content, pdf, screenshot
from farm.client.server_doctor import examine_server
from farm.client.steering import cancel, watch
from farm.client.watching import pressure, workers
from farm.jobs.batches.views import RESULTS


class _Farm(click.Group):
    """Turns the errors that a caller can expect into a sentence and an exit code."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ClientError as error:
            print_error(error)
            ctx.exit(exit_code_of(error))
        except (KeyboardInterrupt, click.Abort):  # The second at a question.
            click.echo("Interrupted.", err=True)
            ctx.exit(ExitCode.INTERRUPTED)
        except BrokenPipeError:
            raise  # The reader has seen enough; click ends quietly.
        except OSError as error:
            print_error(error)
            ctx.exit(ExitCode.BAD_INPUT)


@click.group(cls=_Farm)
@click.option(
    "--url",
    envvar="FARM_URL",
    show_envvar=True,
    metavar="URL",
    help=f"The farm's address.  [default: {DEFAULT_URL}]",
)
@click.option("--key", envvar="FARM_KEY", show_envvar=True, help="The API key.")
@click.version_option(package_name="renderfarm", prog_name="farm")
@click.pass_context
def cli(ctx: click.Context, url: str | None, key: str | None) -> None:
    """Render web pages and probe media on a farm.

    Exit codes: 0 all good, 1 a job failed, 2 bad input or usage, 3 the farm
    cannot be reached, 4 refused (key, limit), 130 interrupted.
    """
    make_client = ctx.obj or FarmClient
    ctx.obj = ctx.with_resource(make_client(url, key))


for _command in (
    screenshot,
    pdf,
    content,
    probe,
    batch,
    shots,
    jobs,
    retry,
    cancel,
    watch,
    pressure,
    workers,
    keys,
    completion,
):
    cli.add_command(_command)


@cli.command()
@click.argument("job_id", metavar="ID")
@json_option
@click.pass_obj
def show(client: FarmClient, /, job_id: str, *, as_json: bool) -> None:
    """Show how a job stands."""
    (print_json if as_json else print_job)(client.job(job_id))


@cli.command()
@click.argument("about", metavar="ID")
@click.argument("name", required=False)
@click.option(
    "--expires-in",
    "expires_in_s",
    type=int,
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="For how long, a week at most.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the link as JSON.")
@click.pass_obj
def link(
    client: FarmClient,
    /,
    about: str,
    name: str | None,
    *,
    expires_in_s: int,
    as_json: bool,
) -> None:
    """Print a link with which anybody can read an artifact for a while.

    NAME is one of the job's artifacts; without it the link is to its result. With the ID of
    a batch it is results.ndjson, results.csv, archive.zip or report.html.
    """
    if name in RESULTS:
        made = client.existing_batch(about).link(name, expires_in_s=expires_in_s)
    else:
        if name is None:
            # Where there is none, the farm says why.
            artifacts = client.job(about).artifacts
            name = artifacts[0].name if artifacts else "result"
        made = client.link(about, name, expires_in_s=expires_in_s)
    if as_json:
        print_json(made)
        return
    click.echo(made.url)


@cli.command()
@click.option("--server", is_flag=True, help="Look at the running farm alone, and more closely.")
@click.pass_context
def doctor(ctx: click.Context, *, server: bool) -> None:
    """Check the farm and what of it is installed here, and say what to do.

    Exit codes: 0 all is well, or there are warnings at most; 1 something is wrong; 3 the farm
    cannot be reached; 4 the key does not let one look (it takes farm:read).
    """
    rows, code = (examine_server if server else examine)(ctx.obj)
    print_rows(rows)
    ctx.exit(code)


def main() -> None:
    """Run the command with the arguments of this process."""
    speak_utf8()
    cli(prog_name="farm")
