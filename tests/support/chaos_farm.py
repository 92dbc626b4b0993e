"""The composed farm for tests that break it: its parts, what they started, how to hurt them."""

import signal
import threading
import xmlrpc.client
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from supervisor.xmlrpc import SupervisorTransport

from dev.stack import Stack, running
from farm.client.errors import ClientError
from farm.client.http import FarmClient
from tests.support.neighbours import need
from tests.support.processes import Family, family, lives, workers_children
from tests.support.stacks import a_stack
from tests.support.waiting import until

WHOLE_WITHIN_S = 120
_CHILDREN: Mapping[str, int] = {"farm:api": 2, "farm:pages": 2, "farm:media": 2}
"""How many processes of its own each of these parts has."""
_REDIS = '#!/bin/sh\nexec "{}" "$@" --auto-aof-rewrite-percentage 0\n'


@dataclass(frozen=True)
class ChaosFarm:
    """One farm with all that belongs to it."""

    stack: Stack
    client: FarmClient
    redis: Redis
    processes: Family

    @property
    def redis_folder(self) -> Path:
        return self.stack.run_dir / "redis"

    @property
    def supervisord(self) -> psutil.Process:
        return psutil.Process(self.stack.pid)

    def parts(self) -> Mapping[str, int]:
        """Return the process id of each part that runs now, as supervisord sees it."""
        socket = self.stack.run_dir / "supervisor.sock"
        transport = SupervisorTransport(None, None, f"unix://{socket}")
        with xmlrpc.client.ServerProxy("http://farm", transport=transport) as proxy:
            parts: Any = proxy.supervisor.getAllProcessInfo()
        return {_full_name(part): part["pid"] for part in parts if part["statename"] == "RUNNING"}

    def part(self, name: str) -> psutil.Process:
        """Return the process of a part that must run: `redis`, `farm:pages`, ..."""
        return psutil.Process(self.parts()[name])

    def is_replaced(self, name: str, old: psutil.Process) -> bool:
        """Return whether the part runs, and in another process than ``old``."""
        return self.parts().get(name, old.pid) != old.pid

    def children(self, name: str) -> list[psutil.Process]:
        """Return the processes that a part started itself, but for a worker's gate."""
        with suppress(KeyError, psutil.NoSuchProcess):
            return workers_children(self.part(name))
        return []

    def drivers(self) -> list[psutil.Process]:
        """Return the Playwright drivers of the worker for pages."""
        return [
            process
            for child in self.children("farm:pages")
            for process in living(child)
            if _name(process).startswith("node")
        ]

    def browsers(self) -> list[psutil.Process]:
        """Return the main process of each browser.

        It is the one that has zygotes: between it and the driver may be a shell script.
        """
        return [
            process
            for driver in self.drivers()
            for process in living(driver, recursive=True)
            if any("--type=zygote" in _command(child) for child in living(process))
            and "--type=" not in _command(process)
        ]

    def renderers(self) -> list[psutil.Process]:
        """Return the processes that have pages open."""
        return [
            process
            for browser in self.browsers()
            for process in living(browser, recursive=True)
            if "--type=renderer" in _command(process)
        ]

    def prober_of(self, mark: str) -> psutil.Process | None:
        """Return the worker's child that runs ffprobe on an address with ``mark`` in it."""
        for child in self.children("farm:media"):
            if any(mark in _command(process) for process in living(child, recursive=True)):
                return child
        return None

    def missing(self) -> list[str]:
        """Return what is not there of a whole farm."""
        with suppress(OSError, xmlrpc.client.Error):
            parts = self.parts()
            found = [f"{name} is down" for name in {*_CHILDREN, "redis"} - parts.keys()]
            for name, count in _CHILDREN.items():
                there = len(self.children(name))
                found += [f"{name} has {there} children"] if there != count else []
            return found
        return ["supervisord does not answer"]

    def strays(self) -> list[str]:
        """Return the processes that supervisord does not stand above, and spare browsers."""
        found = [
            f"stray process {process.pid}: {_command(process)[:80]}"
            for process in self.processes.alive()
            if process.pid != self.stack.pid and not self._is_below(process)
        ]
        for name, there in (("drivers", self.drivers()), ("browsers", self.browsers())):
            if len(there) > _CHILDREN["farm:pages"]:
                found.append(f"{len(there)} {name}")
        return found

    def is_ready(self) -> bool:
        with suppress(ClientError):
            return self.client.ready().ready
        return False

    def wait_whole(self) -> None:
        """Return once every part is there, and ready."""
        until(lambda: not self.missing() and self.is_ready(), "the farm is whole", WHOLE_WITHIN_S)

    def wait_written(self) -> None:
        """Return once Redis has handed all to the kernel: that outlives its process."""
        until(self._is_written, "all is written", WHOLE_WITHIN_S)

    def _is_written(self) -> bool:
        with suppress(RedisError):
            return bool(self.redis.info("persistence")["aof_buffer_length"] == 0)
        return False

    def _is_below(self, process: psutil.Process) -> bool:
        with suppress(psutil.NoSuchProcess):
            return any(above.pid == self.stack.pid for above in process.parents())
        return not lives(process)


