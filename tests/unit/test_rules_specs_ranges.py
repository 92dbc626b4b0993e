"""Numbers, choices and texts: what may be at the edge, and not beyond."""

from collections.abc import Iterator
from typing import Any

import pytest

from farm.jobs.specs.requests import SPECS
from tests.support.builders import a_spec
from tests.support.refusals import refused

Place = tuple[str, str]
"""Kind, and dotted path of the field."""

DOCUMENTED: dict[Place, tuple[float, float]] = {
    ("screenshot", "timeout"): (1000, 120_000),
    ("probe", "timeout"): (1000, 300_000),
    ("pdf", "navigation_timeout"): (100, 120_000),
    ("content", "wait_for_timeout"): (0, 30_000),
    ("screenshot", "expires_in"): (1, 604_800),
    ("screenshot", "max_attempts"): (1, 10),
    ("screenshot", "retention"): (60, 2_592_000),
    ("screenshot", "cache_ttl"): (0, 2_592_000),
    ("screenshot", "viewport.width"): (1, 7680),
    ("screenshot", "viewport.height"): (1, 4320),
    ("screenshot", "device_scale_factor"): (0.5, 4),
    ("screenshot", "geolocation.latitude"): (-90, 90),
    ("screenshot", "geolocation.longitude"): (-180, 180),
    ("screenshot", "scroll_delay"): (0, 5000),
    ("screenshot", "thumbnail_width"): (50, 1280),
    ("screenshot", "quality"): (0, 100),
    ("screenshot", "full_page_max_height"): (1, 50_000),
    ("screenshot", "padding"): (0, 500),
    ("screenshot", "retry_blank"): (0, 3),
    ("pdf", "scale"): (0.1, 2),
    ("probe", "frame_limit"): (1, 5000),
    ("probe", "probesize"): (32, 100_000_000),
    ("probe", "analyzeduration"): (0, 60_000_000),
    ("probe", "thumbnails.count"): (1, 36),
    ("probe", "thumbnails.columns"): (1, 6),
    ("probe", "thumbnails.width"): (64, 1920),
}

NEEDED: dict[str, dict[str, Any]] = {
    "navigation_timeout": {"timeout": 120_000},
    "quality": {"type": "jpeg"},
    "padding": {"selector": "#a"},
    "geolocation": {"latitude": 0, "longitude": 0},
    "clip": {"x": 0, "y": 0, "width": 1, "height": 1},
    "thumbnails": {"count": 1},
}
"""What must stand beside a field: in the spec, or in the object that the field is in."""


def numbers() -> Iterator[tuple[str, str, float, float, bool]]:
    """Yield each number of each spec: kind, path, least, most, whether the least is excluded."""
    for kind, spec in SPECS.items():
        schema = spec.model_json_schema()
        for name, field in schema["properties"].items():
            yield from _numbers_in(kind, name, field, schema.get("$defs", {}))


def _numbers_in(
    kind: str, path: str, field: dict[str, Any], definitions: dict[str, Any]
) -> Iterator[tuple[str, str, float, float, bool]]:
    for each in (field, *field.get("anyOf", ())):
        if each.get("type") in {"integer", "number"}:
            is_open = "exclusiveMinimum" in each
            least = each["exclusiveMinimum" if is_open else "minimum"]
            yield kind, path, least, each["maximum"], is_open
        inner = definitions.get(each.get("$ref", "").rpartition("/")[2], {})
        for name, part in inner.get("properties", {}).items():
            yield from _numbers_in(kind, f"{path}.{name}", part, definitions)


NUMBERS = list(numbers())


def body(kind: str, path: str, value: float) -> dict[str, Any]:
    outer, _, inner = path.partition(".")
    source = {"kind": kind, "url": "http://page.test/"}
    if inner:
        return {**source, outer: {**NEEDED.get(outer, {}), inner: value}}
    return {**source, **NEEDED.get(outer, {}), outer: value}


def test_no_number_is_without_a_range() -> None:
    found = {(kind, path): (least, most) for kind, path, least, most, _ in NUMBERS}
    assert {place: found.get(place) for place in DOCUMENTED} == DOCUMENTED


@pytest.mark.parametrize(
    ("kind", "path", "least", "most", "is_open"), NUMBERS, ids=[f"{n[0]} {n[1]}" for n in NUMBERS]
)
def test_a_number_may_be_at_the_edge_and_not_beyond(
    kind: str, path: str, least: float, most: float, is_open: bool
) -> None:
    step = 1 if isinstance(least, int) and path not in {"device_scale_factor", "scale"} else 0.01
    a_spec(**body(kind, path, least + step if is_open else least))
    a_spec(**body(kind, path, most))
    low = refused(body(kind, path, least if is_open else least - step))
    assert "greater than" in low[path]
    assert "less than or equal" in refused(body(kind, path, most + step))[path]


