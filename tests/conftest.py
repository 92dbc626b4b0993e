"""Neighbours that tests share, and the rule about those that are missing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from redis import Redis

from tests.support.media import make_mp4
from tests.support.neighbours import need, redis_server
from tests.support.site import Site, serving


@pytest.fixture(scope="session")
def redis_of_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def redis_url(redis_of_session: str) -> str:
    """An empty Redis."""
    with Redis.from_url(redis_of_session) as client:
        client.flushall()
    return redis_of_session


@pytest.fixture(scope="session")
def media_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``video.mp4``, which the site serves too."""
    folder = tmp_path_factory.mktemp("media")
    make_mp4(folder / "video.mp4")
    return folder


@pytest.fixture(scope="session")
def site(media_folder: Path) -> Iterator[Site]:
    with serving(media_folder) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser of the test's own, to look at the farm's pages with."""
    shell = need("chromium-headless-shell")
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=shell) as browser,
    ):
        yield browser
