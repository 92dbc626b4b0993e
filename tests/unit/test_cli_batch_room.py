"""The command ``farm batch`` with a list that the farm has no room for, over the farm's own API."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from api.app import create_app
from api.settings import ApiSettings
from farm.client.cli import cli
from farm.client.errors import RequestRefused
from farm.client.http import FarmClient
from farm.client.lists.entries import Entry
from farm.client.lists.items import wanted
from farm.client.lists.manifest import opened
from farm.client.lists.run import Run, Wishes
from farm.client.lists.telling import Telling
from farm.jobs.listing import JobFilter
from farm.jobs.models import Job
from farm.jobs.service import Limits
from tests.support.builders import NOON, MemoryFarm
from tests.support.fake_farm import FakeFarm, problem

pytestmark = pytest.mark.usefixtures("at_a_farm")


class SmallFarm(MemoryFarm):
    """Few jobs may wait in it, and what waits ends whenever its caller pauses."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.service = replace(self.service, limits=Limits(backlog_max=room))
        self.most_open = 0
        """Jobs that have been open at a time."""
        self.interrupts_after: int | None = None
        """Pauses after which its caller is interrupted; ``None``: it is not."""

    def client(self, _url: str | None = None, _key: str | None = None) -> FarmClient:
        app = create_app(ApiSettings(), self.service)
        transport = httpx.WSGITransport(app)
        return FarmClient("http://localhost:8000", "", transport=transport, sleep=self.work)

    def work(self, _seconds: float = 0) -> None:
        """Do all that waits."""
        if self.interrupts_after is not None:
            self.interrupts_after -= 1
            if self.interrupts_after < 0:
                raise KeyboardInterrupt
        waiting = [job for job in self.jobs() if not job.state.is_terminal]
        self.most_open = max(self.most_open, len(waiting))
        for job in waiting:
            running = job.claimed("worker-1", NOON, redeliveries=0)
            made = self.artifacts.put(
                running.run_id, "content.json", "application/json", [b"{}"], ttl_s=60
            )
            assert self.ledger.swap(running)
            assert self.ledger.swap(running.succeeded(NOON, artifacts=[made], report={}))

    def jobs(self) -> Sequence[Job]:
        return self.ledger.listed(JobFilter(), None, 1000).jobs


def run(farm: SmallFarm, count: int, *arguments: str) -> Result:
    listed = "".join(f"https://page-{number}.test/\n" for number in range(count))
    Path("urls.txt").write_text(listed, encoding="utf-8")
    with capture_logs():
        asked = ["batch", "urls.txt", "-o", "out", "--kind", "content", *arguments]
        return CliRunner().invoke(cli, asked, obj=farm.client, prog_name="farm")


def files() -> int:
    return len(list(Path("out").glob("*.json")))


@pytest.mark.parametrize(("room", "count"), [(1, 3), (10, 25), (10, 11), (7, 100)])
def test_a_list_of_more_than_may_ever_wait_is_handed_in_as_there_is_room(
    room: int, count: int
) -> None:
    farm = SmallFarm(room)
    done = run(farm, count)
    assert done.exit_code == 0, done.output
    said = done.stderr.splitlines()
    assert said[-1] == f"{count} done"
    assert len(said) == 2
    assert said[0].endswith("The rest is handed in as soon as there is room.")
    assert str(room) in said[0]
    assert (files(), len(farm.jobs())) == (count, count)
    assert farm.most_open <= room


def test_what_was_left_over_for_want_of_room_is_gone_on_with() -> None:
    farm = SmallFarm(4)
    farm.interrupts_after = 1
    assert run(farm, 12).exit_code == 130
    assert 0 < files() < 12
    farm.interrupts_after = None
    done = run(farm, 12)
    assert done.exit_code == 0, done.output
    assert (files(), len(farm.jobs())) == (12, 12)


class TestOthers:
    """The farm is full of what others want, and has nothing of this list."""

    @pytest.fixture
    def farm(self) -> SmallFarm:
        farm = SmallFarm(3)
        for number in range(3):
            farm.submit(url=f"https://other-{number}.test/")
        return farm

    @pytest.mark.parametrize("asked_s", ["0", "100000"])
    def test_nor_as_a_farm_asks_that_makes_no_sense(self, asked_s: str) -> None:
        farm = FakeFarm()
        headers = {"Retry-After": asked_s}
        farm.troubles = [problem(429, "queue_full", "Full.", headers=headers)] * 1000
        naps: list[float] = []
        with pytest.raises(RequestRefused):
            self.do(farm, naps.append)
        assert sum(naps) == 600
        assert min(naps) >= 1

    def do(self, farm: SmallFarm | FakeFarm, sleep: Callable[[float], None]) -> Telling:
        spec = {"kind": "content", "url": "https://mine.test/"}
        found = wanted([Entry(1, spec)], {}, None)
        telling = Telling(quiet=True, as_json=False)
        with capture_logs(), opened(Path()) as manifest:
            wishes = Wishes({}, patience_s=600)
            Run(farm.client(), Path(), manifest, telling, wishes, sleep=sleep).do(found.items)
        return telling

    def test_room_is_waited_for(self, farm: SmallFarm) -> None:
        naps: list[float] = []

        def sleep(seconds: float) -> None:
            naps.append(seconds)
            if len(naps) == 3:
                farm.work()

        assert not self.do(farm, sleep).is_incomplete
        assert len(naps) == 3
        assert min(naps) >= 1
        assert len(farm.jobs()) == 4

    def test_but_not_for_ever(self, farm: SmallFarm) -> None:
        naps: list[float] = []
        with pytest.raises(RequestRefused) as refused:
            self.do(farm, naps.append)
        assert refused.value.code == "queue_full"
        assert sum(naps) == 600
        farm.work()
        assert not self.do(farm, naps.append).is_incomplete
