"""What may be asked of every kind, and errors that name the field."""

from typing import Any

import pytest

from farm.jobs.errors import InvalidSpec
from farm.jobs.specs.requests import VALUES_MAX, JobRequest
from tests.support.builders import a_spec
from tests.support.refusals import refused, refused_fields, refused_probe


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
            {"wait_for_selector": {"selector": "#a", "stat": "hidden"}},
            {"wait_for_selector.stat": "unknown field; did you mean 'state'?"},
        ),
        (
            {"clip": {"x": 0, "y": 0, "width": 1, "heigth": 1}},
            {
                "clip.height": "Field required",
                "clip.heigth": "unknown field; did you mean 'height'?",
            },
        ),
        (
            {"cookies": [{"name": "a", "value": "b"}, {"nmae": "a", "value": "b"}]},
            {
                "cookies.1.name": "Field required",
                "cookies.1.nmae": "unknown field; did you mean 'name'?",
            },
        ),
        (
            {"storage_state": {"origins": [{"origin": "http://a.test/", "localStorag": []}]}},
            {
                "storage_state.origins.0.localStorag": (
                    "unknown field; did you mean 'localStorage'?"
                )
            },
        ),
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


def test_an_endless_name_comes_back_cut() -> None:
    ((field, message),) = refused_fields(**{"timeout" * 100_000: 1}).items()
    assert (len(field), message) == (100, "unknown field")


def test_a_body_with_more_values_than_any_spec_can_have_is_refused_before_they_are_looked_at() -> (
    None
):
    message = f"must not have more than {VALUES_MAX:,} values"
    nested = [{"a": {str(number): 0 for number in range(9)}}] * 9999
    bodies: list[list[object]] = [[0] * (VALUES_MAX + 1), [[{}] * 1000] * 100, [*nested]]
    for many in bodies:
        assert refused_fields(tags=many) == {"": message}
    assert refused({str(number): 0 for number in range(VALUES_MAX + 1)}) == {"": message}


def test_the_largest_storage_state_is_not_too_much() -> None:
    item = {"name": "n", "value": "v"}
    origins = [
        {"origin": f"http://{number}.test/", "localStorage": [item] * 500} for number in range(50)
    ]
    cookie = {
        "name": "n",
        "value": "v",
        "domain": "page.test",
        "path": "/",
        "expires": -1,
        "httpOnly": True,
        "secure": True,
        "sameSite": "Lax",
    }
    a_spec(storage_state={"cookies": [cookie] * 500, "origins": origins})


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
        ("device_scale_factor", "2"),
        ("device_scale_factor", True),
        ("clip", [0, 0, 1, 1]),
        ("wait_for_selector", ["#a"]),
        ("wait_for_selector", 1),
        ("cookies", {"name": "a", "value": "b"}),
        ("extra_http_headers", [["a", "b"]]),
        ("mask", "#a"),
        ("html", 1),
    ],
)
def test_a_wrong_type_is_refused_and_not_coerced(field: str, value: object) -> None:
    assert list(refused_fields(**{field: value})) == [field]


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
    assert refused(body) == {"kind": "must be one of: screenshot, pdf, content, probe"}


@pytest.mark.parametrize("body", [None, [], "screenshot", 1, True])
def test_a_body_that_is_no_object_is_said_to_be_none(body: object) -> None:
    assert refused(body) == {"": "the body must be a JSON object"}


@pytest.mark.parametrize("kind", ["screenshot", "pdf", "content"])
@pytest.mark.parametrize(
    "source",
    [{}, {"url": None}, {"html": None}, {"url": "http://page.test/", "html": "<p>"}],
    ids=str,
)
def test_a_page_has_exactly_one_source(kind: str, source: dict[str, Any]) -> None:
    assert refused({"kind": kind, **source}) == {"url": "give exactly one of url and html"}
    JobRequest.model_validate({"kind": kind, "html": ""})


def test_the_url_is_stored_in_its_one_spelling_and_refused_with_a_reason() -> None:
    assert a_spec(url="HTTP://Page.test:80").url == "http://page.test/"
    assert refused_fields(url="file:///x") == {"url": "must start with http:// or https://"}


def test_all_that_is_wrong_is_said_at_once_and_the_first_in_the_message() -> None:
    body = {"kind": "screenshot", "url": "x", "timeout": 1, "typ": "png"}
    assert list(refused(body)) == ["url", "timeout", "typ"]
    with pytest.raises(InvalidSpec, match=r"^url: must start with"):
        JobRequest.model_validate(body)


@pytest.mark.parametrize(
    "fields",
    [
        {"tags": ["a"], "metadata": {"k": "v"}, "viewport": {"width": 10}},
        {"wait_for_selector": "#a", "fail_on_status": [404, "5xx"], "type": "png"},
        {"cookies": [{"name": "a", "value": "b"}], "extra_http_headers": {"A": "b"}},
        {"storage_state": {"cookies": [{"name": "a", "value": "b"}]}, "clip": None},
        {"kind": "pdf", "margin": {"top": "1cm"}, "width": "10cm", "height": "10cm"},
        {"kind": "content", "select": {"a": {"selector": "b", "attribute": None}}},
        {"kind": "probe", "timeout": 30_000},
    ],
    ids=str,
)
def test_a_spec_comes_back_from_json_as_it_was(fields: dict[str, Any]) -> None:
    spec = a_spec(**fields)
    again = JobRequest.model_validate_json(spec.model_dump_json(exclude_unset=True)).root
    assert again == spec
    assert again.model_fields_set == spec.model_fields_set
