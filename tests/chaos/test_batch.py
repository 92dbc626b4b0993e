"""A list through ``farm batch`` while the command, the API and a worker are killed."""

import random
from pathlib import Path

import pytest

from tests.support.batch_command import Command
from tests.support.batch_ordeal import Ordeal, markdown
from tests.support.chaos_history import log_of, stored
from tests.support.chaos_table import put
from tests.support.chaos_trial import Trials
from tests.support.chaos_works import Works

_ARGUMENTS = ("--per-host-concurrency", "8", "--timeout", "20000")
_REPLACED = frozenset({"farm:api", "farm:pages"})


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
        by_url = {work.spec["url"]: work for work in some}
        batches = [line["batch_id"] for line in command.lines("batch")]
        made = [job for each in batches for job in during.farm.client.all_jobs(batch=each)]
        during.taken |= {job.id: by_url[job.spec["url"]] for job in made}
        during.farm.wait_written()
        history = stored(log_of(during.farm.redis_folder), start)
        found = ordeal.found(code, [job for job in during.jobs().values() if job], history)
        assert found.is_right, (seed, ordeal.events, found)
        page: Path | None = pytestconfig.getoption("--batch-table", default=None)
        if page is not None:
            put(page, "batch", markdown(ordeal, found))
