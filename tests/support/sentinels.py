"""A Redis with a replica, and three Sentinels that watch over both."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from redis import Redis
from redis.exceptions import RedisError

from tests.support.neighbours import free_port, need
from tests.support.waiting import until

PASSWORD = "hunter2"
_NAME = "farm"


class Watched:
    """Servers of a test, each a process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self.first, self.second = self._redis(), self._redis()
        self.sentinels: list[int] = []

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.sentinels)
        return f"sentinel://:{PASSWORD}@{hosts}/{_NAME}/0"

    def start(self) -> None:
        self._asked(self.second, "REPLICAOF", "127.0.0.1", str(self.first))
        until(lambda: b"link_status:up" in self._replication(), "the replica follows", 30)
        self.sentinels = [self._sentinel() for _ in range(3)]
        until(self._know_each_other, "the Sentinels know each other and the replica", 30)

    def replicated(self) -> None:
        """Return once the replica has all that the master has taken on this connection."""
        with Redis(port=self.first, password=PASSWORD) as client:
            client.set("replicated", "until here")
            assert client.wait(1, 10_000) == 1

    def kill_the_master(self) -> None:
        """Kill it, and return once the replica is the master."""
        self._processes[self.first].kill()
        until(lambda: b"role:master" in self._replication(), "the replica is the master", 60)

    def stop(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()

    def _redis(self) -> int:
        port = free_port()
        passwords = ("--requirepass", PASSWORD, "--masterauth", PASSWORD)
        self._run(port, "--save", "", *passwords, "--repl-diskless-sync-delay", "0")
        until(lambda: self._asked(port, "PING"), "Redis answers")
        return port

    def _sentinel(self) -> int:
        port = free_port()
        file = self._folder / f"{port}.conf"
        file.write_text(
            f"sentinel monitor {_NAME} 127.0.0.1 {self.first} 2\n"
            f"sentinel auth-pass {_NAME} {PASSWORD}\n"
            f"sentinel down-after-milliseconds {_NAME} 1000\n"
            f"sentinel failover-timeout {_NAME} 5000\n"
        )
        self._run(port, "--sentinel", file=file)
        return port

    def _run(self, port: int, *options: str, file: Path | None = None) -> None:
        argv = [need("redis-server"), *([str(file)] if file else []), "--port", str(port)]
        argv += ["--bind", "127.0.0.1", "--dir", str(self._folder), *options]
        self._processes[port] = subprocess.Popen(argv, stdout=subprocess.DEVNULL)

    def _know_each_other(self) -> bool:
        try:
            for port in self.sentinels:
                with Redis(port=port, decode_responses=True) as client:
                    said = dict(client.sentinel_master(_NAME))
                if (said["num-other-sentinels"], said["num-slaves"]) != (2, 1):
                    return False
        except RedisError:
            return False
        return True

    def _replication(self) -> bytes:
        said = self._asked(self.second, "INFO", "replication")
        return said if isinstance(said, bytes) else b""

    def _asked(self, port: int, *command: str) -> object:
        try:
            with Redis(port=port, password=PASSWORD) as client:
                client.response_callbacks.clear()
                return cast("object", client.execute_command(*command))
        except RedisError:
            return None


@contextmanager
def watched(folder: Path) -> Iterator[Watched]:
    servers = Watched(folder)
    try:
        servers.start()
        yield servers
    finally:
        servers.stop()
