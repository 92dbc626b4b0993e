"""The command ``farm``: the client, for shells and people."""

import json
import re
from pathlib import Path
from typing import Any, get_args

import click

from farm.client.doctor import examine
from farm.client.errors import ClientError, JobNotSucceeded
from farm.client.exit_codes import ExitCode, exit_code_of
from farm.client.http import DEFAULT_URL, FarmClient, is_web_url
from farm.client.output import (
    STDOUT,
    print_error,
    print_job,
    print_json,
    print_rows,
    speak_utf8,
    upload_progress,
    write_bytes,
)
from farm.jobs.specs import ImageType, WaitUntil

_TYPES = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


def _viewport(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> dict[str, int] | None:
    if value is None:
        return None
    match = re.fullmatch(r"([0-9]+)x([0-9]+)", value)
    if match is None:
        raise click.BadParameter(f"{value!r} is not like 1280x800.")
    return {"width": int(match[1]), "height": int(match[2])}


def _writable(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """Refuse an output that cannot be, before the farm does any work for it."""
    folder = Path(value).parent
    if value != STDOUT and not folder.is_dir():
        raise click.BadParameter(f"There is no folder {str(folder)!r}.")
    if value != STDOUT and Path(value).is_dir():
        raise click.BadParameter(f"{value!r} is a folder.")
    return value


class _Farm(click.Group):
    """Turns the errors that a caller can expect into a sentence and an exit code."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ClientError as error:
            print_error(error)
            ctx.exit(exit_code_of(error))
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(ExitCode.INTERRUPTED)
        except BrokenPipeError:
            raise  # The reader has seen enough; click ends quietly.
        except OSError as error:
            print_error(error)
            ctx.exit(ExitCode.BAD_INPUT)


_timeout = click.option(
    "--timeout",
    type=int,
    metavar="MS",
    help="Milliseconds for the whole job.  [default: 30000]",
)


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


@cli.command()
@click.argument("url")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    callback=_writable,
    required=True,
    help="Where to write the picture; - is stdout.",
)
@click.option(
    "--type",
    type=click.Choice(get_args(ImageType)),
    help="The picture's type.  [default: by the name of the file]",
)
@click.option("--full-page", is_flag=True, default=None, help="The page from top to bottom.")
@click.option(
    "--viewport",
    metavar="WIDTHxHEIGHT",
    callback=_viewport,
    help="CSS pixels.  [default: 1280x800]",
)
@click.option("--quality", type=int, help="0 to 100, for jpeg and webp.  [default: 80]")
@click.option(
    "--wait-until",
    type=click.Choice(get_args(WaitUntil)),
    help="What must have happened before the shot.  [default: load]",
)
@_timeout
@click.option("--json", "as_json", is_flag=True, help="Print the job as JSON.")
@click.pass_obj
def screenshot(
    client: FarmClient, /, url: str, output: str, *, as_json: bool, **options: object
) -> None:
    """Take a picture of the page at URL."""
    if as_json and output == STDOUT:
        raise click.UsageError("--json and -o - both write to stdout.")
    options["type"] = options["type"] or _type_of(output)
    spec = {"kind": "screenshot", "url": url, **_given(options)}
    try:
        job = client.run(spec)
    except JobNotSucceeded as error:
        if as_json:
            print_json(error.job)
        raise
    name = job.artifacts[0].name
    if output == STDOUT:
        write_bytes(STDOUT, client.artifact(job.id, name))
    else:
        client.save_artifact(job, name, output)
    if as_json:
        print_json(job)


@cli.command()
@click.argument("source", metavar="FILE|URL")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    callback=_writable,
    default=STDOUT,
    help="Where to write the report.  [default: stdout]",
)
@_timeout
@click.pass_obj
def probe(client: FarmClient, /, source: str, output: str, **options: object) -> None:
    """Print what ffprobe says about a media file, as JSON.

    A FILE is uploaded, and dropped from the farm once it has been probed.
    """
    if not is_web_url(source) and not Path(source).is_file():
        raise click.BadParameter(f"{source!r} is no file and no http or https URL.")
    with upload_progress(Path(source).name) as on_progress:
        report = client.probe(source, on_progress=on_progress, **_given(options))
    text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
    # Half a surrogate pair, which JSON can name, has no UTF-8; it stays an escape.
    write_bytes(output, text.encode(errors="backslashreplace"))


@cli.command()
@click.argument("job_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print the job as JSON.")
@click.pass_obj
def show(client: FarmClient, /, job_id: str, *, as_json: bool) -> None:
    """Show how a job stands."""
    (print_json if as_json else print_job)(client.job(job_id))


@cli.command()
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Check the farm and what of it is installed here, and say what to do."""
    rows, code = examine(ctx.obj)
    print_rows(rows)
    ctx.exit(code)


def main() -> None:
    """Run the command with the arguments of this process."""
    speak_utf8()
    cli(prog_name="farm")


def _given(options: dict[str, object]) -> dict[str, Any]:
    """Return the spec's fields that were named; the farm knows the defaults of the rest."""
    return {name: value for name, value in options.items() if value is not None}


def _type_of(output: str) -> str:
    found = _TYPES.get(Path(output).suffix.lower())
    if found is None:
        known = ", ".join(_TYPES)
        raise click.UsageError(f"Give --type, or an output file that ends in one of: {known}.")
    return found
