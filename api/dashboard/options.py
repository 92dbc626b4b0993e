"""The options panel: inputs made from the specs' own schema, and the spec that a form asks for."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

from api.cells import fields, schema_of
from api.pictures import FILENAME
from farm.jobs.models import Upload
from farm.jobs.specs.base import groups
from farm.jobs.specs.requests import SPECS, JobRequest, JobSpec, Kind

KINDS: Sequence[Kind] = tuple(SPECS)

_MOST_USED: Mapping[Kind, Sequence[str]] = {
    "screenshot": (
        *("type", "viewport.width", "viewport.height", "device", "color_scheme", "wait_until"),
        *("wait_for_selector", "full_page", "block_ads", "block_cookie_banners", "collect"),
    ),
    "pdf": (
        *("format", "landscape", "print_background", "page_ranges", "wait_until", "collect"),
        "block_cookie_banners",
    ),
    "content": ("wait_until", "wait_for_selector", "java_script_enabled", "select", "collect"),
    "probe": ("thumbnails.count", "thumbnails.columns", "thumbnails.width", "count_frames"),
}
_INSIDE: Mapping[str, Sequence[str]] = {
    "viewport": ("width", "height"),
    "thumbnails": ("count", "columns", "width"),
}
"""Parts of fields that have inputs of their own; those that stand together are given together."""
_ELSEWHERE = frozenset({"url", "html", "upload_id", "kind"})
_CHOSEN = {"collect": ("thumbnail",)}
"""What is ticked before anybody has: small pictures keep the gallery quick."""
_CHOICES_MAX = 12
_HINT_MAX_CHARACTERS = 160

Control = Literal["tick", "ticks", "choice", "number", "text", "secret"]


@dataclass(frozen=True)
class Input:
    """One input of the form; what is left empty is not asked for."""

    name: str
    """Of the field of the spec; ``viewport.width`` is within one."""
    hint: str
    control: Control = "text"
    placeholder: str = ""
    """An example, or the default."""
    choices: Sequence[str] = ()
    chosen: Sequence[str] = ()
    minimum: float | None = None
    maximum: float | None = None

    @property
    def label(self) -> str:
        """The name for people."""
        return self.name.replace(".", " ").replace("_", " ")


@dataclass(frozen=True)
class Panel:
    """The options of one kind."""

    most_used: Sequence[Input]
    further: Mapping[str, Sequence[Input]]
    """By heading."""


@cache
def panel(kind: Kind) -> Panel:
    """Return the panel of ``kind``."""
    shown = {name.partition(".")[0] for name in _MOST_USED[kind]} | _ELSEWHERE
    further = {
        heading: [
            _input(kind, part) for name in found if name not in shown for part in _parts(name)
        ]
        for heading, found in groups(SPECS[kind]).items()
    }
    return Panel(
        [_input(kind, name) for name in _MOST_USED[kind]],
        {heading: inputs for heading, inputs in further.items() if inputs},
    )


def wanted(form: Iterable[tuple[str, str]], upload: Upload | None) -> JobSpec:
    """Return the spec that the filled-in ``form`` asks for; an ``upload`` is probed.

    Raises:
        InvalidSpec: It asks for none; names each field at fault.
    """
    given = [(name, text.strip()) for name, text in form if text.strip()]
    if upload is not None:
        known = SPECS["probe"].model_fields
        given = [each for each in given if each[0].partition(".")[0] in known and each[0] != "url"]
    spec = fields(given)
    if upload is not None:
        named = {"metadata": {FILENAME: upload.filename}} if upload.filename else {}
        spec = {**named, **spec, "kind": "probe", "upload_id": upload.id}
    url = spec.get("url")
    if isinstance(url, str) and "://" not in url:
        spec["url"] = f"https://{url}"  # As one types it.
    return JobRequest.model_validate(spec).root


def example(name: str) -> str:
    """Return what the field may look like; empty: nobody has said."""
    return _text(next(iter((schema_of(name) or {}).get("examples", ())), ""))


def _parts(name: str) -> Sequence[str]:
    return [f"{name}.{part}" for part in _INSIDE[name]] if name in _INSIDE else [name]


def _input(kind: Kind, name: str) -> Input:
    schema = schema_of(name, kind) or {}
    found = Input(
        name, _hint(schema), placeholder=_text(next(iter(schema.get("examples", ())), ""))
    )
    if schema.get("writeOnly"):
        return replace(found, control="secret")
    kinds = [each for each in schema.get("anyOf") or [schema] if each.get("type") != "null"]
    return _narrowed(found, kinds[0], schema.get("default")) if len(kinds) == 1 else found


def _narrowed(found: Input, schema: Mapping[str, Any], default: object) -> Input:
    """Return the input that takes what ``schema`` says and nothing else."""
    said = _text(default)
    match schema:
        case {"type": "boolean"} if not default:
            return replace(found, control="tick")
        case {"type": "boolean"}:
            return replace(found, control="choice", choices=("true", "false"), placeholder=said)
        case {"type": "array", "items": {"enum": choices}} if len(choices) <= _CHOICES_MAX:
            chosen = _CHOSEN.get(found.name, ())
            return replace(found, control="ticks", choices=choices, chosen=chosen)
        case {"enum": choices} if len(choices) <= _CHOICES_MAX:
            return replace(found, control="choice", choices=choices, placeholder=said)
        case {"type": "integer" | "number"}:
            bounds = (schema.get("minimum"), schema.get("maximum"))
            limited = replace(found, minimum=bounds[0], maximum=bounds[1])
            return replace(limited, control="number", placeholder=said)
    return found


def _hint(schema: Mapping[str, Any]) -> str:
    said = str(schema.get("description", "")).replace("`", "")
    return said if len(said) <= _HINT_MAX_CHARACTERS else f"{said[: _HINT_MAX_CHARACTERS - 1]}…"


def _text(value: object) -> str:
    if value in (None, [], {}):
        return ""
    return value if isinstance(value, str) else json.dumps(value)
