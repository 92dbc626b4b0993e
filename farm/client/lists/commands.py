"""The commands ``farm batch`` and ``farm shots``: a list goes in, a folder of results comes out."""

import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from farm.client.errors import FarmUnavailable, FarmUnreachable
from farm.client.exit_codes import ExitCode
from farm.client.lists import manifest as manifests
from farm.client.lists.entries import BadLine, Entry
from farm.client.lists.formats import FORMATS, Reading, decoded, format_of, read_list
from farm.client.lists.items import Item, Wanted, apart, wanted
from farm.client.lists.names import URL_FIELDS, Template
from farm.client.lists.run import PATIENCE_S, Run, Stopped, Wishes
from farm.client.lists.shots import read_shots
from farm.client.lists.standing import known_paths
from farm.client.lists.telling import Telling
from farm.client.options import GroupedCommand, given, spec_options
from farm.client.output import plain
from farm.jobs.specs.requests import SPECS

_STDIN = "-"
_SHOWN_MAX = 20
"""Lines that one message names; a list may have thousands that are wrong alike."""
_OWN = ("folder", "quiet", "as_json", "resume", "skip_invalid")
_OF_RUN = ("retry_failed", "fail_fast", "patience_s")
_OF_BATCHES = ("per_host_concurrency", "per_host_delay", "max_failures")
_KIND = "screenshot"
_Command = TypeVar("_Command", bound=Callable[..., Any])


def _options_of(kind: str) -> Sequence[click.Parameter]:
    spec = SPECS[kind]  # type: ignore[index]
    options = spec_options(spec, leave_out=("url", "html", "upload_id"))
    return click.command()(options(lambda **_: None)).params


class _ListCommand(GroupedCommand):
    """A command that has the options of the kind that ``--kind`` names."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Look for the kind first, for it says which other options there are."""
        ctx.meta[__name__] = _kind_in(args)
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own options, and those of the kind."""
        return [*super().get_params(ctx), *_options_of(ctx.meta.get(__name__, _KIND))]


def _kind_in(args: Sequence[str]) -> str:
    found = _KIND
    for name, following in zip(args, [*args[1:], ""], strict=True):
        value = following if name == "--kind" else name.removeprefix("--kind=")
        if name.startswith("--kind") and value in SPECS:
            found = value
    return found


def _folder(_ctx: click.Context, _param: click.Parameter, value: Path) -> Path:
    if value.exists() and not value.is_dir():
        raise click.BadParameter(f"{str(value)!r} is not a folder.")
    return value


def _template(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Template | None:
    try:
        return None if value is None else Template(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _source(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    if value != _STDIN and not Path(value).is_file():
        raise click.BadParameter(f"There is no file {value!r}.")
    return value


_OPTIONS = (
    click.option(
        "--kind",
        type=click.Choice(list(SPECS)),
        default=_KIND,
        show_default=True,
        help="What to make of each that does not say. With --help: the options of this kind.",
    ),
    click.option(
        "--ignore",
        "ignored",
        multiple=True,
        metavar="NAME",
        help="A column or field of the list to leave out.  [repeatable]",
    ),
    click.option("--skip-invalid", is_flag=True, help="Leave out the lines that are wrong."),
    click.option(
        "--resume/--no-resume",
        default=True,
        show_default=True,
        help="Do only what the folder's manifest does not have as done.",
    ),
    click.option("--retry-failed", is_flag=True, help="Do again what failed before."),
    click.option("--fail-fast", is_flag=True, help="Cancel all the rest with the first failure."),
    click.option(
        "--max-failures", type=click.IntRange(1), help="Failures after which the farm pauses."
    ),
    click.option(
        "--per-host-concurrency",
        type=click.IntRange(1, 100),
        help="Jobs of one host at a time.  [the farm's default: 2]",
    ),
    click.option(
        "--per-host-delay",
        type=click.IntRange(0),
        metavar="MILLISECONDS",
        help="From the start of one job of a host to that of the next.",
    ),
    click.option(
        "--patience",
        "patience_s",
        type=click.IntRange(0),
        metavar="SECONDS",
        default=PATIENCE_S,
        show_default=True,
        help="How long to wait for a farm that goes away meanwhile.",
    ),
    click.option("-q", "--quiet", is_flag=True, help="Say nothing; the exit code tells."),
    click.option("--json", "as_json", is_flag=True, help="Print JSON, a line for each that ends."),
)


def _list_options(command: _Command) -> _Command:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _output_option(**attributes: Any) -> Callable[[_Command], _Command]:  # noqa: ANN401 - click's own
    return click.option(
        "-o",
        "--output",
        "folder",
        metavar="FOLDER",
        type=click.Path(path_type=Path),
        callback=_folder,
        help="Where to put the files and manifest.jsonl; made if there is none.",
        **attributes,
    )


@click.command(cls=_ListCommand)
@click.argument("source", metavar="LIST", callback=_source)
@_output_option(required=True)
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
@_list_options
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


@click.command(cls=_ListCommand)
@click.argument("source", metavar="FILE", callback=_source)
@_output_option(default=".", show_default="the current folder")
@_list_options
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
