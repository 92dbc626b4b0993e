"""What may be asked: defaults, limits, and errors that name the field."""

from typing import Any

import pytest

from farm.jobs.errors import FieldError, InvalidSpec
from farm.jobs.specs import JobRequest
from tests.support.builders import a_spec


def refused(body: object) -> dict[str, str]:
    """Return what is wrong with ``body``, by field."""
    with pytest.raises(InvalidSpec) as caught:
        JobRequest.model_validate(body)
    assert all(isinstance(error, FieldError) for error in caught.value.errors)
    return {error.field: error.message for error in caught.value.errors}


def refused_fields(**fields: Any) -> dict[str, str]:
    return refused({"kind": "screenshot", "url": "http://page.test/", **fields})


def refused_probe(**fields: Any) -> dict[str, str]:
    return refused({"kind": "probe", **fields})


OPTIONS = {
    "priority": "normal",
    "tags": (),
    "metadata": {},
    "max_attempts": 3,
    "retention": 86_400,
    "timeout": 30_000,
}


def test_a_screenshot_has_documented_defaults() -> None:
    assert a_spec().model_dump() == {
        **OPTIONS,
        "kind": "screenshot",
        "url": "http://page.test/",
        "viewport": {"width": 1280, "height": 800},
        "full_page": False,
        "type": "png",
        "quality": None,
        "wait_until": "load",
    }


def test_a_probe_has_documented_defaults() -> None:
    probe = a_spec(kind="probe").model_dump()
    assert probe == {**OPTIONS, "kind": "probe", "url": "http://page.test/", "upload_id": None}


RANGES = [
    ("screenshot", "timeout", 1000, 120_000),
    ("probe", "timeout", 1000, 300_000),
    ("screenshot", "max_attempts", 1, 10),
    ("screenshot", "retention", 60, 2_592_000),
    ("screenshot", "viewport.width", 1, 7680),
    ("screenshot", "viewport.height", 1, 4320),
    ("screenshot", "quality", 0, 100),
]


@pytest.mark.parametrize(("kind", "field", "least", "most"), RANGES)
def test_a_number_may_be_at_the_edge_and_not_beyond(
    kind: str, field: str, least: int, most: int
) -> None:
    def with_value(value: int) -> dict[str, Any]:
        outer, _, inner = field.partition(".")
        fields = {outer: {inner: value} if inner else value, "kind": kind}
        return fields | ({"type": "jpeg"} if field == "quality" else {})

    a_spec(**with_value(least))
    a_spec(**with_value(most))
    assert "greater than or equal" in refused_fields(**with_value(least - 1))[field]
    assert "less than or equal" in refused_fields(**with_value(most + 1))[field]


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("priority", ["low", "normal", "high"]),
        ("type", ["png", "jpeg", "webp"]),
        ("wait_until", ["commit", "domcontentloaded", "load", "networkidle"]),
    ],
)
def test_a_choice_takes_its_words_and_names_them_to_who_has_another(
    field: str, values: list[str]
) -> None:
    for value in values:
        assert getattr(a_spec(**{field: value}), field) == value
    for wrong in (values[0].upper(), "", 1, None):
        message = refused_fields(**{field: wrong})[field]
        assert all(value in message for value in values)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"tags": ["a"] * 17}, "tags"),
        ({"tags": ["ok", ""]}, "tags.1"),
        ({"tags": ["a" * 65]}, "tags.0"),
        ({"tags": ["ok", "\ud800"]}, "tags.1"),
        ({"metadata": {str(number): "" for number in range(17)}}, "metadata"),
        ({"metadata": {"key": "v" * 2046}}, "metadata"),
        ({"metadata": {"key": "\udfff"}}, "metadata.key"),
        ({"metadata": {"key": 1}}, "metadata.key"),
    ],
)
def test_tags_and_metadata_have_limits(fields: dict[str, Any], field: str) -> None:
    assert list(refused_fields(**fields)) == [field]


@pytest.mark.parametrize("key", ["", "k" * 65, "\ud800"], ids=ascii)
def test_a_metadata_key_has_limits_too(key: str) -> None:
    (field,) = refused_fields(metadata={key: "value"})
    assert field.startswith("metadata.")