@dataclass
class Farms:
    """Gives tests the same farm until one of them has spoilt it."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    mark: Path | None = None
    """Folder for temporary files; ``None``: a new one for each farm."""
    _started: int = 0
    _farm: ChaosFarm | None = None
    _ending: ExitStack = field(default_factory=ExitStack)

    def current(self) -> ChaosFarm:
        if self._farm is None:
            self._started += 1
            folder = self.folder / str(self._started)
            folder.mkdir(parents=True)
            self._farm = self._ending.enter_context(_started(folder, self.settings, self.mark))
        return self._farm

    def close(self) -> None:
        """End the present farm. The next one is new."""
        self._farm = None
        self._ending.close()


@contextmanager
def _started(folder: Path, settings: Mapping[str, str], mark: Path | None) -> Iterator[ChaosFarm]:
    temporary = mark or folder / "tmp"
    temporary.mkdir(exist_ok=True)
    server = folder / "redis-server"
    server.write_text(_REDIS.format(need("redis-server")))
    server.chmod(0o700)
    needed = {
        "TMPDIR": str(temporary),
        "STACK_REDIS_SERVER": str(server),
        "STACK_PAGES_CONCURRENCY": str(_CHILDREN["farm:pages"]),
        "STACK_MEDIA_CONCURRENCY": str(_CHILDREN["farm:media"]),
    }
    with family(str(temporary)) as processes, (folder / "farm.log").open("wb") as log:
        stack = a_stack(folder, log, settings={**needed, **settings})
        with (
            running(stack),
            FarmClient(stack.url) as client,
            # For what the tests look at: it must find Redis again by itself.
            Redis.from_url(
                stack.redis_url, socket_timeout=10, retry=Retry(NoBackoff(), 1)
            ) as redis,
        ):
            stack.wait_ready(WHOLE_WITHIN_S)
            yield ChaosFarm(stack, client, redis, processes)
        left = processes.alive()
        assert not left, f"left by a farm that was stopped: {[_command(each) for each in left]}"


def kill(process: psutil.Process) -> None:
    """Kill the process; return once it is dead. One that is dead already is no fault."""
    with suppress(psutil.NoSuchProcess):
        process.kill()
    until(lambda: not lives(process), f"process {process.pid} is dead")


@contextmanager
def frozen(*processes: psutil.Process) -> Iterator[None]:
    """Stop the processes for the block, as a machine does that has hung."""
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)


def lasting(seconds: float) -> None:
    """Let a fault last. It has a length, so nothing is waited for."""
    threading.Event().wait(seconds)


def living(process: psutil.Process, *, recursive: bool = False) -> list[psutil.Process]:
    """Return the living children of ``process``; of one that is gone there are none."""
    with suppress(psutil.NoSuchProcess):
        return [each for each in process.children(recursive=recursive) if lives(each)]
    return []


def _full_name(part: Mapping[str, str]) -> str:
    group, name = part["group"], part["name"]
    return name if group == name else f"{group}:{name}"


def _name(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess):
        return process.name()
    return ""


def _command(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""
