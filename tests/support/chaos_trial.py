"""One fault, the jobs it meets, and what must hold when it is over."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar, cast

from redis.exceptions import RedisError

from farm.client.errors import ClientError
from farm.jobs.models import Job
from farm.jobs.states import JobState
from farm.jobs.views import JobView
from tests.support.chaos_farm import ChaosFarm, Farms
from tests.support.chaos_history import flaws, log_of, stored, times_ended
from tests.support.chaos_table import Row
from tests.support.chaos_works import Work
from tests.support.waiting import until

TAKEN_WITHIN_S = 90
ENDED_WITHIN_S = 180
_THREADS = 8
_KEPT = (
    "farm:ended",
    "farm:label:",
    "farm:batches:of:",
    "farm:batches:over",
    "farm:batch-ended:",
)
"""Indexes of all jobs and batches, also of those that have ended."""
T = TypeVar("T")


class BrokenPromise(AssertionError):
    """What did not hold, a line for each."""


@dataclass
class Trial:
    """The jobs of one fault."""

    farm: ChaosFarm
    taken: dict[str, Work] = field(default_factory=dict)
    """What the farm said it would do, by the job's id."""

    def submit(self, works: Sequence[Work]) -> list[str]:
        """Hand in each, in order, as soon as somebody takes it; return the ids."""
        return [self._take(work) for work in works]

    def submit_from_threads(self, works: Sequence[Work]) -> None:
        """Hand them in from several callers at once."""
        with ThreadPoolExecutor(_THREADS) as threads:
            list(threads.map(self._take, works))

    def jobs(self) -> dict[str, Job | None]:
        """Return what the ledger has of each."""
        return self._records(list(self.taken))

    def open_jobs(self) -> list[Job]:
        """Return those that have not ended."""
        return [job for job in self._records(self._open_ids()).values() if job is not None]

    def ended(self) -> list[Job]:
        """Return those that have ended."""
        return [job for job in self.jobs().values() if job and job.state.is_terminal]

    def wait_taken(self, count: int) -> None:
        """Return once the farm has taken ``count`` of them, which another thread hands in."""
        until(lambda: len(self.taken) >= count, f"{count} jobs are taken", ENDED_WITHIN_S)

    def wait_running(self, count: int = 1) -> None:
        """Return once ``count`` of them run."""
        until(lambda: self._running() >= count, f"{count} jobs run", TAKEN_WITHIN_S)

    def wait_ended(self, count: int | None = None) -> None:
        """Return once ``count`` of them, or all, have ended."""
        wanted = len(self.taken) if count is None else count
        until(lambda: self._ended() >= wanted, f"{wanted} jobs have ended", ENDED_WITHIN_S)

    def _running(self) -> int:
        with suppress(RedisError):
            return sum(job.state is JobState.RUNNING for job in self.open_jobs())
        return 0

    def _ended(self) -> int:
        # Of thousands of jobs not each record can be read each time.
        taken = len(self.taken)
        with suppress(RedisError):
            return taken - len(self._open_ids())
        return 0

    def _open_ids(self) -> list[str]:
        found = cast("list[bytes]", self.farm.redis.zrange("farm:open", 0, -1))
        return [job_id for job_id in map(bytes.decode, found) if job_id in self.taken]

    def _records(self, ids: Sequence[str]) -> dict[str, Job | None]:
        with self.farm.redis.pipeline(transaction=False) as pipe:
            for job_id in ids:
                pipe.hget(f"farm:job:{job_id}", "record")
            records = cast("list[bytes | None]", pipe.execute())
        return {
            job_id: Job.model_validate_json(record) if record else None
            for job_id, record in zip(ids, records, strict=True)
        }

    def _take(self, work: Work) -> str:
        view: JobView = until(
            lambda: _or_none(lambda: self.farm.client.submit(work.spec)),
            "a job is taken",
            TAKEN_WITHIN_S,
        )
        self.taken[view.id] = work
        return view.id


@dataclass(frozen=True)
class Trials:
    """Runs trials on one farm after the other, and keeps the table of them."""

    farms: Farms
    rows: list[Row]

    @contextmanager
    def __call__(
        self,
        fault: str,
        *,
        replaced: frozenset[str] = frozenset(),
        within_s: float = ENDED_WITHIN_S,
    ) -> Iterator[Trial]:
        """Give a farm that is whole for the block, and see then that it kept its promises.

        Args:
            fault: What is done to it, for the table.
            replaced: Parts whose process may be another one afterwards.
            within_s: How long the jobs may take once the block is over, and all else then.

        Raises:
            BrokenPromise: It did not.
        """
        farm = self.farms.current()
        try:
            farm.wait_whole()
            trial = Trial(farm)
            start = log_of(farm.redis_folder).stat().st_size
            pids = farm.parts()
            yield trial
            found = _after(trial, within_s)
            history = stored(log_of(farm.redis_folder), start)
            self.rows.append(_row(fault, trial, history))
            found += [flaw for revisions in history.values() for flaw in flaws(revisions)]
            found += _wrong_results(trial)
            found += _replaced(pids, farm.parts(), replaced)
            _judge(f"{fault} (logs: {farm.stack.run_dir})", found)
        except BaseException:
            with suppress(AssertionError):  # What it leaves behind is the smaller matter now.
                self.farms.close()
            raise