def test_tags_and_metadata_may_be_at_their_limits() -> None:
    spec = a_spec(tags=["🏷" * 64] * 16, metadata={"k" * 64: "v" * (2048 - 64)})
    assert len(spec.tags) == 16
    a_spec(metadata={str(number): "" for number in range(16)})


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"ful_page": True}, {"ful_page": "unknown field; did you mean 'full_page'?"}),
        ({"time_out": 1}, {"time_out": "unknown field; did you mean 'timeout'?"}),
        ({"": 1}, {"": "unknown field"}),
        ({"xyzzy": 1}, {"xyzzy": "unknown field"}),
        ({"upload_id": "a"}, {"upload_id": "unknown field"}),
        (
            {"viewport": {"widht": 1, "hieght": 1}},
            {
                "viewport.widht": "unknown field; did you mean 'width'?",
                "viewport.hieght": "unknown field; did you mean 'height'?",
            },
        ),
    ],
)
def test_an_unknown_field_is_named_with_the_nearest_one(
    fields: dict[str, Any], named: dict[str, str]
) -> None:
    assert refused_fields(**fields) == named


def test_the_nearest_field_is_one_of_the_same_kind() -> None:
    assert "upload_id" in refused_probe(url="http://page.test/", uploadid="a")["uploadid"]
    assert "full_page" not in refused_probe(url="http://page.test/", fullpage=True)["fullpage"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timeout", "30000"),
        ("timeout", 30000.0),
        ("timeout", True),
        ("timeout", None),
        ("max_attempts", "3"),
        ("full_page", 1),
        ("full_page", "true"),
        ("url", 1),
        ("url", None),
        ("url", ["http://page.test/"]),
        ("tags", "abc"),
        ("tags", {"a": "b"}),
        ("tags", None),
        ("metadata", []),
        ("metadata", "a=b"),
        ("viewport", [1280, 800]),
        ("viewport", "1280x800"),
        ("viewport", None),
    ],
)
def test_a_wrong_type_is_refused_and_not_coerced(field: str, value: object) -> None:
    assert list(refused_fields(**{field: value})) == [field]


@pytest.mark.parametrize("quality", [0, 80])
def test_a_png_has_no_quality(quality: int) -> None:
    assert "png has no quality" in refused_fields(quality=quality)["quality"]
    assert "png has no quality" in refused_fields(type="png", quality=quality)["quality"]
    a_spec(type="webp", quality=quality)


@pytest.mark.parametrize(
    "fields", [{}, {"url": None, "upload_id": None}, {"url": "http://a/", "upload_id": "b"}]
)
def test_a_probe_has_exactly_one_source(fields: dict[str, Any]) -> None:
    assert refused_probe(**fields) == {"url": "give exactly one of url and upload_id"}


def test_a_probe_s_upload_id_has_a_limit() -> None:
    JobRequest.model_validate({"kind": "probe", "upload_id": "a" * 64})
    assert list(refused_probe(upload_id="a" * 65)) == ["upload_id"]


@pytest.mark.parametrize(
    "body", [{}, {"kind": None}, {"kind": "Screenshot"}, {"kind": ["probe"]}, {"kind": "\ud800"}]
)
def test_a_kind_that_is_none_is_answered_with_those_that_are(body: dict[str, Any]) -> None:
    assert refused(body) == {"kind": "must be one of: screenshot, probe"}


@pytest.mark.parametrize("body", [None, [], "screenshot", 1, True])
def test_a_body_that_is_no_object_is_said_to_be_none(body: object) -> None:
    assert refused(body) == {"": "the body must be a JSON object"}


def test_a_missing_url_is_named() -> None:
    assert list(refused({"kind": "screenshot"})) == ["url"]


def test_the_url_is_stored_in_its_one_spelling_and_refused_with_a_reason() -> None:
    assert a_spec(url="HTTP://Page.test:80").url == "http://page.test/"
    assert refused_fields(url="file:///x") == {"url": "must start with http:// or https://"}


def test_all_that_is_wrong_is_said_at_once_and_the_first_in_the_message() -> None:
    body = {"kind": "screenshot", "url": "x", "timeout": 1, "typ": "png"}
    assert list(refused(body)) == ["url", "timeout", "typ"]
    with pytest.raises(InvalidSpec, match=r"^url: must start with"):
        JobRequest.model_validate(body)


def test_a_spec_comes_back_from_json_as_it_was() -> None:
    spec = a_spec(tags=["a"], metadata={"k": "v"}, viewport={"width": 10})
    assert JobRequest.model_validate_json(spec.model_dump_json()).root == spec
