"""How the values of each field are written on a command line, by the field's JSON schema."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from farm.client import values

Schema = Mapping[str, Any]

_CHOICES_MAX = 20
"""Longer lists of names, as that of the devices, are for the farm to know."""


@dataclass(frozen=True)
class Form:
    """How the values of a field are written."""

    attributes: Mapping[str, Any]
    """What click is to be told."""
    read: Callable[[Any], object] | None = None
    """Makes the field's value of a string, or of all strings that are given."""
    remark: str = ""
    is_flag: bool = False
    shows_example: bool = False
    """Whether the help needs an example to be understood."""


_JSON = Form({"metavar": "JSON"}, values.json_value, shows_example=True)


def form_of(field: Schema, definitions: Mapping[str, Schema]) -> Form:
    """Return the form of ``field``, whose references are to ``definitions``."""
    return _form(list(variants(field, definitions)))


def variants(schema: Schema, definitions: Mapping[str, Schema]) -> Iterator[Schema]:
    """Yield the schemas that ``schema`` stands for, but for null, with references followed."""
    if "$ref" in schema:
        yield from variants(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    elif "anyOf" in schema:
        for each in schema["anyOf"]:
            yield from variants(each, definitions)
    elif "items" in schema:
        yield {**schema, "items": list(variants(schema["items"], definitions))}
    elif schema.get("type") != "null":
        yield schema


def _form(variants: Sequence[Schema]) -> Form:
    if len(variants) > 1:
        return Form({"metavar": "TEXT|JSON"}, values.text_or_json)
    (schema,) = variants
    match schema:
        case {"enum": names} if len(names) <= _CHOICES_MAX:
            return Form({"type": click.Choice(names)})
        case {"type": "array"}:
            return _list_form(schema["items"])
        case {"type": "object"}:
            return _object_form(schema)
    return _plain_form(schema)


def _plain_form(schema: Schema) -> Form:
    match schema.get("type"):
        case "boolean":
            return Form({}, is_flag=True)
        case "integer":
            return Form({"type": int, "metavar": "INTEGER"}, remark=_range(schema))
        case "number":
            return Form({"metavar": "NUMBER"}, values.number, _range(schema))
    return Form({"metavar": "NAME" if "enum" in schema else "TEXT"}, values.text)


def _list_form(items: Sequence[Schema]) -> Form:
    match items:
        case [{"type": "object"}]:
            return _JSON
        case [{"enum": names}]:
            remark = f"any of {', '.join(names)}"
            return _many("A,B,...", lambda found: values.words(found, names), remark)
        case [{"type": "string"}]:
            return _many("TEXT", lambda found: [values.text(each) for each in found], "repeatable")
    return _many("A,B,...", lambda found: values.words(found, ()))


def _object_form(schema: Schema) -> Form:
    match schema:
        case {"properties": properties} if list(properties) == ["width", "height"]:
            return Form({"metavar": "WIDTHxHEIGHT"}, values.size)
        case {"properties": properties} if list(properties) == ["x", "y", "width", "height"]:
            return Form({"metavar": "X,Y,WIDTHxHEIGHT"}, values.box)
        case {"patternProperties": _}:  # Its names are tokens, as headers', without either sign.
            return _many("NAME:VALUE", lambda found: values.pairs(found, ":="), "repeatable")
        case {"additionalProperties": {"type": "string"}}:
            return _many("NAME=VALUE", lambda found: values.pairs(found, "="), "repeatable")
    return _JSON


def _many(metavar: str, read: Callable[[Sequence[str]], object], remark: str = "") -> Form:
    return Form({"metavar": metavar, "multiple": True}, read, remark)


def _range(schema: Schema) -> str:
    if "minimum" in schema and "maximum" in schema:
        return f"{schema['minimum']} to {schema['maximum']}"
    return ""
