"""Which jobs ask for the same."""

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from farm.backends.memory import MemoryArtifacts
from farm.jobs.cache import twins_fingerprint
from farm.jobs.errors import InvalidSpec
from farm.jobs.keys import ANYBODY, Caller
from farm.jobs.models import ALL_ZONES
from farm.jobs.specs.base import JobOptions
from farm.jobs.specs.requests import SPECS, JobRequest, JobSpec
from farm.jobs.uploads import UPLOAD_NAME
from tests.support.builders import a_spec

ABOUT_THE_JOB = {*JobOptions.model_fields}
PLAIN = settings(max_examples=100, deadline=None, derandomize=True)

fields_of: dict[str, dict[str, list[Any]]] = {
    kind: {
        name: field.examples or []
        for name, field in spec.model_fields.items()
        if name not in {"kind", *ABOUT_THE_JOB}
    }
    for kind, spec in SPECS.items()
}
job_options = st.fixed_dictionaries(
    {"cache_ttl": st.integers(1, 2_592_000)},
    optional={
        "fresh": st.booleans(),
        "priority": st.sampled_from(["low", "high"]),
        "tags": st.just(["a"]),
        "metadata": st.just({"order": "7"}),
        "expires_in": st.integers(1, 60),
        "max_attempts": st.integers(1, 10),
        "retention": st.integers(60, 600),
        "webhook_url": st.just("https://hooks.test/"),
    },
)


def fingerprint(
    fields: dict[str, Any] | JobSpec,
    caller: Caller = ANYBODY,
    uploads: MemoryArtifacts | None = None,
) -> str:
    spec = a_spec(**{"cache_ttl": 60, **fields}) if isinstance(fields, dict) else fields
    found = twins_fingerprint(spec, caller.owner, caller.zones, uploads or MemoryArtifacts())
    assert found is not None
    return found


@st.composite
def asked(draw: st.DrawFn) -> dict[str, Any]:
    """What may be asked for of some kind, by the examples of its fields."""
    kind = draw(st.sampled_from(sorted(SPECS)))
    examples = {name: given for name, given in fields_of[kind].items() if given}
    names = draw(st.sets(st.sampled_from(sorted(examples)), max_size=4))
    fields = {name: draw(st.sampled_from(examples[name])) for name in names}
    fields = {"kind": kind, "url": "http://page.test/", **fields}
    if {"html", "upload_id"} & set(fields):
        del fields["url"]
    assume(is_good(fields))
    return fields


def is_good(fields: dict[str, Any]) -> bool:
    try:
        JobRequest.model_validate(fields)
    except InvalidSpec:
        return False
    return True


@PLAIN
@given(asked(), job_options, st.data())
def test_neither_order_nor_defaults_nor_what_is_about_the_job_matter(
    fields: dict[str, Any], options: dict[str, Any], data: st.DataObject
) -> None:
    plain = JobRequest.model_validate({**fields, "cache_ttl": 60}).root
    as_it_is = plain.model_dump(mode="json")
    names = data.draw(st.permutations(sorted({*fields, *options, *as_it_is})))
    kept = data.draw(st.sets(st.sampled_from(names), max_size=5)) | {*fields}
    again = {**{name: as_it_is[name] for name in names if name in kept}, **options}
    assume(is_good(again))
    assert fingerprint(JobRequest.model_validate(again).root) == fingerprint(plain)


@PLAIN
@given(asked(), st.data())
def test_every_other_change_matters(fields: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(fields_of[fields["kind"]])))
    changed = {
        **fields,
        name: data.draw(st.sampled_from(fields_of[fields["kind"]][name] or [None])),
    }
    if name in fields and changed[name] == fields[name]:
        del changed[name]
    assume(is_good(changed))
    one, other = (
        JobRequest.model_validate({**each, "cache_ttl": 60}).root for each in (fields, changed)
    )
    assume(one != other)
    assert fingerprint(one) != fingerprint(other)


# Values that were not validated: one at a time, most would not be.
@pytest.mark.filterwarnings("ignore:Pydantic serializer")
@pytest.mark.parametrize("kind", SPECS)
def test_every_field_of_a_kind_that_is_not_about_the_job_is_part_of_it(kind: str) -> None:
    base = a_spec(kind=kind, cache_ttl=60)
    for name, examples in fields_of[kind].items():
        other = next(each for each in [*examples, "x"] if each != getattr(base, name))
        changed = base.model_copy(update={name: other})
        assert fingerprint(changed) != fingerprint(base), name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"url": "http://page.test"}, {"url": "http://page.test/"}),
        ({"wait_for_selector": "h1"}, {"wait_for_selector": {"selector": "h1"}}),
        ({"device_scale_factor": 2}, {"device_scale_factor": 2.0}),
        (
            {"extra_http_headers": {"A": "1", "B": "2"}},
            {"extra_http_headers": {"B": "2", "A": "1"}},
        ),
    ],
)
def test_two_spellings_of_one_thing_are_the_same(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"extra_http_headers": {"Cookie-Consent": "1"}}, {"extra_http_headers": None}),
        (
            {"cookies": [{"name": "session", "value": "ann"}]},
            {"cookies": [{"name": "session", "value": "bob"}]},
        ),
        (
            {"http_credentials": {"username": "ann", "password": "a"}},
            {"http_credentials": {"username": "ann", "password": "b"}},
        ),
        ({"collect": ["html"]}, {"collect": ["text"]}),
    ],
)
def test_who_somebody_is_to_the_page_matters_and_is_not_readable(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert fingerprint(one) != fingerprint(other)
    assert len(fingerprint(one)) == 64


def test_a_page_that_is_given_is_the_same_if_its_html_is() -> None:
    page = {"url": None, "html": "<h1>One"}
    assert fingerprint(page) == fingerprint(dict(page))
    assert fingerprint(page) != fingerprint({**page, "html": "<h1>Two"})


def test_an_upload_is_its_bytes_and_not_its_id() -> None:
    uploads = MemoryArtifacts()
    for upload_id, content in {"one": b"same", "two": b"same", "three": b"other"}.items():
        uploads.put(upload_id, UPLOAD_NAME, "video/mp4", [content], ttl_s=60)
    one, two, three, gone = (
        fingerprint({"kind": "probe", "url": None, "upload_id": upload_id}, uploads=uploads)
        for upload_id in ("one", "two", "three", "gone")
    )
    assert one == two
    assert len({one, three, gone}) == 3


def test_no_two_callers_have_it_in_common() -> None:
    ann, bob = (Caller(owner=owner, scopes=frozenset()) for owner in ("ann", "bob"))
    public = Caller(owner="ann", scopes=frozenset(), zones=("public",))
    assert len({fingerprint({}, caller) for caller in (ANYBODY, ann, bob, public)}) == 4


def test_without_a_cache_ttl_there_is_none() -> None:
    for spec in (a_spec(), a_spec(fresh=True)):
        assert twins_fingerprint(spec, "", ALL_ZONES, MemoryArtifacts()) is None
