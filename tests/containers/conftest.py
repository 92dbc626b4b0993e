"""The composed farm, once for all tests of this folder."""

import shutil
import subprocess
from collections.abc import Generator, Iterator

import httpx
import pytest

from tests.containers.composed_farm import ComposedFarm, running
from tests.support.neighbours import missing


@pytest.fixture(scope="session")
def farm(engine: None) -> Iterator[ComposedFarm]:
    del engine
    farm = ComposedFarm()
    with running(farm):
        yield farm


@pytest.fixture
def api(farm: ComposedFarm) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=farm.api_url, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def engine() -> None:
    """Skip, or fail in CI, where no container engine answers."""
    if shutil.which("docker") is None:
        missing("there is no docker command")
    answer = subprocess.run(
        ["docker", "info"], capture_output=True, check=False, text=True, timeout=30
    )
    if answer.returncode:
        missing(f"no container engine answers: {answer.stderr.strip()}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put what the containers said under the report of a test that failed."""
    report = yield
    if report.when == "call" and report.failed and isinstance(item, pytest.Function):
        farm = item.funcargs.get("farm")
        if isinstance(farm, ComposedFarm):
            report.sections.append(("Containers", farm.logs()))
    return report
