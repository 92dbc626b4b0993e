"""A list through ``farm batch`` while it, or a part of the farm, is killed or goes away."""

import random
import re
from pathlib import Path

import pytest

from tests.support.batch_command import Command
from tests.support.batch_ordeal import Ordeal, markdown
from tests.support.chaos_farm import frozen, kill, lasting
from tests.support.chaos_history import log_of, stored
from tests.support.chaos_table import put
from tests.support.chaos_trial import Trial, Trials
from tests.support.chaos_works import Work, Works

_ARGUMENTS = ("--per-host-concurrency", "8", "--timeout", "20000")
_REPLACED = frozenset({"farm:api", "farm:pages"})
_LONG_S = pytest.param(35, marks=pytest.mark.long)
_COUNT = 30
_ENDED_WITHIN_S = 300


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(60, marks=pytest.mark.timeout(600)),
        pytest.param(2000, marks=[pytest.mark.timeout(3600), pytest.mark.huge]),
    ],
)
def test_a_list_is_done_whoever_is_killed(
    trial: Trials, works: Works, tmp_path: Path, pytestconfig: pytest.Config, count: int
) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    fault = f"SIGKILL of `farm batch`, the API and a worker, {count:,} URLs (seed {seed})"
    with trial(fault, replaced=_REPLACED) as during:
        some = works.pictures(count)
        command = Command.of(during.farm.stack.url, tmp_path, some)
        ordeal = Ordeal(during.farm, command, _ARGUMENTS, seed)
        start = log_of(during.farm.redis_folder).stat().st_size
        code = ordeal.run()
        take(during, command)
        during.farm.wait_written()
        history = stored(log_of(during.farm.redis_folder), start)
        found = ordeal.found(code, [job for job in during.jobs().values() if job], history)
        assert found.is_right, (seed, ordeal.events, found)
        page: Path | None = pytestconfig.getoption("--batch-table", default=None)
        if page is not None:
            put(page, "batch", markdown(ordeal, found))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("away_s", [6, _LONG_S], ids="{} s".format)
@pytest.mark.parametrize("part", ["farm:api", "redis"])
def test_a_list_waits_for_what_is_away_and_fetches_nothing_twice(
    trial: Trials, works: Works, tmp_path: Path, part: str, away_s: int
) -> None:
    fault = f"{part}: SIGKILL under `farm batch`, back after {away_s} s"
    with trial(fault, replaced=frozenset({part})) as during:
        command = Command.of(during.farm.stack.url, tmp_path, works.pictures(_COUNT, 0.5))
        log = during.farm.stack.run_dir / "farm.log"
        with command.until_done(_COUNT // 4, *_ARGUMENTS) as process:
            during.farm.wait_written()
            victim = during.farm.part(part)
            # Frozen itself, supervisord does not start it again at once.
            with frozen(during.farm.supervisord):
                kill(victim)
                before = {line["job_id"] for line in command.lines("item")}
                start = log.stat().st_size
                lasting(away_s)
                assert process.poll() is None
            _, said = process.communicate(timeout=_ENDED_WITHIN_S)
        assert process.returncode == 0, said
        assert (command.right(), command.half_written()) == (_COUNT, [])
        ended = {line["job_id"] for line in command.lines("item")}
        assert ended <= set(fetched(log, 0))
        assert not before.intersection(fetched(log, start))
        take(during, command)
        assert len(during.taken) == _COUNT


def take(during: Trial, command: Command) -> None:
    """Tell the trial which jobs have been handed in, and what comes of them."""
    by_url: dict[str, Work] = {work.spec["url"]: work for work in command.works}
    for line in command.lines("batch"):
        made = during.farm.client.all_jobs(batch=line["batch_id"])
        during.taken |= {job.id: by_url[job.spec["url"]] for job in made}


def fetched(log: Path, start: int) -> list[str]:
    """Return the jobs of whose artifacts the API has been asked, from this place of its log on."""
    return re.findall(r"/v1/jobs/([\w-]+)/artifacts/", log.read_bytes()[start:].decode())