def _judge(title: str, found: Sequence[str]) -> None:
    if found:
        raise BrokenPromise("\n".join([title, *found]))


def _after(trial: Trial, within_s: float) -> list[str]:
    """Wait until all is quiet again; return what is not."""
    farm = trial.farm
    for left, bound_s in (
        (lambda: _open(farm), within_s),
        (lambda: [*_in_celery(farm), *farm.missing(), *farm.strays()], within_s),
    ):
        with suppress(AssertionError):
            until(_is_empty(left), "nothing is left", bound_s)
    farm.wait_written()
    not_ready = [] if farm.is_ready() else ["the farm is not ready"]
    there = [*_open(farm), *_in_celery(farm), *farm.missing(), *farm.strays(), *not_ready]
    return there + _still_filed(farm)


def _is_empty(left: Callable[[], list[str]]) -> Callable[[], bool]:
    return lambda: not left()


def _open(farm: ChaosFarm) -> list[str]:
    try:
        ids = cast("list[bytes]", farm.redis.zrange("farm:open", 0, -1))
    except RedisError as error:
        return [f"Redis: {error}"]
    return [f"open: {job_id.decode()}" for job_id in ids]


def _still_filed(farm: ChaosFarm) -> list[str]:
    """Return the indexes of open jobs that hold any, now that all have ended."""
    try:
        keys = [key.decode() for key in farm.redis.scan_iter("farm:*", _type="ZSET", count=1000)]
        return [
            f"{key}: {farm.redis.zcard(key)} jobs"
            for key in keys
            if not (key.startswith(_KEPT) or key == "farm:batches")
        ]
    except RedisError as error:
        return [f"Redis: {error}"]


def _in_celery(farm: ChaosFarm) -> list[str]:
    """Return what Celery's lists hold, and what its workers have not acknowledged.

    What a dead worker had is handed out again only after minutes. They pass at once
    here: all jobs have ended, so each message that is left may come again now.
    """
    redis = farm.redis
    try:
        unacked = cast("list[bytes]", redis.zrange("unacked_index", 0, -1))
        if unacked:
            redis.zadd("unacked_index", dict.fromkeys(unacked, 1), xx=True)
        lists = [key.decode() for key in redis.scan_iter(_type="LIST")]
        # The farm's own are no queues of Celery's.
        lists = [name for name in lists if not name.startswith("farm:")]
        left = redis.hlen("unacked")
    except RedisError as error:
        return [f"Redis: {error}"]
    found = [f"in the list {name!r}: {redis.llen(name)} messages" for name in lists]
    return found + ([f"unacknowledged: {left} messages"] if left else [])


def _wrong_results(trial: Trial) -> list[str]:
    with ThreadPoolExecutor(_THREADS) as threads:
        flaws_of_each = threads.map(
            lambda taken: _wrong_result(trial.farm, *taken), trial.taken.items()
        )
        return [flaw for flaws_of_one in flaws_of_each for flaw in flaws_of_one]


def _wrong_result(farm: ChaosFarm, job_id: str, work: Work) -> list[str]:
    """Return what is wrong with a job as a caller sees it; the client compares the hashes."""
    try:
        job = farm.client.job(job_id)
        if not work.accepts(job):
            why = job.failure.code if job.failure else ""
            return [f"job {job_id} ({job.kind}, attempt {job.attempt}): {job.state} {why}"]
        found = []
        for number, artifact in enumerate(job.artifacts):
            content = farm.client.artifact(job_id, artifact.name)
            if number == 0 and not work.is_right(content):
                found.append(f"job {job_id}: {artifact.name} is not what was asked for")
    except ClientError as error:
        return [f"job {job_id}: {error}"]
    return found


def _replaced(
    before: Mapping[str, int], after: Mapping[str, int], expected: frozenset[str]
) -> list[str]:
    return [
        f"{name} was process {pid} and is {after.get(name)}"
        for name, pid in before.items()
        if after.get(name) != pid and name not in expected
    ]


def _row(fault: str, trial: Trial, history: Mapping[str, Sequence[Job]]) -> Row:
    now = datetime.now(UTC)
    jobs = {job_id: job for job_id, job in trial.jobs().items() if job is not None}
    delays = [(job.finished_at or now) - job.created_at for job in jobs.values()]
    return Row(
        fault=fault,
        jobs=len(trial.taken),
        lost=len(trial.taken) - sum(job.state.is_terminal for job in jobs.values()),
        duplicated=sum(times_ended(revisions) > 1 for revisions in history.values()),
        deliveries=max((job.claims for job in jobs.values()), default=0),
        longest_delay_s=round(max((delay.total_seconds() for delay in delays), default=0)),
    )


def _or_none(call: Callable[[], T]) -> T | None:
    with suppress(ClientError):
        return call()
    return None
