"""The options of a kind, made from the fields of its spec, and help that groups them."""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import BaseModel

from farm.client.forms import Form, Schema, form_of
from farm.client.output import STDOUT
from farm.jobs.specs.base import groups
from farm.jobs.specs.page import PageOptions

_KEEP_TOGETHER_MAX = 34
"""Characters of a remark that fit on one line even of a narrow terminal."""
_EXAMPLE_MAX = 90
_UNBROKEN = {ord(" "): "\N{NO-BREAK SPACE}", ord("-"): "\N{NON-BREAKING HYPHEN}"}
_BROKEN = {ord(mark): chr(plain) for plain, mark in _UNBROKEN.items()}

_Command = TypeVar("_Command", bound=Callable[..., Any])


class SpecOption(click.Option):
    """An option that is a field of a spec."""

    def __init__(self, *names: Any, heading: str, **attributes: Any) -> None:  # noqa: ANN401 - click's own
        """Make it stand under ``heading`` in the help."""
        super().__init__(*names, **attributes)
        self.heading = heading


class GroupedCommand(click.Command):
    """A command whose help has its options under their headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options, then those of its spec, group by group."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                heading = getattr(parameter, "heading", "Options")
                sections.setdefault(heading, []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)

    def get_help(self, ctx: click.Context) -> str:
        """Return the help; what kept its lines from breaking is plain again."""
        return super().get_help(ctx).translate(_BROKEN)


def spec_options(
    spec: type[BaseModel],
    *,
    leave_out: Collection[str],
    defaults: Mapping[str, str] | None = None,
) -> Callable[[_Command], _Command]:
    """Return a decorator that gives a command an option for each field of ``spec``.

    The command gets a keyword argument for each, by the field's name; ``given``
    returns those that are worth sending.

    Args:
        spec: The model of one kind.
        leave_out: Fields that the command has in another form.
        defaults: What the help calls the default where the command has its own.
    """
    options = list(_options(spec, {"kind", *leave_out}, defaults or {}))

    def decorate(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def output_option(what: str, **attributes: Any) -> Callable[[_Command], _Command]:  # noqa: ANN401 - click's own
    """Return a decorator that gives a command its ``-o``, where to write ``what``."""
    return click.option(
        "-o", "--output", metavar="FILE", callback=_writable, help=what, **attributes
    )


json_option = click.option("--json", "as_json", is_flag=True, help="Print the job as JSON.")


def given(options: Mapping[str, object]) -> dict[str, Any]:
    """Return the spec's fields that were named; the farm knows the defaults of the rest."""
    return {name: value for name, value in options.items() if value is not None}


def _options(
    spec: type[BaseModel], leave_out: Collection[str], defaults: Mapping[str, str]
) -> Iterator[Callable[[_Command], _Command]]:
    schema = spec.model_json_schema()
    shared = groups(PageOptions)
    # What is a kind's own is looked for most.
    ordered = sorted(groups(spec).items(), key=lambda group: group[0] in shared)
    for heading, fields in ordered:
        for name in fields:
            if name not in leave_out:
                field = schema["properties"][name]
                form = form_of(field, schema.get("$defs", {}))
                option = _option_name(name)
                default = defaults.get(name) or _default(field.get("default"))
                yield click.option(
                    name,
                    f"{option}/--no-{option[2:]}" if form.is_flag else option,
                    cls=SpecOption,
                    heading=heading,
                    default=None,
                    help=_described(field, spec.model_fields)
                    + _remark(form, default, fields[name].examples or ()),
                    callback=_callback(form.read),
                    **form.attributes,
                )


def _writable(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """Refuse an output that cannot be, before the farm does any work for it."""
    folder = Path(value).parent
    if value != STDOUT and not folder.is_dir():
        raise click.BadParameter(f"There is no folder {str(folder)!r}.")
    if value != STDOUT and Path(value).is_dir():
        raise click.BadParameter(f"{value!r} is a folder.")
    return value


def _callback(
    read: Callable[[Any], object] | None,
) -> Callable[[click.Context, click.Parameter, Any], object]:
    def convert(_ctx: click.Context, _param: click.Parameter, value: Any) -> object:  # noqa: ANN401 - click's
        if value is None or value == ():
            return None
        try:
            return value if read is None else read(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    return convert


def _described(field: Schema, fields: Collection[str]) -> str:
    said = str(field.get("description", "")).replace("`", "")
    # The description is that of a field: on a command line nothing is null.
    said = re.sub(r"(^|\. )null\b", r"\1Not given", said)
    said = re.sub(r"\bnull\b", "not given", said)
    # One word alone, as click, is more often the verb; with a bracket it is a function.
    return re.sub(
        r"\b[a-z]+(?:_[a-z]+)+\b(?!\()",
        lambda word: _option_name(word[0]).translate(_UNBROKEN) if word[0] in fields else word[0],
        said,
    )


def _remark(form: Form, default: str, examples: Sequence[object]) -> str:
    example = json.dumps(examples[0]) if form.shows_example and examples else ""
    remarks = [
        f"default: {default}" if default else "",
        form.remark,
        f"like {example}" if 0 < len(example) <= _EXAMPLE_MAX else "",
    ]
    remark = "; ".join(each for each in remarks if each)
    if len(remark) <= _KEEP_TOGETHER_MAX:
        remark = remark.translate(_UNBROKEN)
    return f"  [{remark}]" if remark else ""


def _default(value: object) -> str:
    if value is None or value in ("", [], {}):
        return ""
    match value:
        case str():
            return value
        case {"width": width, "height": height}:
            return f"{width}x{height}"
    return json.dumps(value)


def _option_name(field: str) -> str:
    return f"--{field.replace('_', '-')}"
