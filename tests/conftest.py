"""Neighbours that tests share, and the rule about those that are missing."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright
from redis import Redis

from farm.backends.buckets import Bucket
from tests.support.media import make_mp4
from tests.support.neighbours import need, redis_server, s3_server
from tests.support.rabbitmq import RabbitMq, rabbitmq
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
def s3_of_session() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture
def bucket(s3_of_session: str) -> Bucket:
    """A new bucket."""
    name = f"b{secrets.token_hex(8)}"
    httpx.put(f"{s3_of_session}/{name}").raise_for_status()
    return Bucket(name, "farm", s3_of_session, "us-east-1", "key", "secret")


@pytest.fixture(scope="session")
def rabbitmq_of_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMq]:
    with rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as node:
        yield node


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
