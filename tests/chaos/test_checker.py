"""The check that follows each fault does find what it looks for."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from farm.jobs.models import Job
from tests.support.builders import NOON, a_job
from tests.support.chaos_farm import Farms, kill
from tests.support.chaos_history import flaws, stored
from tests.support.chaos_table import Row, markdown, put
from tests.support.chaos_trial import BrokenPromise, Trial, Trials
from tests.support.chaos_works import Works

QUEUED = a_job("1")
RUNNING = QUEUED.claimed("pages@host", NOON, redeliveries=0)
DONE = RUNNING.succeeded(NOON, artifacts=[], report={})
AGAIN = RUNNING.given_back(NOON, counted=True)

HISTORIES: Mapping[str, tuple[Sequence[Job], str]] = {
    "ended twice": (
        [QUEUED, RUNNING, DONE, DONE.model_copy(update={"revision": 4})],
        "it ended 2 times",
    ),
    "never ended": ([QUEUED, RUNNING], "it is running for good"),
    "a revision stored twice": ([QUEUED, RUNNING, RUNNING, DONE], "revision 2 follows 2"),
    "a revision left out": ([QUEUED, RUNNING, DONE.model_copy(update={"revision": 9})], "9"),
    "from nowhere": ([RUNNING, DONE], "its first revision is 2"),
    "an illegal move": (
        [QUEUED, DONE.model_copy(update={"revision": 2})],
        "from queued to succeeded",
    ),
    "an attempt too many": (
        [QUEUED, RUNNING.model_copy(update={"attempt": 4}), DONE],
        "attempt 4 of 3",
    ),
    "claims that go back": (
        [QUEUED, RUNNING, AGAIN, DONE.model_copy(update={"revision": 4, "claims": 0})],
        "claims",
    ),
}


@pytest.mark.parametrize("history", HISTORIES)
def test_a_job_s_flawed_life_is_noticed(history: str) -> None:
    revisions, flaw = HISTORIES[history]
    assert flaw in "; ".join(flaws(revisions))


def test_a_job_that_was_given_back_and_ended_once_is_without_a_flaw() -> None:
    second = AGAIN.claimed("pages@host", NOON, redeliveries=1)
    assert (
        flaws([QUEUED, RUNNING, AGAIN, second, second.succeeded(NOON, artifacts=[], report={})])
        == []
    )


def test_every_revision_is_read_from_the_log_of_redis(tmp_path: Path) -> None:
    log = tmp_path / "log"
    commands = [["SELECT", "0"], ["MULTI"]]
    for job in (QUEUED, RUNNING):
        record = job.model_dump_json(exclude_unset=True)
        commands.append(["HSET", "farm:job:1", "revision", str(job.revision), "record", record])
    written = b"".join(map(resp, commands))
    log.write_bytes(written)
    assert stored(log) == {"1": [QUEUED, RUNNING]}
    assert stored(log, len(written)) == {}


def resp(words: Sequence[str]) -> bytes:
    parts = (b"$%d\r\n%b\r\n" % (len(word.encode()), word.encode()) for word in words)
    return b"*%d\r\n" % len(words) + b"".join(parts)


def test_the_table_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Before\n<!-- measured: chaos -->\nOld\n<!-- /measured -->\nAfter\n")
    rows = [Row("SIGKILL", 4, 0, 0, 2, 7)]
    put(page, "chaos", markdown(rows))
    assert page.read_text() == (
        f"Before\n<!-- measured: chaos -->\n{markdown(rows)}<!-- /measured -->\nAfter\n"
    )
    assert "| SIGKILL | 4 | 0 | 0 | 2 | 7 |\n" in markdown(rows)


def corrupt(during: Trial, job_id: str) -> None:
    (chunk,) = during.farm.redis.keys(f"farm:artifact:{job_id}.*:0")
    during.farm.redis.setrange(chunk, 100, b"other bytes")


def expect_another(during: Trial, job_id: str) -> None:
    other = next(each for each in during.taken if each != job_id)
    during.taken[job_id] = during.taken[other]


def forget(during: Trial, job_id: str) -> None:
    during.farm.redis.delete(f"farm:job:{job_id}", f"farm:gone:{job_id}")


def end_again(during: Trial, job_id: str) -> None:
    job = during.jobs()[job_id]
    assert job is not None
    again = job.model_copy(update={"revision": job.revision + 1})
    record = ["record", again.model_dump_json()]
    during.farm.redis.hset(f"farm:job:{job_id}", "revision", str(again.revision), items=record)


def leave_open(during: Trial, job_id: str) -> None:
    during.farm.redis.zadd("farm:open", {f"ghost of {job_id}": 2**40})


def leave_filed(during: Trial, job_id: str) -> None:
    during.farm.redis.zadd("farm:running:pages", {job_id: 0})


def leave_a_message(during: Trial, _: str) -> None:
    during.farm.redis.lpush("nobody's queue", "x")


def leave_a_process(during: Trial, _: str) -> None:
    """Start one that nobody stands above."""
    waits = "import signal; signal.pause()"
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', '{waits}'])"
    mark = {"TMPDIR": str(during.farm.stack.run_dir / "tmp")}
    subprocess.run([sys.executable, "-c", code], env=mark, check=True)


def kill_a_part(during: Trial, _: str) -> None:
    kill(during.farm.part("farm:dispatcher"))


SABOTAGE: Mapping[Callable[[Trial, str], None], str] = {
    corrupt: "screenshot.png came with other bytes than the job made",
    expect_another: "screenshot.png is not what was asked for",
    forget: "There is no job",
    end_again: "it ended 2 times",
    leave_open: "open: ghost of",
    leave_filed: "farm:running:pages: 1 jobs",
    leave_a_message: 'in the list "nobody\'s queue": 1 messages',
    leave_a_process: "stray process",
    kill_a_part: "farm:dispatcher was process",
}


@pytest.mark.timeout(300)
def test_each_sabotage_of_a_farm_is_noticed(farms: Farms, works: Works) -> None:
    rows: list[Row] = []
    with pytest.raises(BrokenPromise) as caught:
        sabotage(Trials(farms, rows), works)
    found = str(caught.value)
    assert [flaw for flaw in SABOTAGE.values() if flaw not in found] == []
    assert (rows[0].lost, rows[0].duplicated) == (1, 1)


def sabotage(trial: Trials, works: Works) -> None:
    with trial("sabotage", within_s=5) as during:
        ids = during.submit(works.pictures(len(SABOTAGE)))
        during.wait_ended()
        for harm, job_id in zip(SABOTAGE, ids, strict=True):
            harm(during, job_id)
