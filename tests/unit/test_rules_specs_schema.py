"""The JSON schema of the specs: what it says is true, and says enough."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # ships no types

from farm.jobs.errors import InvalidSpec
from farm.jobs.specs.base import groups
from farm.jobs.specs.requests import SPECS, JobRequest

WHOLE = Draft202012Validator(JobRequest.model_json_schema())
FIELDS = [
    (kind, heading, name)
    for kind, spec in SPECS.items()
    for heading, fields in groups(spec).items()
    for name in fields
    if name != "kind"
]
COMPANIONS: dict[str, dict[str, Any]] = {
    "html": {"url": None},
    "upload_id": {"url": None},
    "padding": {"selector": "#a"},
    "width": {"height": "1in"},
    "height": {"width": "1in"},
    "webhook_secret": {"webhook_url": "https://hooks.test/"},
}
"""What an example needs beside it to be a spec."""


def companions(kind: str, name: str, example: object) -> dict[str, Any]:
    found = {"url": "http://page.test/", **COMPANIONS.get(name, {}), name: example}
    if name == "quality":
        found["type"] = "jpeg"
    return {"kind": kind, **{key: value for key, value in found.items() if value is not None}}


def nested(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the fields of the objects within specs."""
    names = {spec.__name__ for spec in SPECS.values()}
    for model, definition in schema["$defs"].items():
        for name, field in definition.get("properties", {}).items():
            if model not in names:
                yield f"{model}.{name}", field


def examples() -> Iterator[tuple[str, str, object]]:
    for kind, _, name in FIELDS:
        for example in SPECS[kind].model_fields[name].examples or []:
            yield kind, name, example


EXAMPLES = list(examples())


def test_every_option_has_a_description_and_an_example() -> None:
    for kind, heading, name in FIELDS:
        field = SPECS[kind].model_fields[name]
        assert heading
        assert (field.description or "").endswith((".", ".)")), (kind, name)
        assert field.examples, (kind, name)


def test_every_option_is_in_one_group() -> None:
    for kind, spec in SPECS.items():
        found = [name for each, _, name in FIELDS if each == kind]
        assert sorted(found) == sorted(spec.model_fields.keys() - {"kind"})


def test_every_field_within_an_option_has_a_description() -> None:
    found = dict(nested(JobRequest.model_json_schema()))
    assert found
    assert [path for path, field in found.items() if not field.get("description")] == []


@pytest.mark.parametrize(
    ("kind", "name", "example"), EXAMPLES, ids=[f"{e[0]} {e[1]} {e[2]}"[:60] for e in EXAMPLES]
)
def test_every_example_is_right_in_a_spec_of_its_kind(
    kind: str, name: str, example: object
) -> None:
    body = companions(kind, name, example)
    spec = JobRequest.model_validate(json.loads(json.dumps(body))).root
    default = SPECS[kind].model_fields[name].default  # type: ignore[index]
    assert getattr(spec, name) != default, "an example that changes nothing shows nothing"
    WHOLE.validate(body)


PAGE = {"kind": "screenshot", "url": "http://page.test/"}
PDF = {"kind": "pdf", "url": "http://page.test/"}
BOX = {"x": 0, "y": 0, "width": 1, "height": 1}


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "screenshot"},
        {"kind": "screenshot", "url": None},
        {**PAGE, "html": "<p>"},
        {**PAGE, "clip": BOX, "selector": "#a"},
        {**PAGE, "clip": BOX, "full_page": True},
        {**PAGE, "selector": "#a", "full_page": True},
        {**PAGE, "padding": 1},
        {**PAGE, "quality": 5},
        {**PAGE, "quality": 5, "type": "png"},
        {**PAGE, "type": "jpeg", "omit_background": True},
        {**PAGE, "wait_for_selector": ""},
        {**PAGE, "fail_on_status": ["6xx"]},
        {**PAGE, "fail_on_status": [600]},
        {**PAGE, "device": "iPhone"},
        {**PAGE, "clip": {**BOX, "width": 0}},
        {**PDF, "width": "1in"},
        {**PDF, "height": "1in"},
        {**PDF, "width": "1in", "height": "1in", "format": "A4"},
        {"kind": "probe"},
        {"kind": "probe", "url": "http://page.test/", "upload_id": "a"},
    ],
    ids=str,
)
def test_what_the_farm_refuses_the_schema_refuses_too(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidSpec):
        JobRequest.model_validate(body)
    assert not WHOLE.is_valid(body)


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "screenshot", "url": None, "html": ""},
        {**PAGE, "html": None, "clip": None, "selector": None, "full_page": True},
        {**PAGE, "clip": BOX, "full_page": False, "padding": 0, "quality": None},
        {**PAGE, "quality": 5, "type": "webp", "omit_background": True},
        {**PAGE, "omit_background": False, "type": "jpeg"},
        {**PAGE, "fail_on_status": [404, "4xx"], "wait_for_selector": "#a", "device": "iPhone 15"},
        {**PDF, "width": "1in", "height": "1in"},
        {**PDF, "width": None, "height": None, "format": "A4"},
        {"kind": "probe", "url": None, "upload_id": "a"},
    ],
    ids=str,
)
def test_what_the_farm_takes_the_schema_takes_too(body: dict[str, Any]) -> None:
    JobRequest.model_validate(body)
    WHOLE.validate(body)


def test_every_field_that_may_be_left_out_has_its_default_in_the_schema() -> None:
    definitions = JobRequest.model_json_schema()["$defs"]
    for name, definition in definitions.items():
        required = definition.get("required", [])
        for field, schema in definition.get("properties", {}).items():
            assert ("default" in schema) != (field in required), (name, field)
