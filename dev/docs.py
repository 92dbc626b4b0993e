"""Write the tables of ``docs/`` that can drift from the code (``make docs``).

A table stands between ``<!-- generated: NAME -->`` and ``<!-- /generated -->``. A test
fails where one is not as it would be written.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from pydantic.fields import FieldInfo

from api.bodies import JSON_MAX_BYTES
from api.problems import STATUSES
from api.routes.docs import explained
from api.settings import ApiSettings
from farm.backends.settings import PREFIX, Settings
from farm.client.cli import cli
from farm.jobs.errors import FarmError, JobError, leaves
from farm.jobs.ladder import VISIBILITY_TIMEOUT_S, Ladder
from farm.jobs.metrics.names import METRICS, Metric
from farm.jobs.specs.base import JobOptions, OptionGroup, groups
from farm.jobs.specs.content import ContentSpec
from farm.jobs.specs.media import ProbeSpec
from farm.jobs.specs.page import PageOptions
from farm.jobs.specs.pdf import PdfSpec
from farm.jobs.specs.requests import VALUES_MAX
from farm.jobs.specs.screenshot import AREA_MAX_PX, SIDE_MAX_PX, ScreenshotSpec
from tasks.egress.settings import EgressSettings, GateSettings
from tasks.media.report import Summary
from tasks.outcome import ARTIFACT_MAX_BYTES
from tasks.pages.traffic import DOCUMENT_MAX_BYTES, RESPONSES_MAX_BYTES
from tasks.settings import WorkerSettings

ROOT = Path(__file__).resolve().parent.parent

Schema = Mapping[str, Any]
_HELP_WIDTH = 80
_CHOICES_MAX = 30
"""Names that a table lists; the only longer list, of devices, is in ``openapi.json``."""
_IN_WORDS = {"concurrency": "CPU cores"}
"""Defaults that differ between machines."""
_READ_BY_DISPATCHER = frozenset({"heartbeat_file", "gate", *EgressSettings.model_fields})
"""Of the workers' own settings, those that the dispatcher uses too."""


def settings_table() -> str:
    """Return each setting of a server process: variable, default, who reads it, meaning."""
    shared = Settings.model_fields
    rows = [*_settings(shared, shared, "all")]
    for reader, own in (("api", ApiSettings), ("workers", WorkerSettings)):
        rows += _settings(own.model_fields, own.model_fields.keys() - shared, reader)
    gates = GateSettings.model_fields
    rows += _settings(gates, gates.keys() - EgressSettings.model_fields, "gate")
    return _table(("variable", "default", "read by", "meaning"), rows)


def _settings(
    fields: Mapping[str, FieldInfo], wanted: Iterable[str], reader: str
) -> Iterator[Sequence[str]]:
    for name, field in fields.items():
        if name not in wanted:
            continue
        is_set = field.default not in (None, "")
        default = _IN_WORDS.get(name) or (f"`{field.default}`" if is_set else "none")
        readers = f"{reader}, dispatcher" if name in _READ_BY_DISPATCHER else reader
        readers += ", gate" if name in EgressSettings.model_fields else ""
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
    """Return each error that a caller can meet: where, cause, whether and how to try again."""
    found = [
        error for error in leaves(FarmError) if error in STATUSES or issubclass(error, JobError)
    ]
    found.sort(key=lambda error: (STATUSES.get(error, 1000), error.code))
    return _table(("code", "where", "cause", "retry?", "what to do"), map(_error_row, found))


def _error_row(error: type[FarmError]) -> Sequence[str]:
    cause, advice = (words.replace("``", "`") for words in explained(error))
    return f"`{error.code}`", _where(error), cause, "yes" if error.retryable else "no", advice


def _where(error: type[FarmError]) -> str:
    status = STATUSES.get(error)
    http = [] if status is None else [f"HTTP {status.value}"]
    return ", ".join([*http, *(["job failure"] if issubclass(error, JobError) else [])])


