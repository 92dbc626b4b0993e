"""Pages that hold a browser up, and what every hostile page must leave as it was.

Each job ends in time with a picture or an honest error, the next one on the same
browser succeeds, and no process is left in the end.
"""

import pytest

from tests.support.hostile import Endure
from tests.support.site import Site

_DISK_MAX_BYTES = 8_000_000
"""What a browser may write of its own, as of its profile, while it has a page."""


@pytest.mark.parametrize(
    "path",
    [
        "/alert",
        "/alerts-25",
        "/prompt",
        "/beforeunload",
        "/print",
        "/debugger",
        "/window-close",
        "/file-chooser",
        "/permissions",
        "/service-worker",
        "/mailto-onload",
        "/many-fonts",
        "/popup-storm-timer",
    ],
)
def test_95_a_page_that_wants_attention_is_pictured_without(endure: Endure, path: str) -> None:
    ending = endure(path)
    assert ending.code == "succeeded", ending.message
    assert ending.report["http_status"] == 200
    assert ending.report["partial"] is False
    assert ending.picture.size == (1280, 800)


@pytest.mark.parametrize("path", ["/download-storm", "/download-endless"])
def test_92_a_page_that_starts_downloads_is_pictured_and_none_of_them_gets_to_the_disk(
    endure: Endure, site: Site, path: str
) -> None:
    """The page stays open while some hundred MB would come."""
    ending = endure(path, wait_for_timeout=3000)
    assert ending.code == "succeeded", ending.message
    assert ending.picture.size == (1280, 800)
    started = [f"/attachment?{number}" for number in range(20)]
    assert any(map(site.seen, started if path == "/download-storm" else ["/endless-file"]))
    assert ending.disk_bytes < _DISK_MAX_BYTES


def test_91_no_window_is_opened_by_a_page(endure: Endure, site: Site) -> None:
    before = site.seen("/empty?popup")
    assert endure("/popup-storm").report["title"] == "0 opened"
    assert site.seen("/empty?popup") == before


@pytest.mark.parametrize(
    "path",
    [
        "/refresh-loop",
        "/meta-refresh-loop",
        "/reload-loop-onload",
        "/reload-loop-later",
        "/address-loop",
    ],
)
@pytest.mark.parametrize("full_page", [True, False])
def test_a_page_that_goes_on_and_on_is_pictured_as_it_stands_each_time(
    endure: Endure, site: Site, path: str, full_page: bool
) -> None:
    for _ in range(4):
        ending = endure(path, full_page=full_page)
        assert ending.code == "succeeded", ending.message
        assert str(ending.report["final_url"]).startswith(site.url(path))


@pytest.mark.parametrize(
    ("path", "awaited"),
    [
        ("/silent", "the server's answer"),
        ("/reload-loop", "load"),
        ("/drip", "/drip"),
        ("/slow-image", "/silent?image"),
        ("/slow-frame", "/silent?frame"),
        ("/slow-script", "/silent?script"),
        ("/slow-style", "/silent?style"),
        ("/mailto", "mailto:"),
    ],
)
def test_95_a_page_that_never_loads_times_out_and_says_why(
    endure: Endure, path: str, awaited: str
) -> None:
    ending = endure(path, timeout_s=3)
    assert ending.code == "timeout", ending.message
    assert "'load'" in ending.message
    assert awaited in ending.message


@pytest.mark.parametrize(
    ("path", "awaited"),
    [
        ("/drip", "/drip"),
        ("/slow-image", "/silent?image"),
        ("/slow-frame", "/silent?frame"),
        ("/slow-script", "/silent?script"),
        ("/slow-style", "/silent?style"),
        ("/slow-style-in-body", "/silent?style"),
        ("/mailto", "mailto:"),
        ("/mailto-form", "mailto:"),
        ("/to-no-content", "the end of the page"),
        ("/to-download", "the end of the page"),
        ("/window-stop", "/window-stop"),
    ],
)
def test_a_best_effort_pictures_a_page_that_never_loads_as_far_as_it_came_and_says_why(
    endure: Endure, path: str, awaited: str
) -> None:
    ending = endure(path, timeout_s=6, best_effort=True)
    assert ending.code == "succeeded", ending.message
    assert ending.report["partial"] is True
    assert ending.outcome is not None
    (warning,) = ending.outcome.warnings
    assert awaited in warning
    assert len(ending.picture.getcolors(1 << 20) or []) > 1


@pytest.mark.parametrize("path", ["/slow-font", "/slow-font-in-frame", "/slow-font-later"])
def test_a_font_that_never_comes_is_not_waited_for_long(endure: Endure, path: str) -> None:
    ending = endure(path)
    assert ending.code == "succeeded", ending.message
    assert ending.took_s < 15
    assert ending.outcome is not None
    assert any("/silent?font" in each for each in ending.outcome.warnings)


@pytest.mark.parametrize(
    ("path", "best_effort"),
    [
        ("/alert-storm", False),
        ("/spin", False),
        ("/spin", True),
        ("/spin-later", False),
        ("/popup-storm-endless", False),
        ("/svg-bomb", False),
    ],
)
def test_84_85_a_page_that_lets_nobody_in_is_unresponsive_whatever_is_made_of_it(
    endure: Endure, path: str, best_effort: bool
) -> None:
    ending = endure(path, timeout_s=3, best_effort=best_effort)
    assert ending.code == "page_unresponsive", ending.message
    assert ending.error is not None
    assert not ending.error.retryable


def test_119_a_caller_s_own_script_without_an_end_is_unresponsive(endure: Endure) -> None:
    ending = endure("/colours", timeout_s=3, scripts=["for (;;);"])
    assert ending.code == "page_unresponsive", ending.message
