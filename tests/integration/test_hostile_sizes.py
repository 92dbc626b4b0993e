"""Pages of too much: too large for a picture, or for the machine."""

import pytest

from farm.jobs.specs.screenshot import AREA_MAX_PX, SIDE_MAX_PX
from tests.support.hostile import Endure
from tests.support.pages import decoded, made
from tests.support.site import Site

_MEMORY_MAX_BYTES = 4 * 2**30


@pytest.mark.parametrize(
    ("path", "max_height", "size", "truncated"),
    [
        ("/tall-10000", 16_000, (1280, 10_000), False),
        ("/tall-16385", 16_000, (1280, 16_000), True),
        ("/tall-16385", 50_000, (1280, 16_385), False),
        ("/tall-1000000", 16_000, (1280, 16_000), True),
        ("/tall-1000000", 50_000, (1280, 50_000), True),
    ],
)
def test_a_tall_page_is_pictured_to_its_end_or_the_height_that_was_asked_for(
    endure: Endure, path: str, max_height: int, size: tuple[int, int], truncated: bool
) -> None:
    ending = endure(path, full_page=True, full_page_max_height=max_height, scroll_delay=0)
    assert ending.code == "succeeded", ending.message
    assert ending.picture.size == size
    assert ending.report["truncated"] is truncated
    assert ending.peak_bytes < _MEMORY_MAX_BYTES


def test_a_page_that_grows_as_it_is_scrolled_is_pictured_to_the_height_that_was_asked_for(
    endure: Endure,
) -> None:
    ending = endure("/growing", full_page=True, full_page_max_height=5000, scroll_delay=50)
    assert ending.code == "succeeded", ending.message
    assert ending.picture.size == (1280, 5000)
    assert ending.report["truncated"] is True


@pytest.mark.parametrize("path", ["/wide-100000", "/huge-box"])
def test_86_a_page_larger_than_any_picture_is_cut_to_what_a_picture_may_be(
    endure: Endure, path: str
) -> None:
    ending = endure(path, full_page=True, full_page_max_height=50_000, scroll_page=False)
    assert ending.code == "succeeded", ending.message
    width, height = ending.picture.size
    assert max(width, height) <= SIDE_MAX_PX["png"]
    assert width * height <= AREA_MAX_PX
    assert ending.report["truncated"] is True
    assert ending.peak_bytes < _MEMORY_MAX_BYTES


@pytest.mark.parametrize("full_page", [True, False])
def test_a_huge_canvas_is_pictured_or_fails_honestly(endure: Endure, full_page: bool) -> None:
    ending = endure("/huge-canvas", timeout_s=20, full_page=full_page, scroll_page=False)
    assert ending.code in {"succeeded", "capture_failed", "page_crashed"}, ending.message
    assert ending.peak_bytes < _MEMORY_MAX_BYTES


@pytest.mark.parametrize(
    ("path", "codes"),
    [
        ("/crash", {"page_crashed"}),
        ("/deep", {"page_crashed", "capture_failed"}),
        # How fast memory is filled is for the machine: the deadline may come before the limit.
        ("/memory-nodes", {"page_crashed", "page_unresponsive"}),
        # An allocation that fails is an exception, which leaves the page as it is.
        ("/memory-buffers", {"page_crashed", "succeeded", "page_unresponsive", "timeout"}),
        ("/memory-later", {"page_crashed", "succeeded"}),
    ],
)
def test_90_93_a_page_that_wants_all_memory_gets_a_part_and_fails_honestly(
    endure: Endure, path: str, codes: set[str]
) -> None:
    ending = endure(path)
    assert ending.code in codes, ending.message
    assert ending.peak_bytes < _MEMORY_MAX_BYTES


def test_of_a_long_console_the_first_lines_are_kept_and_the_caller_is_told(endure: Endure) -> None:
    ending = endure("/console-storm", collect=["console"])
    assert ending.code == "succeeded", ending.message
    assert ending.outcome is not None
    lines = decoded(made(ending.outcome, "console.json"))
    assert len(lines) == 1000
    assert max(len(line["text"]) for line in lines) == 1024
    assert any("1000 lines" in each for each in ending.outcome.warnings)


def test_a_console_without_an_end_is_no_burden_on_anybody_else(endure: Endure) -> None:
    # The page itself does nothing else: whether a picture comes between is for the machine.
    ending = endure("/console-storm-endless", timeout_s=5)
    honest = {"succeeded", "timeout", "page_unresponsive", "page_crashed"}
    assert ending.code in honest, ending.message
    assert ending.peak_bytes < _MEMORY_MAX_BYTES


def test_a_long_title_is_cut(endure: Endure) -> None:
    assert endure("/long-title").report["title"] == "x" * 1024


@pytest.mark.parametrize(
    ("path", "final_path"),
    [("/push-state", "/push-state#4999"), ("/long-address", "/long-address?xxx")],
)
def test_a_page_s_own_address_is_reported_and_cut(
    endure: Endure, site: Site, path: str, final_path: str
) -> None:
    final_url = str(endure(path).report["final_url"])
    assert final_url.startswith(site.url(final_path))
    assert len(final_url) <= 2048
