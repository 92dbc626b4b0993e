"""One list through a farm whose parts are killed meanwhile, and what must hold in the end."""

import random
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from farm.jobs.models import Job
from farm.jobs.states import JobState
from tests.support.batch_command import Command
from tests.support.chaos_farm import ChaosFarm, kill
from tests.support.waiting import until

CLIENT = "the command"
VICTIMS: Mapping[str, str | None] = {CLIENT: None, "the API": "farm:api", "a worker": "farm:pages"}
_NEXT_WITHIN_S = 1800
_ENDED_WITHIN_S = 3600


@dataclass
class Ordeal:
    """The list on its way."""

    farm: ChaosFarm
    command: Command
    arguments: Sequence[str]
    seed: int
    events: list[tuple[str, int, float]] = field(default_factory=list)
    """What happened, how many items were done then, and seconds from the beginning."""
    _began: float = field(default_factory=time.monotonic)

    def run(self) -> int:
        """Do the list, killing each victim once, in any order at any time; return the exit code."""
        chance = random.Random(self.seed)
        count = len(self.command.works)
        moments = sorted(chance.sample(range(count // 10, count * 8 // 10), len(VICTIMS)))
        victims = chance.sample(list(VICTIMS), len(VICTIMS))
        process = self.command.start(*self.arguments)
        try:
            for victim, moment in zip(victims, moments, strict=True):
                self._wait(process, moment)
                part = VICTIMS[victim]
                if part is not None:
                    kill(self.farm.part(part))
                    self._note(f"{victim} is killed")
                    continue
                process.kill()
                process.communicate()
                self._note(f"{victim} is killed, and given again")
                process = self.command.start(*self.arguments)
            _, said = process.communicate(timeout=_ENDED_WITHIN_S)
            self._note(f"it ends: {said.splitlines()[-1] if said else ''}")
        finally:
            process.kill()
        return process.returncode

    def found(
        self, code: int, jobs: Sequence[Job], history: Mapping[str, Sequence[Job]]
    ) -> "Found":
        """Return what came of it."""
        return Found(
            items=len(self.command.works),
            right_files=self.command.right(),
            half_written=len(self.command.half_written()),
            jobs=len(jobs),
            delivered_again=sum(job.claims > 1 for job in jobs),
            run_after_success=sum(_ran_after_success(history[job.id]) for job in jobs),
            exit_code=code,
        )

    def _wait(self, process: "subprocess.Popen[str]", count: int) -> None:
        until(
            lambda: self.command.done() >= count or process.poll() is not None,
            f"{count} items are done",
            _NEXT_WITHIN_S,
        )
        assert process.poll() is None, process.communicate()

    def _note(self, what: str) -> None:
        self.events.append((what, self.command.done(), time.monotonic() - self._began))


@dataclass(frozen=True)
class Found:
    """What came of a list."""

    items: int
    right_files: int
    half_written: int
    jobs: int
    delivered_again: int
    """Jobs that were handed out more than once: those that a killed worker had."""
    run_after_success: int
    exit_code: int

    @property
    def is_right(self) -> bool:
        """Whether all that is promised holds."""
        return (
            self.items == self.right_files == self.jobs
            and self.half_written == self.run_after_success == self.exit_code == 0
        )


def _ran_after_success(revisions: Sequence[Job]) -> bool:
    return any(
        before.state is JobState.SUCCEEDED and after.state is not JobState.SUCCEEDED
        for before, after in pairwise(revisions)
    )


def markdown(ordeal: Ordeal, found: Found) -> str:
    """Return both tables: what happened, and what came of it."""
    events = "".join(f"| {what} | {done:,} | {at_s:.0f} |\n" for what, done, at_s in ordeal.events)
    results = {
        "URLs in the list": found.items,
        "right files in the folder": found.right_files,
        "half-written files": found.half_written,
        "jobs on the farm": found.jobs,
        "jobs handed out again, for their worker was killed": found.delivered_again,
        "jobs run again after they had succeeded": found.run_after_success,
        "exit code": found.exit_code,
    }
    rows = "".join(f"| {name} | {value:,} |\n" for name, value in results.items())
    return (
        f"| what happens | items done | at (s) |\n| --- | ---: | ---: |\n{events}\n"
        f"| in the end | |\n| --- | ---: |\n{rows}"
    )