def limits_table() -> str:
    """Return what no spec, page or result may exceed, and how each says so."""
    sides = ", ".join(f"{side:,} as {name}" for name, side in SIDE_MAX_PX.items())
    large = "refused, else `page_too_large`; a full page is cut"
    rows = [
        ("body of a request", f"{JSON_MAX_BYTES >> 20} MiB", "`payload_too_large`"),
        ("values in a spec", f"{VALUES_MAX:,}", "`invalid_spec`"),
        ("all that a page loads", f"{RESPONSES_MAX_BYTES >> 20} MiB", "`response_too_large`"),
        ("the page's own HTML", f"{DOCUMENT_MAX_BYTES >> 20} MiB", "`response_too_large`"),
        ("a picture, each way", f"{sides} pixels", large),
        ("a picture, in all", f"{AREA_MAX_PX:,} pixels", large),
        ("an artifact", f"{ARTIFACT_MAX_BYTES >> 20} MiB", "`output_too_large`"),
    ]
    return _table(("what", "at most", "else"), rows)


def metrics_table() -> str:
    """Return each metric of ``/metrics``: name, sort, labels, meaning."""
    return _table(("metric", "sort", "labels", "meaning"), map(_metric_row, METRICS))


def _metric_row(metric: Metric) -> Sequence[str]:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"`{metric.told_as}`", metric.sort, labels, metric.meaning


def ladder_table() -> str:
    """Return the rungs of a job's time limits, the first to the last."""
    start = Ladder(0)
    rungs = {name: value for name, value in vars(Ladder).items() if isinstance(value, property)}
    rows = [("the job's own steps end", "timeout")]
    for name, rung in rungs.items():
        rows.append((_summary(rung), f"timeout + {getattr(start, name):g} s"))
    unacknowledged = "When Celery hands a message that nobody acknowledged to another worker."
    rows.append((unacknowledged, f"{VISIBILITY_TIMEOUT_S} s, for every job"))
    return _table(("rung", "at"), [(_as_item(rung), at) for rung, at in rows])


def _as_item(sentence: str) -> str:
    return sentence.partition(". ")[0].removeprefix("When ").rstrip(".")


def spec_tables(spec: type[OptionGroup], wanted: Collection[str]) -> str:
    """Return the ``wanted`` options of ``spec`` under the headings of their groups."""
    schema = spec.model_json_schema()
    properties = _inlined(schema["properties"], schema.get("$defs", {}))
    found = {
        heading: {name: field for name, field in fields.items() if name in wanted}
        for heading, fields in groups(spec).items()
    }
    head = ("option", "type", "default", "meaning", "example")
    return "\n".join(
        f"#### {heading}\n\n{_table(head, _spec_rows(fields, properties))}"
        for heading, fields in found.items()
        if fields
    )


def summary_table() -> str:
    """Return each field of the summary of a probe."""
    schema = Summary.model_json_schema()
    rows = _inner_rows("summary", _inlined(schema, schema["$defs"]), set())
    return _table(("field", "type", "meaning"), ((row[0], row[1], row[3]) for row in rows))


def _own(spec: type[OptionGroup], common: type[OptionGroup]) -> frozenset[str]:
    return frozenset(spec.model_fields.keys() - common.model_fields.keys() - {"kind"})


def _inlined(value: Any, definitions: Schema) -> Any:  # noqa: ANN401 - any JSON value
    """Return ``value`` with what it refers to put in its place."""
    if isinstance(value, list):
        return [_inlined(each, definitions) for each in value]
    if not isinstance(value, dict):
        return value
    found = {name: _inlined(each, definitions) for name, each in value.items() if name != "$ref"}
    if "$ref" in value:
        found = _inlined(definitions[value["$ref"].rpartition("/")[2]], definitions) | found
    return found


def _spec_rows(
    fields: Mapping[str, FieldInfo], properties: Mapping[str, Schema]
) -> Iterator[Sequence[str]]:
    seen: set[str] = set()
    for name, field in fields.items():
        default = "required" if field.is_required() else _as_json(properties[name].get("default"))
        # Not from the schema, which sorts the names in an example.
        example = _as_json((field.examples or [None])[0])
        yield _row(name, properties[name], default, example)
        yield from _inner_rows(name, properties[name], seen)


