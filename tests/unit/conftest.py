"""What most unit tests want. They touch nothing outside their process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from pytest_socket import disable_socket, enable_socket

from api.app import create_app
from api.settings import ApiSettings
from tests.support.builders import MemoryFarm
from tests.support.fake_farm import URL


@pytest.fixture(autouse=True)
def _no_sockets() -> Iterator[None]:
    disable_socket(allow_unix_socket=True)  # asyncio makes a pair for itself
    yield
    enable_socket()


@pytest.fixture
def farm() -> MemoryFarm:
    """A farm in memory. Modules about the client have one of another sort by this name."""
    return MemoryFarm()


@pytest.fixture
def client(farm: MemoryFarm) -> FlaskClient:
    """Who asks the API of ``farm``."""
    return create_app(ApiSettings(), farm.service).test_client()


@pytest.fixture
def at_a_farm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Have the command line ask the farm at ``URL``, from a folder of its own."""
    monkeypatch.setenv("FARM_URL", URL)
    monkeypatch.delenv("FARM_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
