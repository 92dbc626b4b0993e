"""The browser that the tests of one module share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.pages.browser import BrowserHolder
from tests.support.collector import Collector, collecting
from tests.support.drivers import drivers_of_this_process
from tests.support.gate import gate, gate_to_this_machine
from tests.support.hostile import Endure, enduring
from tests.support.neighbours import BROWSERS, need
from tests.support.site import Site, serving
from tests.support.waiting import until


@pytest.fixture(scope="session", autouse=True)
def _gate() -> Iterator[None]:
    with gate_to_this_machine():
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserHolder]:
    need("chromium-headless-shell")
    holder = BrowserHolder(None, "auto", gate())
    yield holder
    holder.close()
    until(lambda: not drivers_of_this_process(), "no driver is left")


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as the:
        yield the


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Site]:
    """The site once more at another origin."""
    with serving() as running:
        yield running


@pytest.fixture(scope="module", params=BROWSERS, ids=["shell", "full"])
def endure(
    request: pytest.FixtureRequest, site: Site, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Endure]:
    """Render hostile pages with each of the two kinds of Chromium; see ``enduring``."""
    browser = BrowserHolder(Path(need(request.param)), "auto", gate())
    with enduring(browser, site, tmp_path_factory.mktemp("browser")) as function:
        yield function
    until(lambda: not drivers_of_this_process(), "no driver is left")
