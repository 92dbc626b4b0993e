"""Write the tables of ``docs/`` that can drift from the code (``make docs``).

A table stands between ``<!-- generated: NAME -->`` and ``<!-- /generated -->``. A test
fails where one is not as it would be written.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from api.problems import STATUSES
from api.settings import ApiSettings
from farm.backends.settings import PREFIX, Settings
from farm.client.cli import cli
from farm.jobs.errors import FarmError, JobError, leaves
from farm.jobs.ladder import VISIBILITY_TIMEOUT_S, Ladder
from farm.jobs.specs import OPTION_FIELDS, JobOptions, ProbeSpec, ScreenshotSpec
from tasks.settings import WorkerSettings

ROOT = Path(__file__).resolve().parent.parent

_HELP_WIDTH = 80
_IN_WORDS = {"concurrency": "CPU cores"}
"""Defaults that differ between machines."""
_READ_BY_DISPATCHER = frozenset({"heartbeat_file"})
"""Of the workers' own settings, those that the dispatcher uses too."""


def settings_table() -> str:
    """Return each setting of a server process: variable, default, who reads it, meaning."""
    shared = Settings.model_fields
    rows = [*_settings(shared, shared, "all")]
    rows += _settings(ApiSettings.model_fields, ApiSettings.model_fields.keys() - shared, "api")
    rows += _settings(
        WorkerSettings.model_fields, WorkerSettings.model_fields.keys() - shared, "workers"
    )
    return _table(("variable", "default", "read by", "meaning"), rows)


def _settings(
    fields: Mapping[str, FieldInfo], wanted: Iterable[str], reader: str
) -> Iterator[Sequence[str]]:
    for name, field in fields.items():
        if name not in wanted:
            continue
        default = _IN_WORDS.get(name) or ("none" if field.default is None else f"`{field.default}`")
        readers = f"{reader}, dispatcher" if name in _READ_BY_DISPATCHER else reader
        yield f"`{PREFIX}{name.upper()}`", default, readers, _meaning(field)


def _meaning(field: FieldInfo) -> str:
    limits = [
        f"{word} {getattr(limit, key):,}"
        for limit in field.metadata
        for key, word in (("ge", "from"), ("le", "to"))
        if hasattr(limit, key)
    ]
    said = (field.description or "").rstrip(".")
    return f"{said} ({' '.join(limits)})." if limits else f"{said}."


def errors_table() -> str:
    """Return each error that a caller can meet: code, where, whether to try again, meaning."""
    found = [
        error for error in leaves(FarmError) if error in STATUSES or issubclass(error, JobError)
    ]
    found.sort(key=lambda error: (STATUSES.get(error, 1000), error.code))
    rows = (
        (f"`{error.code}`", _where(error), "yes" if error.retryable else "no", _summary(error))
        for error in found
    )
    return _table(("code", "where", "try again?", "meaning"), rows)


def _where(error: type[FarmError]) -> str:
    status = STATUSES.get(error)
    if status is None:
        return "job failure"
    return f"HTTP {status.value}" + (", job failure" if issubclass(error, JobError) else "")


def ladder_table() -> str:
    """Return the rungs of a job's time limits, the first to the last."""
    start = Ladder(0)
    rungs = {name: value for name, value in vars(Ladder).items() if isinstance(value, property)}
    rows = [("the job's own steps end", "timeout")]
    rows += [
        (_summary(rung), f"timeout + {getattr(start, name):g} s") for name, rung in rungs.items()
    ]
    rows.append(
        (
            "When Celery hands a message that nobody acknowledged to another worker.",
            f"{VISIBILITY_TIMEOUT_S} s, for every job",
        )
    )
    return _table(("rung", "at"), [(_as_item(rung), at) for rung, at in rows])


def _as_item(sentence: str) -> str:
    return sentence.partition(". ")[0].removeprefix("When ").rstrip(".")


def spec_table(model: type[BaseModel], *, shared: bool) -> str:
    """Return the fields of a spec: those that every kind has (``shared``), or the others."""
    schema = model.model_json_schema()
    fields = {
        name: field
        for name, field in schema["properties"].items()
        if (name in OPTION_FIELDS) is shared and name != "kind"
    }
    required = frozenset(schema.get("required", ()))
    rows = _spec_rows(fields, required, schema.get("$defs", {}), "")
    return _table(("field", "type", "default", "meaning"), rows)


def _spec_rows(
    fields: Mapping[str, Any], required: frozenset[str], definitions: Mapping[str, Any], prefix: str
) -> Iterator[Sequence[str]]:
    for name, field in fields.items():
        reference = field.get("$ref", "").rpartition("/")[2]
        if reference:
            inner = definitions[reference]
            yield from _spec_rows(inner["properties"], frozenset(), definitions, f"{prefix}{name}.")
            continue
        default = "required" if name in required else f"`{json.dumps(field.get('default'))}`"
        meaning = field.get("description", "")
        yield f"`{prefix}{name}`", _type_of(field), default, meaning


def _type_of(field: Mapping[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_type_of(each) for each in field["anyOf"])
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    ranges = {
        "integer": ("minimum", "maximum", ""),
        "string": ("minLength", "maxLength", " characters"),
        "array": ("minItems", "maxItems", " strings"),
        "object": ("minProperties", "maxProperties", " strings by name"),
    }
    low, high, unit = ranges.get(field["type"], ("", "", ""))
    if high not in field:
        return str(field["type"])
    span = f"{field[low]:,} to {field[high]:,}" if low in field else f"up to {field[high]:,}"
    return f"{field['type']}, {span}{unit}"


def help_texts() -> str:
    """Return what ``--help`` says, for the command and for each of its own."""
    top = _context(cli, None, "farm")
    contexts = [top, *(_context(each, top, name) for name, each in sorted(cli.commands.items()))]
    return "\n".join(
        f"### `{context.command_path}`\n\n```\n{context.get_help()}\n```\n" for context in contexts
    )


def _context(command: click.Command, parent: click.Context | None, name: str) -> click.Context:
    return click.Context(command, parent=parent, info_name=name, terminal_width=_HELP_WIDTH)


TABLES: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "docs/api.md": {
        "spec-options": lambda: spec_table(JobOptions, shared=True),
        "spec-screenshot": lambda: spec_table(ScreenshotSpec, shared=False),
        "spec-probe": lambda: spec_table(ProbeSpec, shared=False),
        "errors": errors_table,
    },
    "docs/cli.md": {"help": help_texts},
    "docs/operations.md": {"settings": settings_table, "ladder": ladder_table},
}
"""What makes each table, by file and name."""


def written(file: str) -> str:
    """Return ``file`` as it is, with its tables as they should be.

    Raises:
        ValueError: It does not have the place for one of its tables.
    """
    text = (ROOT / file).read_text(encoding="utf-8")
    for name, make in TABLES[file].items():
        before, start, rest = text.partition(f"<!-- generated: {name} -->\n")
        _, end, after = rest.partition("<!-- /generated -->")
        if not end:
            raise ValueError(f"{file} has no place for the table {name!r}")
        text = f"{before}{start}{make()}{end}{after}"
    return text


def _summary(documented: object) -> str:
    return (documented.__doc__ or "").partition("\n")[0].replace("``", "`")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = [head, ["---"] * len(head), *rows]
    lines = (" | ".join(cell.replace("|", r"\|") for cell in row) for row in cells)
    return "".join(f"| {line} |\n" for line in lines)


if __name__ == "__main__":
    for each in TABLES:
        (ROOT / each).write_text(written(each), encoding="utf-8")
