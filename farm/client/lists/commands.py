"""The commands ``farm batch`` and ``farm shots``: a list goes in, a folder of results comes out."""

import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from farm.client.errors import FarmUnavailable, FarmUnreachable
from farm.client.exit_codes import ExitCode
from farm.client.lists import manifest as manifests
from farm.client.lists.entries import BadLine, Entry
from farm.client.lists.formats import FORMATS, Reading, decoded, format_of, read_list
from farm.client.lists.items import Item, Wanted, apart, wanted
from farm.client.lists.names import URL_FIELDS, Template
from farm.client.lists.options import ListCommand, folder_option, list_options
from farm.client.lists.run import Run, Stopped, Wishes
from farm.client.lists.standing import known_paths
from farm.client.lists.telling import Telling
from farm.client.options import given
from farm.client.output import plain

_STDIN = "-"
_SHOWN_MAX = 20
"""Lines that one message names; a list may have thousands that are wrong alike."""
_OWN = ("folder", "quiet", "as_json", "resume", "skip_invalid")
_OF_RUN = ("retry_failed", "fail_fast", "patience_s")
_OF_BATCHES = ("per_host_concurrency", "per_host_delay", "max_failures")


def _template(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Template | None:
    try:
        return None if value is None else Template(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _source(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    if value != _STDIN and not Path(value).is_file():
        raise click.BadParameter(f"There is no file {value!r}.")
    return value


@click.command(cls=ListCommand)
@click.argument("source", metavar="LIST", callback=_source)
@folder_option(required=True)
@click.option(
    "--name",
    "template",
    metavar="TEMPLATE",
    callback=_template,
    help="How to name files, as {number:04}-{host}.png or {column}; / leads into a folder. There "
    f"are {', '.join(f'{{{field}}}' for field in URL_FIELDS)} and the list's columns.  "
    "[default: {name}]",
)
@click.option(
    "--input-format",
    "form",
    type=click.Choice(FORMATS),
    help="Of the list.  [default: by its name, else by its beginning]",
)
@list_options
@click.pass_context
def batch(
    ctx: click.Context,
    /,
    source: str,
    *,
    template: Template | None,
    form: Any,  # noqa: ANN401 - click's
    kind: str,
    ignored: Sequence[str],
    **options: Any,  # noqa: ANN401 - click's
) -> None:
    """Do many: a LIST of addresses goes in, a folder of results comes out.

    LIST is a file or - for stdin: one URL a line, CSV with a column url, NDJSON
    or JSON. What is interrupted goes on with the same command.
    """
    content = _content(source)
    used = template.fields.difference(URL_FIELDS) if template else ()
    try:
        entries = list(
            read_list(
                decoded(content),
                form or format_of(source, content),
                Reading(kind, used, ignored),
            )
        )
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param_hint="LIST") from error
    _do(ctx, entries, template, options)


@click.command(cls=ListCommand)
@click.argument("source", metavar="FILE", callback=_source)
@folder_option(default=".", show_default="the current folder")
@list_options
@click.pass_context
def shots(
    ctx: click.Context,
    /,
    source: str,
    *,
    kind: str,
    ignored: Sequence[str],
    **options: Any,  # noqa: ANN401 - click's
) -> None:
    """Do what a YAML FILE of shots says, as shot-scraper's multi has them.

    Each shot has a url, and may have an output, width, height, selector, padding,
    javascript, quality, wait, wait_for, omit_background and every field of a spec.
    """
    # Slow to import, and seldom needed.
    from farm.client.lists.shots import read_shots  # noqa: PLC0415

    text = decoded(_content(source))
    try:
        entries = list(read_shots(text, kind=kind, ignored=ignored, read_file=_page))
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param_hint="FILE") from error
    _do(ctx, entries, None, options)


def _content(source: str) -> bytes:
    if source == _STDIN:
        return sys.stdin.buffer.read()
    return Path(source).read_bytes()


def _page(name: str) -> str | None:
    path = Path(name)
    return decoded(path.read_bytes()) if path.is_file() else None


def _do(
    ctx: click.Context,
    entries: Sequence[Entry | BadLine],
    template: Template | None,
    options: dict[str, Any],
) -> None:
    """Do what is right in ``entries``, and exit. ``options`` are the command's and the spec's."""
    own = {name: options.pop(name) for name in _OWN}
    wishes = Wishes(
        given({name: options.pop(name) for name in _OF_BATCHES}),
        **{name: options.pop(name) for name in _OF_RUN},
    )
    found = wanted(entries, given(options), template)
    _tell_wrong(found, quiet=own["quiet"])
    if not found.items or (found.bad and not own["skip_invalid"]):
        hint = "; leave those lines out with --skip-invalid" if found.items else ""
        click.echo(f"Error: Nothing was done{hint}.", err=True)
        ctx.exit(ExitCode.BAD_INPUT)
    folder: Path = own["folder"]
    folder.mkdir(parents=True, exist_ok=True)
    telling = Telling(quiet=own["quiet"], as_json=own["as_json"])
    with manifests.opened(folder) as manifest, telling:
        if not own["resume"]:
            manifest.forget()
        items = apart(found.items, known_paths(manifest), [manifests.FILE_NAME])
        _run(Run(ctx.obj, folder, manifest, telling, wishes), items, telling)
    ctx.exit(ExitCode.SOME_FAILED if telling.is_incomplete else ExitCode.OK)


def _run(run: Run, items: Sequence[Item], telling: Telling) -> None:
    """Do ``items``, and say how it went, also where it does not come to its end."""
    try:
        run.do(items)
    except Stopped as reason:
        telling.sum_up()
        telling.say(f"{reason} The same command goes on.")
    except (KeyboardInterrupt, FarmUnreachable, FarmUnavailable):
        telling.sum_up()
        ids = " ".join(batch.id for batch in run.batches)
        if ids:
            telling.say(f"The farm goes on; to stop it: farm cancel {ids}")
        telling.say("The same command goes on from here.")
        raise
    else:
        telling.sum_up()


def _tell_wrong(found: Wanted, *, quiet: bool) -> None:
    """Say which lines are wrong, those that are alike together, and which say nothing new."""
    alike: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for bad in found.bad:
        alike[tuple(bad.mistakes)].append(bad.line)
    for mistakes, lines in list(alike.items())[:_SHOWN_MAX]:
        also = f" and {len(lines) - 1:,} more" if len(lines) > 1 else ""
        click.echo(plain(f"line {lines[0]}{also}: {'; '.join(mistakes)}"), err=True)
    if len(alike) > _SHOWN_MAX:
        click.echo(f"... and {len(alike) - _SHOWN_MAX:,} other mistakes", err=True)
    if found.repeated and not quiet:
        line, first = found.repeated[0]
        also = f" and {len(found.repeated) - 1:,} more" if len(found.repeated) > 1 else ""
        click.echo(f"line {line}{also}: asked for before, in line {first}; done once", err=True)
    if not (found.items or found.bad):
        click.echo("The list is empty.", err=True)
