"""Values that come as text, in a query string or in a table: the fields of specs that they are.

A field that takes a text has it as it is. Any other is read as JSON: ``true``, ``1280``,
``["a", "b"]``. What is no JSON is left for the spec to refuse, which knows why.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from api.bodies import decode_json
from farm.jobs.batches.models import BatchOptions
from farm.jobs.errors import FieldError, InvalidJson, InvalidSpec
from farm.jobs.specs.requests import SPECS, Kind

_JSON_MAX_CHARACTERS = 64 * 1024


def fields(cells: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the fields of a spec or of a batch; ``viewport.width`` is a field within one.

    A list may be given as JSON, or value by value under the same name.

    Raises:
        InvalidSpec: One has two values that are no list, or is within what is no object.
    """
    found: dict[str, Any] = {}
    for name, text in cells:
        _put(found, name, text)
    return found


def is_secret(name: str) -> bool:
    """Return whether no answer ever shows the field ``name``, or one that it is within."""
    parts = name.split(".")
    schemas = (schema_of(".".join(parts[: i + 1])) for i in range(len(parts)))
    return any(schema is not None and schema.get("writeOnly") for schema in schemas)


def _put(found: dict[str, Any], name: str, text: str) -> None:
    *outer, last = name.split(".")
    place = found
    for part in outer:
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            raise _wrong(name, "is within a field that has a value of its own")
    value = _value(schema_of(name), text)
    if last not in place:
        place[last] = value
    elif isinstance(place[last], list) and isinstance(value, list):
        place[last] += value
    else:
        raise _wrong(name, "is given twice")


def _value(schema: Mapping[str, Any] | None, text: str) -> Any:  # noqa: ANN401 - any JSON value
    if schema is None:
        return text
    types = _types(schema)
    value = _json(text)
    is_taken = (isinstance(value, dict) and "object" in types) or (
        isinstance(value, list) and "array" in types
    )
    if "string" in types and not is_taken:
        return text
    if "array" in types and not isinstance(value, dict | list):
        return [_value(_items(schema), text)]
    return text if value is None else value


def _json(text: str) -> Any:  # noqa: ANN401 - any JSON value
    if len(text) > _JSON_MAX_CHARACTERS:
        return None
    try:
        return decode_json(text.encode())
    except (InvalidJson, UnicodeEncodeError):
        return None


def _wrong(name: str, message: str) -> InvalidSpec:
    return InvalidSpec([FieldError(field=name[:100], message=message)])


@cache
def _schemas(kind: Kind | None) -> Mapping[str, Mapping[str, Any]]:
    """Return the JSON schema of each field of ``kind``; ``None``: of a batch or of any kind."""
    found: dict[str, Mapping[str, Any]] = {}
    for model in (*SPECS.values(), BatchOptions) if kind is None else (SPECS[kind],):
        schema = TypeAdapter(model).json_schema()
        for name, field in schema["properties"].items():
            found[name] = _resolved(field, schema.get("$defs", {}))
    return found


def _resolved(schema: Any, known: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a part of a schema
    """Return the schema with what it refers to in it."""
    if isinstance(schema, list):
        return [_resolved(each, known) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _resolved(known[schema["$ref"].rpartition("/")[2]], known)
    return {name: _resolved(each, known) for name, each in schema.items()}


def schema_of(path: str, kind: Kind | None = None) -> Mapping[str, Any] | None:
    """Return the JSON schema of a field, with all that it refers to; ``None``: there is none.

    ``kind``: whose field it is; ``None``: a batch's, or any kind's.
    """
    name, *inner = path.split(".")
    schema = _schemas(kind).get(name)
    for part in inner:
        places = [each for each in _alternatives(schema or {}) if each.get("type") == "object"]
        inside = places[0] if places else {}
        schema = inside.get("properties", {}).get(part) or inside.get("additionalProperties")
        if not isinstance(schema, dict):
            return None
    return schema


def _alternatives(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    parts = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return [found for part in parts for found in _alternatives(part)] or [schema]


def _types(schema: Mapping[str, Any]) -> set[str]:
    return {str(each.get("type")) for each in _alternatives(schema)}


def _items(schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
    lists = [each for each in _alternatives(schema) if each.get("type") == "array"]
    items = lists[0].get("items")
    return items if isinstance(items, dict) else None
