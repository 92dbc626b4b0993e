"""A page that stands still for its picture, and goes on as it was."""

from html import escape

import pytest

from farm.jobs.specs.screenshot import ScreenshotSpec
from tasks.deadline import Deadline
from tasks.egress.client import Limits
from tasks.pages.browser import BrowserHolder
from tasks.pages.still import standing_still
from tasks.pages.visit import Visit, is_moved
from tests.support.pages import GREEN, RED, made, picture, pixel, shoot
from tests.support.site import Site

_BECOMES_GREEN = """<style>body { margin: 0 }
div { height: 100px; background: #f00; transition: 50s }
.end { background: #0f0 }</style><div id="box"></div>"""
_IN_A_SHADOW = """<body><div id="host"></div><script>
const root = host.attachShadow({mode: 'open'});
root.innerHTML = `<style>div { height: 100px; background: #f00; transition: 50s }
  .end { background: #0f0 }
  input { position: absolute; left: 50px; top: 150px; width: 300px; border: 0; outline: 0;
    font-size: 60px; caret-color: #f00 }
  </style><div id="box"></div><input>`;
const box = root.querySelector('div');
getComputedStyle(box).top;
box.className = 'end';
root.querySelector('input').focus();
</script>"""


@pytest.mark.parametrize(
    "path", ["/article", "/bands", "/colours", "/caret", "/dark-mode", "/drawing"]
)
def test_a_plain_picture_has_the_pixels_of_playwrights_own(
    browser: BrowserHolder, site: Site, path: str
) -> None:
    # In a scale of `css` Playwright takes it, here of the same size.
    plain, its_own = (picture(shoot(browser, site.url(path), scale=s)) for s in ("device", "css"))
    assert plain.size == its_own.size
    assert plain.tobytes() == its_own.tobytes()


def test_what_is_in_a_shadow_tree_stands_still_too(browser: BrowserHolder) -> None:
    for caret, is_seen in (("hide", False), ("initial", True)):
        image = picture(shoot(browser, html=_IN_A_SHADOW, caret=caret))
        assert pixel(image, 50, 50) == GREEN
        assert (RED in {pixel(image, x, 200) for x in range(48, 70)}) is is_seen


def test_what_is_in_a_frame_stands_still_too(browser: BrowserHolder) -> None:
    begins = "<script>getComputedStyle(box).top; box.className = 'end'</script>"
    frame = f'<iframe style="border: 0" srcdoc="{escape(_BECOMES_GREEN + begins)}"></iframe>'
    image = picture(shoot(browser, html=f'<body style="margin: 0">{frame}'))
    assert pixel(image, 50, 50) == GREEN


@pytest.mark.parametrize("style", ["", ' style="top: 3px"'])
def test_the_page_is_as_it_was_once_it_is_taken(browser: BrowserHolder, style: str) -> None:
    script = "<script>document.querySelector('input').focus()</script>"
    outcome = shoot(browser, html=f"<body><input{style}>{script}", collect=["html"])
    assert f"<input{style}>".encode() in made(outcome, "page.html").content


def test_an_animation_that_does_not_end_stands_still_and_goes_on(browser: BrowserHolder) -> None:
    with (
        browser.tab(lambda _: {}, Deadline(20)) as tab,
        browser.gate.session("a", zones=(), url=None, limits=Limits(0, 0, 20)) as session,
    ):
        tab.page.set_content("""<body><script>
          const endless = {duration: 1e6, iterations: Infinity};
          document.body.animate([{opacity: 0}, {opacity: 1}], endless);
        </script>""")
        visit = Visit(tab, session)
        spec = ScreenshotSpec(kind="screenshot", url="http://a.test")
        states = "document.getAnimations().map(each => each.playState)"
        assert tab.page.evaluate(states) == ["running"]
        with standing_still(visit, spec):
            assert tab.page.evaluate(states) == []
        assert tab.page.evaluate(states) == ["running"]


@pytest.mark.parametrize(
    ("message", "has_moved"),
    [
        ("Protocol error (Runtime.evaluate): Cannot find context with specified id", True),
        ("Protocol error (Runtime.evaluate): Inspected target navigated or closed", True),
        ("CDPSession.send: Target page, context or browser has been closed", False),
    ],
)
def test_a_browser_that_went_away_is_not_taken_for_a_page_that_moves(
    message: str, has_moved: bool
) -> None:
    assert is_moved(message) is has_moved
