"""Files of shots: those that people have, and what is said where they ask for something else."""

from collections.abc import Mapping
from typing import Any

import pytest

from farm.client.lists.entries import BadLine, Entry
from farm.client.lists.shots import read_shots
from farm.jobs.specs.requests import JobRequest

PAGES = {"index.html": "<h1>Hello</h1>"}
WINDOW = {"width": 1280, "height": 720}
DOCUMENTED = """\
# From the documentation of shot-scraper's multi.
- output: example.com.png
  url: http://www.example.com/
- url: w3c.org
- output: index.png
  url: index.html
- output: bighead.png
  url: https://simonwillison.net/
  selector: "#bighead"
  padding: 20
- output: bighead-pink.png
  url: https://simonwillison.net/
  selectors:
  - "#bighead"
  javascript: |
    document.body.style.backgroundColor = 'pink'
- output: simon-narrow.jpg
  url: https://simonwillison.net/
  width: 400
  height: 800
  quality: 80
  wait: 500
  wait_for: document.querySelector('#bighead')
- output: see/through.png
  url: https://example.com/
  width: 600
  padding: 10
  omit_background: true
"""


def read(text: str, kind: str = "screenshot", ignored: tuple[str, ...] = ()) -> list[Any]:
    return list(read_shots(text, kind=kind, ignored=ignored, read_file=PAGES.get))


def one(text: str, **more: Any) -> Mapping[str, Any]:
    (entry,) = read(text, **more)
    assert isinstance(entry, Entry)
    JobRequest.model_validate({**entry.spec})
    return entry.spec


def mistakes(text: str, **more: Any) -> list[str]:
    (bad,) = read(text, **more)
    assert isinstance(bad, BadLine)
    return list(bad.mistakes)


def test_a_documented_file_is_read_as_it_is_meant() -> None:
    found = read(DOCUMENTED)
    assert [(each.line, each.path) for each in found] == [
        (2, "example.com.png"),
        (4, None),
        (5, "index.png"),
        (7, "bighead.png"),
        (11, "bighead-pink.png"),
        (17, "simon-narrow.jpg"),
        (24, "see/through.png"),
    ]
    blog = {"kind": "screenshot", "url": "https://simonwillison.net/"}
    assert [each.spec for each in found] == [
        {
            "kind": "screenshot",
            "url": "http://www.example.com/",
            "viewport": WINDOW,
            "full_page": True,
        },
        {"kind": "screenshot", "url": "http://w3c.org", "viewport": WINDOW, "full_page": True},
        {"kind": "screenshot", "html": PAGES["index.html"], "viewport": WINDOW, "full_page": True},
        {**blog, "viewport": WINDOW, "selector": "#bighead", "padding": 20},
        {
            **blog,
            "viewport": WINDOW,
            "selector": "#bighead",
            "scripts": ["document.body.style.backgroundColor = 'pink'\n"],
        },
        {
            **blog,
            "viewport": {"width": 400, "height": 800},
            "full_page": False,
            "type": "jpeg",
            "quality": 80,
            "wait_for_timeout": 500,
            "wait_for_function": "document.querySelector('#bighead')",
        },
        {
            "kind": "screenshot",
            "url": "https://example.com/",
            "viewport": {"width": 600, "height": 720},
            "full_page": True,
            "omit_background": True,
        },
    ]
    for each in found:
        JobRequest.model_validate({**each.spec})


def test_fields_of_our_own_specs_are_keys_too() -> None:
    spec = one("- {url: 'https://example.com', device: iPhone 13, color_scheme: dark}")
    assert spec["device"] == "iPhone 13"
    assert "viewport" not in spec
    assert one("- {url: 'https://example.com', full_page: false}")["full_page"] is False
    assert one("- {url: 'https://example.com', viewport: {width: 5, height: 6}}")["viewport"] == {
        "width": 5,
        "height": 6,
    }
    assert "full_page" not in one(
        "- {url: 'https://e.com', clip: {x: 0, y: 0, width: 5, height: 6}}"
    )


def test_a_shot_may_be_of_another_kind() -> None:
    spec = one("- {url: 'https://example.com', kind: pdf, width: 10cm, height: 20cm}")
    assert spec == {
        "kind": "pdf",
        "url": "https://example.com",
        "width": "10cm",
        "height": "20cm",
    }
    assert one("- url: https://example.com", kind="content")["kind"] == "content"


def test_a_webp_keeps_its_quality() -> None:
    assert "type" not in read("- {url: 'https://e.com', quality: 5, output: a.WEBP}")[0].spec


def test_a_key_without_a_value_is_none() -> None:
    assert "scripts" not in one("- url: https://example.com\n  javascript:\n")


@pytest.mark.parametrize(
    ("key", "way_out"),
    [
        ("sh: make", "run it before"),
        ("python: print()", "run it before"),
        ("server: python -m http.server", "run it before"),
        ("selector_all: p", "around them all"),
        ("selectors: [p, h1]", "a shot of each"),
        ("js_selector: el.id", "selector: '#id'"),
        ("retina: true", "device_scale_factor: 2"),
        ("auth: auth.json", "storage_state"),
        ("colour: red", "--ignore colour"),
        ("{width: 5, device: iPhone 13}", "viewport or device"),
        ("output: ../x.png", "-o"),
        ("output: /x.png", "-o"),
        ("output: 'C:x.png'", "-o"),
        ("output: 5", "name of a file"),
        ("selectors: p", "must be a list"),
    ],
)
def test_what_cannot_be_done_is_named_with_the_way_out(key: str, way_out: str) -> None:
    text = f"- {{url: 'https://example.com', {key.strip('{}')}}}"
    (said,) = mistakes(text)
    assert way_out in said
    assert said.startswith(key.strip("{").partition(":")[0])


def test_all_that_cannot_be_done_is_named_at_once() -> None:
    said = mistakes("- {url: 'https://example.com', sh: make, colour: red}")
    assert len(said) == 2


def test_a_key_can_be_ignored_by_name() -> None:
    text = "- {url: 'https://example.com', sh: make, colour: red}"
    assert "sh" not in one(text, ignored=("sh", "colour"))


@pytest.mark.parametrize("shot", ["5", "[]", "{}", "{sh: make}", "{url: 5}", "{url: ''}"])
def test_a_shot_needs_an_address(shot: str) -> None:
    assert mistakes(f"- {shot}")


def test_one_bad_shot_does_not_hide_the_others() -> None:
    found = read("- 5\n- url: https://example.com\n- {}\n")
    assert [(type(each), each.line) for each in found] == [(BadLine, 1), (Entry, 2), (BadLine, 3)]


@pytest.mark.parametrize(
    "text",
    [
        "url: https://example.com",
        "https://example.com",
        "- [",
        "- {url: 'a'}\n---\n- {url: 'b'}",
        "- !!python/object/apply:os.system ['true']",
        "[" * 5000,
        "- *nowhere",
        "\t- x",
        "a: b: c",
        "- 9999-99-99",
    ],
)
def test_what_is_no_file_of_shots_is_one_sentence(text: str) -> None:
    with pytest.raises(ValueError) as refused:
        read(text)
    assert str(refused.value).startswith("That is no file of shots: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "[]", "---\n"])
def test_an_empty_file_has_no_shots(text: str) -> None:
    assert read(text) == []
