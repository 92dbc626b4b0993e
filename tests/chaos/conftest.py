"""The farm that is broken, and the table of what came of it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.chaos_farm import Farms
from tests.support.chaos_table import Row, markdown, put
from tests.support.chaos_trial import Trials
from tests.support.chaos_works import Works, write_tones
from tests.support.neighbours import need
from tests.support.site import serving

_ROWS = pytest.StashKey[list[Row]]()
_OPTION = "--chaos-table"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        _OPTION, type=Path, help="page whose table is written anew if every test has passed"
    )
    parser.addoption(
        "--batch-table", type=Path, help="page whose table of the long list is written anew"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: takes minutes; only `make test-chaos` runs it")
    config.addinivalue_line("markers", "huge: thousands of jobs; only `make test-batch` runs it")
    config.stash[_ROWS] = []


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    rows = config.stash[_ROWS]
    if not rows:
        return
    terminalreporter.section("chaos")
    terminalreporter.write(markdown(rows))
    page: Path | None = config.getoption(_OPTION, default=None)
    if page is not None and exitstatus == pytest.ExitCode.OK:
        put(page, "chaos", markdown(rows))


@pytest.fixture(scope="session")
def farms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farms]:
    for program in ("redis-server", "ffprobe", "chromium-headless-shell"):
        need(program)
    found = Farms(tmp_path_factory.mktemp("chaos"))
    yield found
    found.close()


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Path]:
    return write_tones(tmp_path_factory.mktemp("tones"))


@pytest.fixture(scope="session")
def works(tones: Sequence[Path]) -> Iterator[Works]:
    with serving(tones[0].parent) as site:
        yield Works(site)


@pytest.fixture
def rows(pytestconfig: pytest.Config) -> list[Row]:
    return pytestconfig.stash[_ROWS]


@pytest.fixture
def trial(farms: Farms, rows: list[Row]) -> Trials:
    return Trials(farms, rows)
