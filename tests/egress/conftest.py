"""The rig, which these tests share and which this process never leaves again.

So they need a process of their own: ``pytest tests/egress``.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, sync_playwright

from tests.support.neighbours import BROWSERS, missing, need
from tests.support.rig_farm import RigFarm, farming
from tests.support.rig_namespace import NoNamespace
from tests.support.rig_session import Rig, build_rig

_HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Rig:
    if any(_HERE not in item.path.parents for item in request.session.items):
        missing("needs a process of its own: pytest tests/egress")
    try:
        found = build_rig(tmp_path_factory.mktemp("rig"))
    except NoNamespace as error:
        missing(str(error))
        raise
    for host in ("public.test", "inside.test"):
        found.origins.put_files(host, _HERE / "pages")
    found.origins.redirect("redirect.test/v/redirected.png", "http://10.0.0.5/v/redirected-to.png")
    return found


@pytest.fixture(scope="session", params=BROWSERS, ids=["shell", "full"])
def farm(rig: Rig, request: pytest.FixtureRequest) -> Iterator[RigFarm]:
    """The farm inside the rig, with each of the two kinds of Chromium that there is."""
    del rig
    need("ffprobe")
    with farming(CHROMIUM=need(request.param)) as running:
        yield running


@pytest.fixture(scope="session")
def playwright(rig: Rig) -> Iterator[Playwright]:
    """Playwright's driver inside the rig."""
    del rig
    with sync_playwright() as running:
        yield running
