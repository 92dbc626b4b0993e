"""The options that ``farm batch`` and ``farm shots`` share, among them those of any kind."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import click

from farm.client.lists.run import PATIENCE_S
from farm.client.options import GroupedCommand, spec_options
from farm.jobs.specs.requests import SPECS

_KIND = "screenshot"
_Command = TypeVar("_Command", bound=Callable[..., Any])


@cache
def _options_of(kind: str) -> Sequence[click.Parameter]:
    spec = SPECS[kind]  # type: ignore[index]
    options = spec_options(spec, leave_out=("url", "html", "upload_id"))
    return click.command()(options(lambda **_: None)).params


class ListCommand(GroupedCommand):
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
        help="How long to wait for a farm that goes away meanwhile, or is full of others' jobs.",
    ),
    click.option("-q", "--quiet", is_flag=True, help="Say nothing; the exit code tells."),
    click.option("--json", "as_json", is_flag=True, help="Print JSON, a line for each that ends."),
)


def list_options(command: _Command) -> _Command:
    """Give a command all that says how a list is done."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def folder_option(**attributes: Any) -> Callable[[_Command], _Command]:  # noqa: ANN401 - click's own
    """Return a decorator that gives a command its ``-o``, where to put the files."""
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
