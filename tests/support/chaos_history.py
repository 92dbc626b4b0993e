"""All that the ledger ever stored, read from Redis's own log of its writes.

No listener can miss a revision this way, and the log outlives Redis however that ends.
"""

from collections.abc import Iterator, Mapping, Sequence
from io import BufferedReader
from itertools import pairwise
from pathlib import Path

from farm.jobs.models import Job
from farm.jobs.states import MOVES, JobState

_RECORD = b"farm:job:"
_LOGS = "appendonlydir/*.incr.aof"


def log_of(folder: Path) -> Path:
    """Return the log of the Redis that keeps its data in ``folder``.

    There must be one only, so that Redis must not rewrite it.
    """
    (log,) = folder.glob(_LOGS)
    return log


def stored(log: Path, start: int = 0) -> Mapping[str, Sequence[Job]]:
    """Return every revision that was stored, by job, in the order of the writes.

    Args:
        log: Redis's append-only file.
        start: Where to begin; only the end of an earlier reading will do.
    """
    found: dict[str, list[Job]] = {}
    with log.open("rb") as file:
        file.seek(start)
        for command in _commands(file):
            if command[0].upper() == b"HSET" and command[1].startswith(_RECORD):
                fields = dict(zip(command[2::2], command[3::2], strict=True))
                if b"record" in fields:
                    job = Job.model_validate_json(fields[b"record"])
                    found.setdefault(job.id, []).append(job)
    return found


def flaws(revisions: Sequence[Job]) -> list[str]:
    """Return what is wrong with the life of one job; nothing, if it ended exactly once."""
    last = revisions[-1]
    found = [
        f"attempt {job.attempt} of {job.spec.max_attempts}"
        for job in revisions
        if job.attempt > job.spec.max_attempts
    ]
    if revisions[0].revision != 1:
        found.append(f"its first revision is {revisions[0].revision}")
    for before, after in pairwise(revisions):
        if after.revision != before.revision + 1:
            found.append(f"revision {after.revision} follows {before.revision}")
        if not _may_become(before, after):
            found.append(f"from {before.state} to {after.state}")
        if after.claims < before.claims:
            found.append(f"claims go from {before.claims} back to {after.claims}")
    if times_ended(revisions) > 1:
        found.append(f"it ended {times_ended(revisions)} times")
    if not last.state.is_terminal:
        found.append(f"it is {last.state} for good")
    return [f"job {last.id}: {flaw}" for flaw in found]


def _may_become(before: Job, after: Job) -> bool:
    """Return whether the table has the move; only with a twin's result is no run needed."""
    if before.state is JobState.QUEUED and after.state is JobState.SUCCEEDED:
        return after.made_by is not None
    return after.state in MOVES[before.state]


def times_ended(revisions: Sequence[Job]) -> int:
    return sum(job.state.is_terminal for job in revisions)


def _commands(file: BufferedReader) -> Iterator[Sequence[bytes]]:
    """Yield each command: an array of strings in the protocol of Redis (RESP)."""
    while head := file.readline():
        if not head.startswith(b"*"):
            raise ValueError(f"no command begins with {head!r}")
        command = []
        for _ in range(int(head[1:])):
            length = int(file.readline()[1:])
            command.append(file.read(length))
            file.readline()
        yield command