CHOICES: list[tuple[str, list[str], bool]] = [
    ("priority", ["low", "normal", "high"], False),
    ("wait_until", ["commit", "domcontentloaded", "load", "networkidle"], False),
    ("isolation", ["job", "batch"], False),
    ("color_scheme", ["light", "dark", "no-preference"], False),
    ("reduced_motion", ["reduce", "no-preference"], True),
    ("forced_colors", ["active", "none"], True),
    ("contrast", ["more", "no-preference"], True),
    ("media", ["screen", "print"], True),
    ("extra_http_headers_to", ["origin", "all"], False),
    ("type", ["png", "jpeg", "webp"], False),
    ("scale", ["css", "device"], False),
    ("animations", ["allow", "disabled"], False),
    ("caret", ["hide", "initial"], False),
    (
        "format",
        ["Letter", "Legal", "Tabloid", "Ledger", "A0", "A1", "A2", "A3", "A4", "A5", "A6"],
        False,
    ),
]
LISTS_OF_CHOICES = [
    ("sections", ["format", "streams", "chapters", "programs", "packets", "frames"]),
    ("collect", ["html", "text", "pdf", "har", "console", "network", "thumbnail"]),
    (
        "block_resources",
        [
            *("stylesheet", "image", "media", "font", "script", "texttrack", "xhr", "fetch"),
            *("eventsource", "websocket", "manifest", "other"),
        ],
    ),
    (
        "permissions",
        [
            *("accelerometer", "ambient-light-sensor", "background-sync", "camera"),
            *("clipboard-read", "clipboard-write", "geolocation", "gyroscope", "local-fonts"),
            *("magnetometer", "microphone", "midi", "midi-sysex", "notifications"),
            *("payment-handler", "screen-wake-lock", "storage-access"),
        ],
    ),
]


def kind_with(field: str) -> str:
    return next(kind for kind, spec in SPECS.items() if field in spec.model_fields)


def body_with(field: str, value: object) -> dict[str, Any]:
    return {"kind": kind_with(field), "url": "http://page.test/", field: value}


@pytest.mark.parametrize(("field", "words", "may_be_null"), CHOICES)
def test_a_choice_takes_its_words_and_names_them_to_who_has_another(
    field: str, words: list[str], may_be_null: bool
) -> None:
    for word in words:
        assert getattr(a_spec(**body_with(field, word)), field) == word
    for wrong in (words[0].swapcase(), "", 1, *([] if may_be_null else [None])):
        message = refused(body_with(field, wrong))[field]
        assert all(word in message for word in words)


@pytest.mark.parametrize(("field", "words"), LISTS_OF_CHOICES)
def test_a_list_of_choices_takes_all_of_its_words_and_no_other(
    field: str, words: list[str]
) -> None:
    assert getattr(a_spec(**body_with(field, words)), field) == tuple(words)
    for wrong in (words[0].upper(), "", 1, None):
        message = refused(body_with(field, [words[1], wrong]))[f"{field}.1"]
        assert all(word in message for word in words)


def test_every_choice_of_every_spec_is_in_the_tables_above() -> None:
    tested = {"kind", "device", *(field for field, *_ in (*CHOICES, *LISTS_OF_CHOICES))}
    for spec in SPECS.values():
        for name, field in spec.model_json_schema()["properties"].items():
            variants = (field, field.get("items", {}), *field.get("anyOf", ()))
            if any("enum" in each for each in variants):
                assert name in tested


def texts() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a body for each place where a text may stand, with half a surrogate pair there."""
    half = "\ud800"
    cookie = {"name": "a", "value": "b"}
    places: dict[str, Any] = {
        **dict.fromkeys(("url", "html", "wait_for_function", "user_agent", "locale"), half),
        **dict.fromkeys(("timezone_id", "device", "selector", "mask_color", "style"), half),
        **{name: [half] for name in ("styles", "scripts", "hide_selectors", "click", "mask")},
        **{name: [half] for name in ("remove_selectors", "block_urls", "fail_on_status", "tags")},
        "wait_for_selector": half,
        "http_credentials": {"username": half, "password": "b"},
        "extra_http_headers": {"a": half},
        "metadata": {"a": half},
    }
    for name, value in places.items():
        yield name, {"kind": "screenshot", "url": "http://page.test/", name: value}
    for name in ("name", "value", "url", "domain", "partitionKey"):
        yield f"cookies.0.{name}", body_with("cookies", [{**cookie, name: half}])
    for name in ("width", "page_ranges", "header_template", "footer_template"):
        yield name, {"kind": "pdf", "url": "http://page.test/", "height": "1in", name: half}
    item = {"origin": "http://a.test/", "localStorage": [{"name": "a", "value": half}]}
    yield "storage_state.origins.0", body_with("storage_state", {"origins": [item]})
    yield "select.a.selector", body_with("select", {"a": {"selector": half}})
    yield "select.a.attribute", body_with("select", {"a": {"selector": "a", "attribute": half}})
    yield "select.", body_with("select", {half: {"selector": "a"}})
    yield "extra_http_headers.", body_with("extra_http_headers", {half: "b"})


TEXTS = list(texts())


@pytest.mark.parametrize(("place", "spec"), TEXTS, ids=[place for place, _ in TEXTS])
def test_half_a_surrogate_pair_is_no_text_anywhere(place: str, spec: dict[str, Any]) -> None:
    assert any(field.startswith(place) for field in refused(spec))