def _inner_rows(path: str, field: Schema, seen: set[str]) -> Iterator[Sequence[str]]:
    """Yield the rows of the objects that ``field`` is, may be, or holds; each sort once."""
    for variant in field.get("anyOf", ()):
        yield from _inner_rows(path, variant, seen)
    for key, mark in (("items", "[]"), ("additionalProperties", ".NAME")):
        if isinstance(field.get(key), dict):
            yield from _inner_rows(path + mark, field[key], seen)
    if "properties" in field and field["title"] not in seen:
        seen.add(field["title"])
        for name, inner in field["properties"].items():
            is_required = name in field.get("required", ())
            default = "required" if is_required else _as_json(inner.get("default"))
            yield _row(f"{path}.{name}", inner, default, "")
            yield from _inner_rows(f"{path}.{name}", inner, seen)


def _row(path: str, field: Schema, default: str, example: str) -> Sequence[str]:
    secret = " Secret: no answer shows it." if field.get("writeOnly") else ""
    return f"`{path}`", _type_of(field), default, field.get("description", "") + secret, example


def _as_json(value: object) -> str:
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _type_of(field: Schema) -> str:
    found = str(field.get("type"))
    if "anyOf" in field:
        found = " or ".join(dict.fromkeys(map(_type_of, field["anyOf"])))
    elif len(field.get("enum", ())) > _CHOICES_MAX:
        found = "a name of Playwright's registry"
    elif "enum" in field:
        found = ", ".join(f"`{value}`" for value in field["enum"])
    elif found == "array":
        found = f"list{_span(field, 'Items')} of: {_type_of(field['items'])}"
    elif found == "object":
        named = [field.get("additionalProperties"), *field.get("patternProperties", {}).values()]
        inner = [_type_of(each) for each in named if isinstance(each, dict)]
        by_name = f"{_span(field, 'Properties')} by name, each: {' or '.join(inner)}"
        found += by_name if inner else ""
    elif found == "string":
        found += f"{_span(field, 'Length')} characters" if "maxLength" in field else ""
    return found + _range(field)


def _span(field: Schema, of: str) -> str:
    low, high = field.get(f"min{of}"), field.get(f"max{of}", 0)
    to = f", {low:,} to {high:,}" if low else f", up to {high:,}"
    return to if high else ""


def _range(field: Schema) -> str:
    if "maximum" not in field:
        return ""
    most = f"{field['maximum']:,}".removesuffix(".0")
    if "exclusiveMinimum" in field:
        return f", more than {field['exclusiveMinimum']:g}, up to {most}"
    return f", {field['minimum']:,} to {most}"


def help_texts() -> str:
    """Return what ``--help`` says, for the command and for each of its own."""
    return "\n".join(
        f"### `{context.command_path}`\n\n```\n{context.get_help()}\n```\n"
        for context in _contexts(cli, None, "farm")
    )


def _contexts(
    command: click.Command, parent: click.Context | None, name: str
) -> Iterator[click.Context]:
    context = click.Context(command, parent=parent, info_name=name, terminal_width=_HELP_WIDTH)
    yield context
    if isinstance(command, click.Group):
        for inner_name, inner in sorted(command.commands.items()):
            yield from _contexts(inner, context, inner_name)


TABLES: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "docs/api.md": {
        "limits": limits_table,
        "spec-page": lambda: spec_tables(PageOptions, _own(PageOptions, JobOptions)),
        "spec-screenshot": lambda: spec_tables(ScreenshotSpec, _own(ScreenshotSpec, PageOptions)),
        "spec-pdf": lambda: spec_tables(PdfSpec, _own(PdfSpec, PageOptions)),
        "spec-content": lambda: spec_tables(ContentSpec, _own(ContentSpec, PageOptions)),
        "spec-probe": lambda: spec_tables(ProbeSpec, _own(ProbeSpec, JobOptions)),
        "probe-summary": summary_table,
        "spec-job": lambda: spec_tables(ProbeSpec, JobOptions.model_fields),
        "errors": errors_table,
    },
    "docs/cli.md": {"help": help_texts},
    "docs/operations.md": {
        "settings": settings_table,
        "ladder": ladder_table,
        "metrics": metrics_table,
    },
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
