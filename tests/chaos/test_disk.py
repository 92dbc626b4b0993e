"""A folder for temporary files that is full."""

import itertools
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.chaos_farm import Farms, kill
from tests.support.chaos_table import Row
from tests.support.chaos_trial import Trials
from tests.support.chaos_works import Works
from tests.support.disks import a_disk
from tests.support.waiting import until

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

_OPTIONS = "size=96m,nr_inodes=4096"
_FILLED_AT_ONCE = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder that 96 MB fill, or 4,096 files."""
    with a_disk(tmp_path / "small", _OPTIONS) as disk:
        yield disk.folder


@pytest.fixture
def trial(
    small_disk: Path, tmp_path_factory: pytest.TempPathFactory, rows: list[Row]
) -> Iterator[Trials]:
    farms = Farms(tmp_path_factory.mktemp("full"), mark=small_disk)
    yield Trials(farms, rows)
    farms.close()


def test_the_disk_for_temporary_files_is_full(
    trial: Trials, works: Works, small_disk: Path
) -> None:
    """What meets it may fail, as the farm's own fault; what comes later may not."""
    ours = frozenset({"browser_crashed", "internal_error", "worker_lost"})
    with trial("disk for temporary files full") as during:
        during.submit(works.mixed(4))
        during.wait_ended()
        for browser in during.farm.browsers():  # The next ones need room for a profile.
            kill(browser)
        until(lambda: not during.farm.browsers(), "no browser is left")
        fillers = fill(small_disk)
        meeting = works.mixed(8)
        during.submit([work.or_failed(ours) for work in meeting])
        during.wait_ended()
        for filler in fillers:
            filler.unlink()
        during.submit(works.mixed(8))


def fill(folder: Path) -> list[Path]:
    """Write into ``folder`` until nothing more goes in, no empty file either."""
    written = [folder / "filler"]
    with written[0].open("wb", buffering=0) as filler:
        for size in (_FILLED_AT_ONCE, 1):
            with suppress(OSError):
                while filler.write(bytes(size)):
                    pass
    with suppress(OSError):
        for number in itertools.count():
            (folder / f"filler-{number}").touch()
            written.append(folder / f"filler-{number}")
    return written
