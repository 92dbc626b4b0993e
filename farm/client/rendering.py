"""The commands ``farm screenshot``, ``farm pdf`` and ``farm content``: one page each."""

import sys
from pathlib import Path
from typing import Any

import click

from farm.client import values
from farm.client.answers import parsed_result
from farm.client.errors import JobNotSucceeded
from farm.client.http import FarmClient
from farm.client.options import (
    GroupedCommand,
    given,
    json_option,
    output_option,
    spec_options,
)
from farm.client.output import STDOUT, print_json, print_warnings, write_bytes, write_json
from farm.client.saving import PICTURE_TYPES, check_file_name
from farm.client.steps import is_web_url
from farm.jobs.specs.content import ContentSpec
from farm.jobs.specs.pdf import PdfSpec
from farm.jobs.specs.requests import Kind
from farm.jobs.specs.screenshot import ScreenshotSpec
from farm.jobs.views import JobView

_SOURCE_FIELDS = ("url", "html")
_STDIN = "-"


_RULES = (
    "SOURCE is an http or https URL, an HTML file, or - for HTML from stdin.",
    (
        "TEXT, VALUE and JSON may be @FILE, which stands for what is in the file; @@ stands for "
        "an @ at the beginning. A [repeatable] option takes one value each time, and A,B,... is "
        "a list with commas. What is not given has the farm's default."
    ),
)


class _PageCommand(GroupedCommand):
    """A command whose help begins with what its SOURCE and its values may be."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the rules of all page kinds below the command's own sentence."""
        super().format_help_text(ctx, formatter)
        for rule in _RULES:
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(rule)


def _source(_ctx: click.Context, _param: click.Parameter, value: str) -> dict[str, str]:
    """Return the page as the field of the spec that it is."""
    try:
        if is_web_url(value):
            return {"url": values.encodable(value)}
        if value == _STDIN:
            return {"html": values.decoded(sys.stdin.buffer.read(), "standard input")}
        if Path(value).is_file():
            return {"html": values.file_text(value)}
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    raise click.BadParameter(f"{value!r} is no file and no http or https URL.")


_source_argument = click.argument("source", callback=_source)
_artifacts_option = click.option(
    "--artifacts",
    "folder",
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where to put what --collect keeps, as page.html and so on.  [default: beside the "
    "output; with shot.png that is shot.page.html]",
)


@click.command(cls=_PageCommand)
@_source_argument
@output_option("Where to write the picture; - is stdout.", required=True)
@_artifacts_option
@json_option
@spec_options(
    ScreenshotSpec, leave_out=_SOURCE_FIELDS, defaults={"type": "by the name of the file"}
)
@click.pass_obj
def screenshot(client: FarmClient, /, output: str, **options: Any) -> None:  # noqa: ANN401 - click's
    """Take a picture of the page at SOURCE."""
    options["type"] = options["type"] or _type_of(output)
    _render(client, "screenshot", output, **options)


@click.command(cls=_PageCommand)
@_source_argument
@output_option("Where to write the PDF; - is stdout.", required=True)
@_artifacts_option
@json_option
@spec_options(PdfSpec, leave_out=_SOURCE_FIELDS)
@click.pass_obj
def pdf(client: FarmClient, /, output: str, **options: Any) -> None:  # noqa: ANN401 - click's
    """Print the page at SOURCE to a PDF."""
    _render(client, "pdf", output, **options)


@click.command(cls=_PageCommand)
@_source_argument
@output_option("Where to write the content.  [default: stdout]", default=STDOUT)
@_artifacts_option
@json_option
@spec_options(ContentSpec, leave_out=_SOURCE_FIELDS)
@click.pass_obj
def content(client: FarmClient, /, output: str, **options: Any) -> None:  # noqa: ANN401 - click's
    """Print what the page at SOURCE says, as JSON: HTML, text, links and more."""
    _render(client, "content", output, **options)


def _render(
    client: FarmClient,
    kind: Kind,
    output: str,
    *,
    source: dict[str, str],
    folder: Path | None,
    as_json: bool,
    **options: object,
) -> None:
    if as_json and output == STDOUT:
        raise click.UsageError("--json and an output to stdout do not go together; give -o FILE.")
    if options["collect"] and output == STDOUT and folder is None:
        raise click.UsageError("Give --artifacts, for --collect has no output to be put beside.")
    try:
        job = client.run({"kind": kind, **source, **given(options)})
    except JobNotSucceeded as error:
        print_warnings(error.job)
        if as_json:
            print_json(error.job)
        raise
    print_warnings(job)
    _save_result(client, job, output)
    _save_further(client, job, output, folder)
    if as_json:
        print_json(job)


def _save_result(client: FarmClient, job: JobView, output: str) -> None:
    name = job.artifacts[0].name
    if job.kind == "content":
        write_json(output, parsed_result(job, client.result(job.id)))
    elif output == STDOUT:
        write_bytes(STDOUT, client.artifact(job.id, name))
    else:
        client.save_artifact(job, name, output)


def _save_further(client: FarmClient, job: JobView, output: str, folder: Path | None) -> None:
    for artifact in job.artifacts[1:]:
        check_file_name(artifact.name)
        if folder is not None:
            client.save_artifact(job, artifact.name, folder / artifact.name)
        elif output != STDOUT:
            beside = Path(output).with_name(f"{Path(output).stem}.{artifact.name}")
            client.save_artifact(job, artifact.name, beside)


def _type_of(output: str) -> str:
    found = PICTURE_TYPES.get(Path(output).suffix.lower())
    if found is None:
        known = ", ".join(PICTURE_TYPES)
        raise click.UsageError(f"Give --type, or an output file that ends in one of: {known}.")
    return found
